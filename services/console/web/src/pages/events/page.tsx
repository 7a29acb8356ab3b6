// The events that were accepted, newest first; each with its data, and who got it.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { useChannelNames } from "../../api/channels";
import { useApp, useSession } from "../../api/context";
import { useDeliveriesOf, useEvent } from "../../api/event";
import { useEventTypes } from "../../api/event-types";
import { findEvents } from "../../api/find";
import type { AcceptedEvent } from "../../api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { useMay } from "../../api/self";
import { millis } from "../../api/times";
import { categoryWord, kindWord, severityWord } from "../../api/words";
import { indented } from "../../domain/json";
import { membersOf } from "../../domain/members";
import { fieldsOf } from "../../domain/schema-fields";
import { useRefetchOn } from "../../live/refetch";
import { targetOf } from "../../live/row";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { CopyButton } from "../../parts/copy";
import { made, plain, utc, webAddress, whole } from "../../parts/format";
import { useKeys } from "../../parts/keys";
import { PreviewDialog } from "../../parts/message-preview";
import { useNow } from "../../parts/now";
import { SeverityBar, StatePill } from "../../parts/pill";
import { SchemaNotes } from "../../parts/schema-notes";
import { SendTest } from "../../parts/send-test";
import { TargetName } from "../../parts/target";
import { emitCommand } from "../deliveries/empty";
import { eventInit, playOfEvent } from "../routing/play";
import { Filters } from "./filters";
import { RerouteDialog } from "./reroute";
import { type EventsSearch, asked, isNarrowed } from "./search";

const PAGE = 100;
/** All pages that were read are read again. */
const EVERY = 3_000;

function useEvents(team: string, search: EventsSearch) {
  const { clients } = useApp();
  const { epoch } = useSession();
  const { type, severity, category, source, text, tests } = search;
  const queryKey = ["events", team, epoch, type, severity, category, source, text, tests];
  // A delivery that has just been made tells of an event.
  useRefetchOn(queryKey, ({ attemptCount, endTime }) => attemptCount === 0 && !endTime, EVERY);
  return useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) =>
      findEvents(
        clients,
        {
          teamId: team,
          pageSize: PAGE,
          pageToken: pageParam,
          ...asked(search),
          includeTests: tests === "yes",
        },
        signal,
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.nextPageToken || undefined,
  });
}

export function EventsPage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const search = useSearch({ from: "/t/$team/events" });
  const navigate = useNavigate({ from: "/t/$team/events" });
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage, isPending } = useEvents(team, search);
  const now = useNow(15_000);
  const may = useMay();
  const [rerouting, setRerouting] = useState(false);
  const events = (data?.pages ?? []).flatMap((page) => page.events);
  const change = (part: EventsSearch) => void navigate({ search: { ...search, ...part } as EventsSearch, replace: true });
  return (
    <>
      <header className="page-head">
        <h1>{en.events.title}</h1>
        <label className="flex items-center gap-2 text-sm">
          <input type="checkbox" className="check" checked={search.tests === "yes"} onChange={(event) => change({ tests: event.target.checked ? "yes" : undefined } as EventsSearch)} />
          {en.events.tests}
        </label>
        <button type="button" className="btn ms-auto" disabled={!may.act} title={may.act ? undefined : en.denied.act} onClick={() => setRerouting(true)}>
          {en.reroute.open}
        </button>
      </header>
      <div className="chips" role="search" aria-label={en.events.filters}>
        <Filters team={team} search={search} onChange={change} />
      </div>
      <div className="split" data-open={search.open !== undefined || undefined}>
        <div className="split-list">
          {error && !data ? <Broken error={error} again={() => void refetch()} /> : null}
          {!error && events.length === 0 ? <Nothing team={team} isPending={isPending} isNarrowed={isNarrowed(search)} onClear={() => void navigate({ search: {} })} /> : null}
          <ul>
            {events.map((accepted) => (
              <EventLine key={accepted.event?.id} team={team} accepted={accepted} search={search} now={now} />
            ))}
          </ul>
          {hasNextPage ? (
            <p className="p-3 text-center">
              <button type="button" className="btn btn-small" disabled={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                {en.inboxPage.older}
              </button>
            </p>
          ) : null}
        </div>
        {search.open === undefined ? null : (
          <Detail key={search.open} team={team} id={search.open} now={now} onClose={() => change({ open: undefined } as unknown as EventsSearch)} />
        )}
      </div>
      {rerouting ? <RerouteDialog team={team} search={search} onClose={() => setRerouting(false)} /> : null}
    </>
  );
}

