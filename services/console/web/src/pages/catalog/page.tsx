// The event types that the team knows: what each means, whom it reaches by default, what its data must look like.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Pencil, Plus, Trash2 } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useServices } from "../../api/services";
import { useEventTypes } from "../../api/event-types";
import type { EventType } from "../../api/gen/watchbell/config/v1/event_type_pb";
import { useMay } from "../../api/self";
import { categoryWord, severityWord } from "../../api/words";
import { word } from "../../domain/cli";
import { fieldsOf } from "../../domain/schema-fields";
import * as en from "../../messages/en";
import { CopyButton } from "../../parts/copy";
import { Confirm } from "../../parts/dialog";
import { plain } from "../../parts/format";
import { useKeys } from "../../parts/keys";
import { SeverityBar } from "../../parts/pill";
import { topicName } from "../../parts/preference";
import { SchemaNotes } from "../../parts/schema-notes";
import { done, refused } from "../../parts/toast";
import { Broken } from "../../parts/broken";
import { TypeForm } from "./form";
import { policyText } from "./policy";

type Asking = { readonly what: "form"; readonly type?: EventType } | { readonly what: "delete"; readonly type: EventType };

export function CatalogPage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const search = useSearch({ from: "/t/$team/catalog" });
  const navigate = useNavigate({ from: "/t/$team/catalog" });
  const services = useServices();
  const cache = useQueryClient();
  const may = useMay();
  const { data: types, error, refetch } = useEventTypes(team);
  const [asking, setAsking] = useState<Asking | null>(null);
  const denied = may.configure ? undefined : en.denied.configure;
  const changed = () => cache.invalidateQueries({ queryKey: ["event-types", team] });
  const find = (search.find ?? "").toLowerCase();
  const shown = (types ?? []).filter(({ name, description, topic }) => `${name} ${description} ${topic}`.toLowerCase().includes(find));
  const open = types?.find(({ name }) => name === search.open);
  const remove = useMutation({
    mutationFn: (type: EventType) => services.catalog.deleteEventType({ teamId: team, name: type.name, etag: type.etag }),
    onSuccess: (_, type) => done(en.catalog.removed(type.name)),
    onError: (problem) => refused(en.catalog.refused, problem),
    onSettled: async () => {
      setAsking(null);
      await changed();
    },
  });
  return (
    <>
      <header className="page-head">
        <h1>{en.catalog.title}</h1>
        <input
          type="search"
          className="input max-md:order-last md:!w-[320px]"
          aria-label={en.catalog.find}
          placeholder={en.catalog.find}
          defaultValue={search.find ?? ""}
          onChange={(event) => void navigate({ search: { ...search, find: event.target.value }, replace: true })}
        />
        <span className="ms-auto text-sm text-muted max-md:hidden">{types ? en.typesCounted(shown.length) : ""}</span>
        <button type="button" className="btn btn-primary" disabled={!may.configure} title={denied} onClick={() => setAsking({ what: "form" })}>
          <Plus aria-hidden="true" />
          {en.catalog.add}
        </button>
      </header>
      <div className="split" data-open={open !== undefined || undefined}>
        <div className="split-list">
          {error && !types ? <Broken error={error} again={() => void refetch()} /> : null}
          {types && shown.length === 0 ? <p className="empty">{en.catalog.none}</p> : null}
          <ul>
            {shown.map((type) => (
              <li key={type.name}>
                <Link
                  to="/t/$team/catalog"
                  params={{ team }}
                  search={{ ...search, open: type.name }}
                  className="line-link"
                >
                  <SeverityBar severity={severityWord(type.defaultSeverity)} small />
                  <span className="min-w-0 flex-1">
                    <span className="mono cut block font-semibold">{type.name}</span>
                    <span className="cut block text-sm text-muted">{plain(type.description)}</span>
                  </span>
                  {type.builtIn ? null : <span className="tag">{en.catalog.own}</span>}
                  <span className="text-sm text-muted max-md:hidden">{policyText(type)}</span>
                </Link>
              </li>
            ))}
          </ul>
        </div>
        {open ? (
          <Detail
            key={open.name}
            team={team}
            type={open}
            denied={denied}
            onEdit={() => setAsking({ what: "form", type: open })}
            onDelete={() => setAsking({ what: "delete", type: open })}
            onClose={() => void navigate({ search: search.find ? { find: search.find } : {} })}
          />
        ) : null}
      </div>
      {asking?.what === "form" ? (
        <TypeForm
          team={team}
          type={asking.type && (types?.find(({ name }) => name === asking.type?.name) ?? asking.type)}
          onClose={() => setAsking(null)}
          onSaved={async (name) => {
            await changed();
            setAsking(null);
            void navigate({ search: { ...search, open: name } });
          }}
        />
      ) : null}
      {asking?.what === "delete" ? (
        <Confirm
          open
          onClose={() => setAsking(null)}
          title={en.catalog.removeTitle(asking.type.name)}
          verb={en.catalog.removeVerb}
          danger
          busy={remove.isPending}
          onConfirm={() => remove.mutate(asking.type)}
        >
          <p>{en.catalog.removeText}</p>
        </Confirm>
      ) : null}
    </>
  );
}

