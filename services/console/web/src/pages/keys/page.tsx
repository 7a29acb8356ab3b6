// The API keys of a team: what each may do, when it ends; a new one is shown once.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { Plus, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useApp, useSession } from "../../api/context";
import { type ApiKey, Scope } from "../../api/gen/watchbell/config/v1/api_key_pb";
import { useMay, useSelf } from "../../api/self";
import { millis, timestamp } from "../../api/times";
import { command } from "../../domain/cli";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { CopyButton } from "../../parts/copy";
import { Confirm, Sheet } from "../../parts/dialog";
import { NO_ERRORS, placed } from "../../parts/errors";
import { FieldGroup } from "../../parts/field";
import { FormDialog } from "../../parts/form-dialog";
import { DAY, ago, moment, plain, utc } from "../../parts/format";
import { SelectField, TextField } from "../../parts/inputs";
import { useNow } from "../../parts/now";
import { done, refused } from "../../parts/toast";

const SCOPES = [Scope.EMIT, Scope.CONFIG_READ, Scope.CONFIG_WRITE, Scope.DELIVERIES_READ, Scope.DELIVERIES_WRITE, Scope.INBOX] as const;
/** A key that ends within this time is marked. */
const SOON = 14 * DAY;

export function KeysPage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const { clients } = useApp();
  const { epoch } = useSession();
  const cache = useQueryClient();
  const may = useMay();
  const now = useNow(60_000);
  const [making, setMaking] = useState(false);
  const [removing, setRemoving] = useState<ApiKey | null>(null);
  const queryKey = ["keys", team, epoch];
  const { data, error, refetch } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await clients.teams.listApiKeys({ teamId: team, pageSize: 1_000 }, { signal })).apiKeys,
    enabled: may.keys,
  });
  const remove = useMutation({
    mutationFn: (key: ApiKey) => clients.teams.deleteApiKey({ teamId: team, apiKeyId: key.id }),
    onSuccess: (_, key) => done(en.keys.removed(plain(key.displayName))),
    onError: (problem) => refused(en.keys.refused, problem),
    onSettled: async () => {
      setRemoving(null);
      await cache.invalidateQueries({ queryKey });
    },
  });
  return (
    <>
      <header className="page-head">
        <h1>{en.keys.title}</h1>
        <span className="ms-auto" />
        <button
          type="button"
          className="btn btn-primary"
          disabled={!may.keys}
          title={may.keys ? undefined : en.denied.keys}
          onClick={() => setMaking(true)}
        >
          <Plus aria-hidden="true" />
          {en.keys.add}
        </button>
      </header>
      <div className="page-body">
        {may.keys ? null : <p className="card">{en.denied.keys}</p>}
        {error && !data ? <Broken error={error} again={() => void refetch()} /> : null}
        {data?.length === 0 ? (
          <div className="empty">
            <h2>{en.keys.empty}</h2>
            <p>{en.keys.emptyText}</p>
            <pre className="code text-start">{command("keys", "create", "--team", team, "--name", "ci", "--scope", "emit")}</pre>
          </div>
        ) : null}
        <ul className="grid gap-2">
          {data?.map((key) => (
            <Row key={key.id} apiKey={key} now={now} onRemove={() => setRemoving(key)} />
          ))}
        </ul>
      </div>
      {making ? <NewKey team={team} onClose={() => setMaking(false)} onMade={() => cache.invalidateQueries({ queryKey })} /> : null}
      {removing ? (
        <Confirm
          open
          onClose={() => setRemoving(null)}
          title={en.keys.removeTitle(plain(removing.displayName))}
          verb={en.keys.removeVerb}
          danger
          busy={remove.isPending}
          onConfirm={() => remove.mutate(removing)}
        >
          <p>{en.keys.removeText}</p>
        </Confirm>
      ) : null}
    </>
  );
}