function Nothing({ team, isPending, isNarrowed, onClear }: { team: string; isPending: boolean; isNarrowed: boolean; onClear: () => void }): ReactNode {
  if (isPending) {
    return (
      <p className="empty" role="status">
        {en.loading}
      </p>
    );
  }
  if (isNarrowed) {
    return (
      <div className="empty">
        <h2>{en.empty.filter}</h2>
        <button type="button" className="btn" onClick={onClear}>
          {en.log.clear}
        </button>
      </div>
    );
  }
  const command = emitCommand(team);
  return (
    <div className="empty">
      <h2>{en.empty.noEventsTitle}</h2>
      <p>{en.empty.noEventsText}</p>
      <pre className="code text-start">{command}</pre>
      <CopyButton text={command} />
    </div>
  );
}

interface LineProps {
  readonly team: string;
  readonly accepted: AcceptedEvent;
  readonly search: EventsSearch;
  readonly now: number;
}

function EventLine({ team, accepted, search, now }: LineProps): ReactNode {
  const { event } = accepted;
  if (!event) return null;
  const at = millis(accepted.acceptTime) ?? now;
  return (
    <li>
      <Link
        to="/t/$team/events"
        params={{ team }}
        search={{ ...search, open: event.id }}
        className="line-link"
      >
        <SeverityBar severity={severityWord(event.severity)} small />
        <span className="min-w-0 flex-1">
          <span className="cut block">
            <b>{plain(event.title) || en.log.untitled}</b> <span className="mono text-muted">{event.type}</span>
          </span>
          <span className="cut block text-sm text-muted">{[event.source, event.subject].filter(Boolean).map(plain).join(" · ") || event.id}</span>
        </span>
        {event.test ? <span className="tag">{en.log.test}</span> : null}
        <span className="flex-none text-end text-sm text-muted">
          <span className="block" title={utc(at)}>
            {made(at, now)}
          </span>
          <span className="block">{accepted.routes.length === 0 ? en.events.nobody : en.recipientsCounted(accepted.routes.length)}</span>
        </span>
      </Link>
    </li>
  );
}

