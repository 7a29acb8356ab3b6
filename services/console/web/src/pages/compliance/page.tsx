// Who gets receipts, and the last ones that went out.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type FormEvent, type ReactNode, useState } from "react";
import { useChannelNames } from "../../api/channels";
import { useApp, useSession } from "../../api/context";
import { findDeliveries } from "../../api/find";
import { useServices } from "../../api/services";
import { useMay } from "../../api/self";
import { kindOf } from "../../api/words";
import { why } from "../../domain/wording";
import { useRefetchOn } from "../../live/refetch";
import { toRow } from "../../live/row";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { Meanwhile, useDraft } from "../../parts/draft";
import { ErrorSummary, NO_ERRORS, placed } from "../../parts/errors";
import { ago, plain, utc } from "../../parts/format";
import { AddressesField } from "../../parts/inputs";
import { useNow } from "../../parts/now";
import { StatePill } from "../../parts/pill";
import { TargetName } from "../../parts/target";
import { done } from "../../parts/toast";

/** Reasons of receipts, as the Router stores them. */
const RECEIPTS = new Set(["receipt_recipient", "owner_fallback", "receipt_kept"]);
/** How many emails are looked through for receipts. */
const LOOK = 500;
const SHOWN = 50;
const CONTROLS = ["recipients"];

export function CompliancePage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const services = useServices();
  const { epoch } = useSession();
  const recipients = useQuery({
    queryKey: ["compliance", team, epoch],
    queryFn: async ({ signal }) => (await services.preferences.getComplianceRecipients({ teamId: team }, { signal })).recipients,
  });
  return (
    <>
      <header className="page-head">
        <h1>{en.compliance.title}</h1>
      </header>
      <div className="page-body">
        {recipients.error && !recipients.data ? <Broken error={recipients.error} again={() => void recipients.refetch()} /> : null}
        <div className="columns">
          {recipients.data ? <Recipients team={team} recipients={recipients.data} /> : null}
          <Receipts team={team} />
        </div>
      </div>
    </>
  );
}

function Recipients({ team, recipients }: { team: string; recipients: readonly string[] }): ReactNode {
  const services = useServices();
  const cache = useQueryClient();
  const may = useMay();
  const { epoch } = useSession();
  const form = useDraft(recipients.join(), () => ({ recipients }));
  const [errors, setErrors] = useState(NO_ERRORS);
  const save = useMutation({
    mutationFn: () => services.preferences.updateComplianceRecipients({ teamId: team, recipients: [...form.values.recipients] }),
    onSuccess: ({ recipients: saved }) => {
      done(en.channel.saved);
      setErrors(NO_ERRORS);
      cache.setQueryData(["compliance", team, epoch], saved);
      form.discard();
    },
    onError: (error) => setErrors(placed(error, "", CONTROLS)),
  });
  return (
    <form
      className="card grid gap-3"
      noValidate
      aria-label={en.compliance.recipients}
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        save.mutate();
      }}
    >
      <p className="text-muted">{en.compliance.text}</p>
      <ErrorSummary errors={new Map()} rest={errors.rest} />
      <AddressesField
        label={en.compliance.recipients}
        hint={en.compliance.hint}
        path="recipients"
        errors={errors.fields}
        rows={5}
        readOnly={!may.configure}
        value={form.values.recipients}
        onChange={(next) => form.set("recipients", next)}
      />
      <Meanwhile form={form} nameOf={() => en.compliance.recipients} />
      <p className="flex justify-end">
        <button type="submit" className="btn btn-primary" disabled={!may.configure || form.dirty.length === 0 || form.conflicts.length > 0 || save.isPending} title={may.configure ? undefined : en.denied.configure}>
          {save.isPending ? en.channel.saving : en.channel.save}
        </button>
      </p>
    </form>
  );
}

function Receipts({ team }: { team: string }): ReactNode {
  const { clients } = useApp();
  const { epoch } = useSession();
  const may = useMay();
  const names = useChannelNames(team);
  const now = useNow(15_000);
  const queryKey = ["receipts", team, epoch];
  useRefetchOn(queryKey, ({ route }) => RECEIPTS.has(route?.reason?.code ?? ""));
  const { data, error, refetch } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => {
      const request = { teamId: team, kind: kindOf("email"), pageSize: LOOK };
      const { deliveries } = await findDeliveries(clients, request, signal);
      const receipts = deliveries.map(toRow).filter(({ reason }) => RECEIPTS.has(reason.code));
      return { looked: deliveries.length, receipts: receipts.slice(0, SHOWN) };
    },
    enabled: may.log,
  });
  return (
    <section className="card" aria-label={en.compliance.last}>
      <h2 className="mb-2">{en.compliance.last}</h2>
      {error && !data ? <Broken error={error} again={() => void refetch()} /> : null}
      {data?.receipts.length === 0 ? <p className="text-muted">{en.compliance.none(data.looked)}</p> : null}
      <ul className="grid gap-2">
        {data?.receipts.map((row) => (
          <li key={row.id} className="flex min-w-0 flex-wrap items-center gap-x-3 gap-y-1">
            <StatePill state={row.state} />
            <TargetName kind={row.kind} target={row.target} names={names} />
            <Link className="link cut min-w-0 flex-1" to="/t/$team/deliveries" params={{ team }} search={{ range: "all", open: row.id }}>
              {plain(row.title) || row.type}
            </Link>
            <span className="text-sm text-muted" title={utc(row.made)}>
              {plain(why(row.reason))} · {ago(row.made, now)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