function Row({ apiKey, now, onRemove }: { apiKey: ApiKey; now: number; onRemove: () => void }): ReactNode {
  const [made, used, ends] = [millis(apiKey.createTime), millis(apiKey.lastUseTime), millis(apiKey.expireTime)];
  const name = plain(apiKey.displayName);
  const ended = ends !== null && ends <= now;
  return (
    <li className="card flex flex-wrap items-center gap-x-4 gap-y-1">
      <div className="min-w-[140px] flex-1">
        <b className="wrap-anywhere">{name}</b>
        <p className="mono text-sm text-muted">{apiKey.id}</p>
      </div>
      <p className="flex flex-wrap gap-1">
        {apiKey.scopes.map((scope) => (
          <span key={scope} className="tag mono">
            {en.keys.scopes[scope]?.[0] ?? en.unknown(scope)}
          </span>
        ))}
      </p>
      <p className="text-sm text-muted">
        {made === null ? null : (
          <span title={utc(made)}>
            {en.keys.made(ago(made, now), apiKey.creator ? plain(apiKey.creator.displayName || apiKey.creator.id) : "")}
          </span>
        )}{" "}
        {used === null ? null : <span title={utc(used)}>{en.keys.used(ago(used, now))}</span>}{" "}
        {ends === null ? (
          en.keys.never
        ) : (
          <span className={ended || ends - now < SOON ? "font-semibold text-parked" : undefined} title={utc(ends)}>
            {ended ? en.keys.ended : en.keys.ends(moment(ends, now))}
          </span>
        )}
      </p>
      <button type="button" className="btn btn-quiet btn-icon" aria-label={en.keys.removeLabel(name)} onClick={onRemove}>
        <Trash2 aria-hidden="true" />
      </button>
    </li>
  );
}

interface NewKeyProps {
  readonly team: string;
  readonly onClose: () => void;
  readonly onMade: () => Promise<unknown>;
}

const LASTS = [0, 7, 30, 90, 365] as const;
const CONTROLS = ["display_name", "scopes", "expire_time"];

function NewKey({ team, onClose, onMade }: NewKeyProps): ReactNode {
  const { clients } = useApp();
  const self = useSelf();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>([Scope.EMIT]);
  const [days, setDays] = useState<(typeof LASTS)[number]>(90);
  const [errors, setErrors] = useState(NO_ERRORS);
  const [shown, setShown] = useState("");
  const make = useMutation({
    mutationFn: () =>
      clients.teams.createApiKey({
        teamId: team,
        apiKey: { displayName: name.trim(), scopes: [...scopes], ...(days === 0 ? {} : { expireTime: timestamp(Date.now() + days * DAY) }) },
      }),
    // The key is not to stay in the cache.
    gcTime: 0,
    onSuccess: async ({ key }) => {
      setShown(key);
      make.reset();
      await onMade();
    },
    onError: (error) => setErrors(placed(error, "api_key", CONTROLS)),
  });
  if (shown !== "") {
    return (
      <Sheet open onClose={onClose} title={en.keys.shown} description={en.keys.shownText} firm>
        <div className="flex items-center gap-2">
          <code className="code min-w-0 flex-1 wrap-anywhere" aria-label={en.signIn.key}>
            {shown}
          </code>
          <CopyButton text={shown} />
        </div>
        <div className="dialog-foot">
          <button type="button" className="btn btn-primary" onClick={onClose}>
            {en.secret.stored}
          </button>
        </div>
      </Sheet>
    );
  }
  return (
    <FormDialog
      title={en.keys.add}
      firm={name !== ""}
      errors={errors}
      busy={make.isPending}
      verb={[en.form.create, en.form.creating]}
      onSubmit={() => make.mutate()}
      onClose={onClose}
    >
      <TextField label={en.keys.name} hint={en.keys.nameHint} path="display_name" errors={errors.fields} value={name} onChange={setName} />
      <FieldGroup label={en.keys.may} error={errors.fields.get("scopes")} path="scopes">
        <ul className="grid gap-1.5">
          {SCOPES.map((scope) => {
            const [word, text] = en.keys.scopes[scope] ?? ["", ""];
            const held = !self || self.member !== null || self.scopes.has(scope);
            return (
              <li key={scope}>
                <label className="flex items-start gap-2" title={held ? undefined : en.keys.notHeld}>
                  <input
                    type="checkbox"
                    className="check"
                    checked={scopes.includes(scope)}
                    disabled={!held}
                    onChange={(event) => setScopes(SCOPES.filter((one) => (one === scope ? event.target.checked : scopes.includes(one))))}
                  />
                  <span className="mono font-semibold whitespace-nowrap">{word}</span>
                  <span className="text-muted">{text}</span>
                </label>
              </li>
            );
          })}
        </ul>
      </FieldGroup>
      <SelectField
        label={en.keys.lasts}
        hint={en.keys.lastsHint}
        path="expire_time"
        errors={errors.fields}
        options={LASTS}
        word={(one) => (one === 0 ? en.keys.forGood : en.keys.days(one))}
        value={days}
        onChange={setDays}
      />
    </FormDialog>
  );
}