function Detail({ team, id, now, onClose }: { team: string; id: string; now: number; onClose: () => void }): ReactNode {
  const may = useMay();
  const names = useChannelNames(team);
  const { data, error, refetch } = useEvent(team, id);
  const deliveries = useDeliveriesOf(team, id);
  const [asking, setAsking] = useState<"preview" | "test" | null>(null);
  useKeys({ Escape: onClose });
  const event = data?.event;
  const category = event ? categoryWord(event.category) : null;
  const { data: types } = useEventTypes(team, may.read);
  const members = membersOf(data?.dataJson ?? "");
  const meant = fieldsOf(types?.find(({ name }) => name === event?.type)?.dataSchema, []).filter(({ name }) => members?.has(name));
  const link = webAddress(event?.url ?? "");
  const facts: [string, string | undefined][] = event
    ? [
        [en.catalog.name, event.type],
        [en.catalog.category, category ? en.categories[category] : en.unknown(event.category)],
        [en.events.source, plain(event.source)],
        [en.events.subject, plain(event.subject)],
        [en.events.occurred, whole(millis(event.occurredAt) ?? now)],
        [en.events.accepted, whole(millis(data?.acceptTime) ?? now)],
        [en.events.id, event.id],
      ]
    : [];
  return (
    <section className="split-detail" aria-label={en.drawer.event}>
      <div className="flex items-start gap-2">
        <h2 className="flex min-w-0 flex-1 items-center gap-[9px]">
          {event ? <SeverityBar severity={severityWord(event.severity)} small /> : null}
          <span className="wrap-anywhere">{event ? plain(event.title) || en.log.untitled : id}</span>
        </h2>
        <button type="button" className="btn btn-small" onClick={onClose}>
          {en.close}
        </button>
      </div>
      {error && !data ? <Broken error={error} again={() => void refetch()} /> : null}
      {event ? (
        <>
          <dl className="facts">
            {facts
              .filter(([, value]) => value)
              .map(([name, value]) => (
                <div key={name} className="contents">
                  <dt>{name}</dt>
                  <dd className="wrap-anywhere">{value}</dd>
                </div>
              ))}
          </dl>
          <p className="flex flex-wrap gap-2">
            <Link className="btn btn-small" to="/t/$team/deliveries" params={{ team }} search={{ event: id }}>
              {en.shell.deliveries}
            </Link>
            {may.read ? (
              <Link
                className="btn btn-small"
                to="/t/$team/routing"
                params={{ team }}
                search={{ event: id }}
              >
                {en.events.now}
              </Link>
            ) : null}
            <button type="button" className="btn btn-small" onClick={() => setAsking("preview")}>
              {en.preview.ask}
            </button>
            <button
              type="button"
              className="btn btn-small"
              disabled={!may.act || names.all.length === 0}
              title={may.act ? undefined : en.denied.act}
              onClick={() => setAsking("test")}
            >
              {en.playground.test}
            </button>
            {link ? (
              <a className="btn btn-small" href={link} target="_blank" rel="noopener noreferrer">
                {en.drawer.link}
              </a>
            ) : null}
          </p>
          <h3>{en.events.who}</h3>
          <ul className="grid gap-2">
            {(deliveries.data?.rows ?? []).map((row) => (
              <li key={row.id} className="flex min-w-0 items-center gap-2">
                <Link className="min-w-0 flex-1 hover:underline" to="/t/$team/deliveries" params={{ team }} search={{ event: id, open: row.id }}>
                  <TargetName kind={row.kind} target={row.target} names={names} />
                </Link>
                <StatePill state={row.state} />
              </li>
            ))}
          </ul>
          {deliveries.data?.rows.length === 0 && data ? (
            <ul className="grid gap-2">
              {data.routes.length === 0 ? <li className="text-muted">{en.events.nobodyText}</li> : null}
              {data.routes.map((route) => (
                <li key={`${route.kind} ${JSON.stringify(targetOf(route))}`}>
                  <TargetName kind={kindWord(route.kind)} target={targetOf(route)} names={names} />
                </li>
              ))}
            </ul>
          ) : null}
          <div className="flex items-center gap-2">
            <h3>{en.drawer.data}</h3>
            <CopyButton text={data?.dataJson ?? ""} className="btn btn-small btn-quiet ms-auto" />
          </div>
          <pre className="code" tabIndex={0} aria-label={en.drawer.data}>
            {plain(indented(data?.dataJson || "{}"))}
          </pre>
          {meant.length > 0 ? (
            <details>
              <summary className="field-hint">{en.catalog.meaning}</summary>
              <div className="mt-2">
                <SchemaNotes fields={meant} />
              </div>
            </details>
          ) : null}
        </>
      ) : null}
      {asking === "preview" ? <PreviewDialog team={team} names={names} of={{ eventId: id }} onClose={() => setAsking(null)} /> : null}
      {asking === "test" && data ? (
        <SendTest team={team} names={names} channelId={firstOf(data)} event={eventInit(playOfEvent(data))} onClose={() => setAsking(null)} />
      ) : null}
    </section>
  );
}

/** A channel that got it. */
function firstOf({ routes }: AcceptedEvent): string {
  return routes.map((route) => targetOf(route).channelId).find(Boolean) ?? "";
}