interface DetailProps {
  readonly team: string;
  readonly type: EventType;
  readonly denied: string | undefined;
  readonly onEdit: () => void;
  readonly onDelete: () => void;
  readonly onClose: () => void;
}

function Detail({ team, type, denied, onEdit, onDelete, onClose }: DetailProps): ReactNode {
  useKeys({ Escape: onClose });
  const category = categoryWord(type.category);
  const severity = severityWord(type.defaultSeverity);
  const example = type.example ? JSON.stringify(type.example, null, 2) : "";
  const emit = `watchbell emit --team ${word(team)} --type ${word(type.name)}${type.example ? ` --data ${word(JSON.stringify(type.example))}` : ""}`;
  const facts: [string, ReactNode][] = [
    [en.catalog.category, category ? en.categories[category] : en.unknown(type.category)],
    [en.catalog.severity, severity ? en.severities[severity] : en.unknown(type.defaultSeverity)],
    [en.catalog.alerts, policyText(type)],
    [en.catalog.topic, type.topic ? topicName(type.topic) : en.catalog.noTopic],
    [en.catalog.titleField, plain(type.title) || en.log.untitled],
  ];
  return (
    <section className="split-detail" aria-label={type.name}>
      <div className="flex flex-wrap items-start gap-2">
        <h2 className="mono min-w-0 flex-1 wrap-anywhere">{type.name}</h2>
        <button type="button" className="btn btn-small" onClick={onClose}>
          {en.close}
        </button>
      </div>
      <p>{plain(type.description)}</p>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name} className="contents">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p className="flex flex-wrap gap-2">
        <Link className="btn btn-small" to="/t/$team/routing" params={{ team }} search={{ type: type.name }}>
          {en.catalog.who}
        </Link>
        <Link className="btn btn-small" to="/t/$team/deliveries" params={{ team }} search={{ type: type.name, range: "all" }}>
          {en.shell.deliveries}
        </Link>
        {type.builtIn ? null : (
          <>
            <button type="button" className="btn btn-small" disabled={denied !== undefined} title={denied} onClick={onEdit}>
              <Pencil aria-hidden="true" />
              {en.routing.edit}
            </button>
            <button type="button" className="btn btn-small" disabled={denied !== undefined} title={denied} onClick={onDelete}>
              <Trash2 aria-hidden="true" />
              {en.routing.remove}
            </button>
          </>
        )}
      </p>
      {type.builtIn ? <p className="field-hint">{en.catalog.builtIn}</p> : null}
      {example ? (
        <>
          <h3>{en.catalog.example}</h3>
          <pre className="code" tabIndex={0} aria-label={en.catalog.example}>
            {plain(example)}
          </pre>
          <p>
            <CopyButton text={emit} label={en.drawer.cli} className="btn btn-small" />
          </p>
        </>
      ) : null}
      <h3>{en.catalog.schema}</h3>
      {type.dataSchema ? (
        <>
          <SchemaNotes fields={fieldsOf(type.dataSchema, [])} />
          <details>
            <summary className="field-hint">{en.catalog.asJson}</summary>
            <pre className="code mt-2" tabIndex={0} aria-label={en.catalog.schema}>
              {plain(JSON.stringify(type.dataSchema, null, 2))}
            </pre>
          </details>
        </>
      ) : (
        <p className="text-muted">{en.catalog.anyData}</p>
      )}
    </section>
  );
}
