// Alerts: things with a life that several events tell of, and what people do about them.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { alertsKey } from "../../api/alerts";
import { useChannelNames } from "../../api/channels";
import { useSession } from "../../api/context";
import { problemOf } from "../../api/errors";
import { type Alert, AlertState } from "../../api/gen/watchbell/dispatcher/v1/alert_pb";
import { useMay } from "../../api/self";
import { useServices } from "../../api/services";
import { millis } from "../../api/times";
import { SEVERITIES, kindWord, severityOf, severityWord } from "../../api/words";
import { useAlertFeed } from "../../live/alerts";
import { targetOf } from "../../live/row";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { ago, duration, made, moment, plain, utc, webAddress, whole } from "../../parts/format";
import { useKeys } from "../../parts/keys";
import { useNow } from "../../parts/now";
import { SeverityBar } from "../../parts/pill";
import { TargetName } from "../../parts/target";
import { ActOn, type Doing } from "./actions";
import { ALERT_STATES, type AlertWord, type AlertsSearch, statesOf } from "./search";

const PAGE = 100;
/** What ends by time alone, such as a snooze, is told by nobody. */
const EVERY = 30_000;

const STATE: Record<AlertWord, AlertState> = {
  open: AlertState.OPEN,
  acknowledged: AlertState.ACKNOWLEDGED,
  snoozed: AlertState.SNOOZED,
  resolved: AlertState.RESOLVED,
};
const TONE: Record<AlertWord, string> = { open: "s-failed", acknowledged: "s-pending", snoozed: "s-held", resolved: "s-delivered" };

const wordOf = (state: AlertState) => ALERT_STATES.find((word) => STATE[word] === state) ?? null;

export function AlertsPage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const search = useSearch({ from: "/t/$team/alerts" });
  const navigate = useNavigate({ from: "/t/$team/alerts" });
  const { alerts: service } = useServices();
  const { epoch } = useSession();
  const now = useNow(15_000);
  const states = statesOf(search);
  const queryKey = [...alertsKey(team, epoch), "list", states.join(), search.severity ?? ""];
  useAlertFeed(team);
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage, isPending } = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) =>
      service.listAlerts(
        {
          teamId: team,
          pageSize: PAGE,
          pageToken: pageParam,
          states: states.map((word) => STATE[word]),
          severities: search.severity ? [severityOf(search.severity)] : [],
        },
        { signal },
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.nextPageToken || undefined,
    refetchInterval: EVERY,
  });
  const alerts = data?.pages.flatMap((page) => page.alerts) ?? [];
  const isNarrowed = states.length > 0 || search.severity !== undefined;
  const go = (next: AlertsSearch) => void navigate({ search: next, replace: true });
  const { open: _, ...listed } = search;
  const withOpen = (key: string): AlertsSearch => ({ ...listed, open: key });
  const toggle = (word: AlertWord) => {
    const next = ALERT_STATES.filter((one) => (one === word) !== states.includes(one));
    const { state: _, ...others } = listed;
    go(next.length > 0 ? { ...others, state: next.join(",") } : others);
  };
  return (
    <>
      <header className="page-head">
        <h1>{en.alerts.title}</h1>
        <div className="flex flex-wrap gap-1.5" role="group" aria-label={en.log.states}>
          {ALERT_STATES.map((word) => (
            <button key={word} type="button" className="chip" aria-pressed={states.includes(word)} onClick={() => toggle(word)}>
              {en.alerts.states[word]}
            </button>
          ))}
        </div>
        <select
          className="input ms-auto !w-auto"
          aria-label={en.events.severity}
          value={search.severity ?? ""}
          onChange={(event) => {
            const severity = SEVERITIES.find((word) => word === event.target.value);
            const { severity: _, ...others } = listed;
            go(severity ? { ...others, severity } : others);
          }}
        >
          <option value="">{en.events.anySeverity}</option>
          {SEVERITIES.map((word) => (
            <option key={word} value={word}>
              {en.severities[word]}
            </option>
          ))}
        </select>
      </header>
      <div className="split" data-open={search.open !== undefined || undefined}>
        <div className="split-list">
          {error && !data ? <Broken error={error} again={() => void refetch()} /> : null}
          {!error && alerts.length === 0 ? (
            <div className="empty" role="status">
              <h2>{isPending ? en.loading : isNarrowed ? en.empty.filter : en.alerts.empty}</h2>
              {isPending || isNarrowed ? null : <p>{en.alerts.emptyText}</p>}
            </div>
          ) : null}
          <ul>
            {alerts.map((alert) => (
              <Line key={alert.key} team={team} alert={alert} search={withOpen(alert.key)} now={now} />
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
        {search.open === undefined ? null : <Detail key={search.open} team={team} alertKey={search.open} now={now} onClose={() => go(listed)} />}
      </div>
    </>
  );
}

/** "Acknowledged by ann, 4 min ago", "Snoozed by ann until 20:00". */
function stateText(alert: Alert, now: number): string {
  const word = wordOf(alert.state);
  const times = { acknowledged: millis(alert.acknowledgeTime), snoozed: millis(alert.snoozeEndTime), resolved: millis(alert.resolveTime) };
  switch (word) {
    case "acknowledged":
      return en.alerts.acknowledged(plain(alert.acknowledgedBy), times.acknowledged === null ? "" : ago(times.acknowledged, now));
    case "snoozed":
      return en.alerts.snoozed(plain(alert.snoozedBy), times.snoozed === null ? "" : moment(times.snoozed, now));
    case "resolved":
      return en.alerts.resolved(plain(alert.resolvedBy), times.resolved === null ? "" : ago(times.resolved, now));
    default:
      return "";
  }
}

function AlertPill({ state }: { state: AlertState }): ReactNode {
  const word = wordOf(state);
  return <span className={`pill ${word ? TONE[word] : "s-unknown"}`}>{word ? en.alerts.states[word] : en.unknown(state)}</span>;
}

interface LineProps {
  readonly team: string;
  readonly alert: Alert;
  readonly search: AlertsSearch;
  readonly now: number;
}

function Line({ team, alert, search, now }: LineProps): ReactNode {
  const opened = millis(alert.openTime) ?? now;
  return (
    <li>
      <Link to="/t/$team/alerts" params={{ team }} search={search} className="line-link">
        <SeverityBar severity={severityWord(alert.severity)} small />
        <span className="min-w-0 flex-1">
          <span className="cut block">
            <b>{plain(alert.title) || alert.key}</b> <span className="mono text-muted">{alert.eventType}</span>
          </span>
          <span className="cut block text-sm text-muted">{[stateText(alert, now), plain(alert.subject), plain(alert.key)].filter(Boolean).join(" · ")}</span>
        </span>
        <AlertPill state={alert.state} />
        <span className="flex-none text-end text-sm text-muted">
          <span className="block" title={utc(opened)}>
            {made(opened, now)}
          </span>
          <span className="block">{en.eventsCounted(Number(alert.count))}</span>
        </span>
      </Link>
    </li>
  );
}

interface DetailProps {
  readonly team: string;
  readonly alertKey: string;
  readonly now: number;
  readonly onClose: () => void;
}

function Detail({ team, alertKey, now, onClose }: DetailProps): ReactNode {
  const { alerts: service } = useServices();
  const { epoch } = useSession();
  const may = useMay();
  const names = useChannelNames(team);
  const [doing, setDoing] = useState<Doing | null>(null);
  const { data: alert, error } = useQuery({
    queryKey: [...alertsKey(team, epoch), "one", alertKey],
    queryFn: async ({ signal }) => (await service.getAlert({ teamId: team, key: alertKey }, { signal })).alert,
    refetchInterval: EVERY,
  });
  useKeys({ Escape: onClose });
  const ended = alert?.state === AlertState.RESOLVED;
  const [opened, last, end] = [millis(alert?.openTime), millis(alert?.lastEventTime), millis(alert?.resolveTime)];
  const link = webAddress(alert?.url ?? "");
  const facts: [string, string][] = alert
    ? [
        [en.catalog.name, alert.eventType],
        [en.events.source, plain(alert.source)],
        [en.events.subject, plain(alert.subject)],
        [en.alerts.key, plain(alert.key)],
        [en.alerts.began, opened === null ? "" : whole(opened)],
        [en.alerts.last, last === null ? "" : whole(last)],
        [en.alerts.ended, end === null ? "" : whole(end)],
        [en.alerts.lasted, opened === null ? "" : duration((end ?? now) - opened)],
        [en.alerts.told, en.eventsCounted(Number(alert.count))],
        [en.alerts.pending, plain(alert.pending)],
      ]
    : [];
  return (
    <section className="split-detail" aria-label={en.alerts.one}>
      <div className="flex items-start gap-2">
        <h2 className="flex min-w-0 flex-1 items-center gap-[9px]">
          {alert ? <SeverityBar severity={severityWord(alert.severity)} small /> : null}
          <span className="wrap-anywhere">{plain(alert?.title ?? "") || alertKey}</span>
        </h2>
        <button type="button" className="btn btn-small" onClick={onClose}>
          {en.close}
        </button>
      </div>
      {error && !alert ? <p role="alert">{problemOf(error).text}</p> : null}
      {alert ? (
        <>
          <p className="flex flex-wrap items-center gap-2">
            <AlertPill state={alert.state} />
            <span className="text-muted">{stateText(alert, now)}</span>
          </p>
          <p className="flex flex-wrap gap-2">
            {(["acknowledge", "snooze", "resolve"] as const).map((what) => (
              <button
                key={what}
                type="button"
                className={what === "acknowledge" ? "btn btn-primary" : "btn"}
                disabled={!may.takeOn || ended || (what === "acknowledge" && alert.state === AlertState.ACKNOWLEDGED)}
                title={may.takeOn ? undefined : en.denied.act}
                onClick={() => setDoing(what)}
              >
                {en.alerts.ask[what]}
              </button>
            ))}
          </p>
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
            {alert.openedEventId ? (
              <Link className="btn btn-small" to="/t/$team/deliveries" params={{ team }} search={{ event: alert.openedEventId }}>
                {en.shell.deliveries}
              </Link>
            ) : null}
            {link ? (
              <a className="btn btn-small" href={link} target="_blank" rel="noopener noreferrer">
                {en.drawer.link}
              </a>
            ) : null}
          </p>
          <h3>{en.alerts.who}</h3>
          {alert.told.length === 0 ? <p className="text-muted">{en.alerts.nobody}</p> : null}
          <ul className="grid gap-2">
            {alert.told.map((route) => (
              <li key={`${route.kind} ${JSON.stringify(targetOf(route))}`}>
                <TargetName kind={kindWord(route.kind)} target={targetOf(route)} names={names} />
              </li>
            ))}
          </ul>
        </>
      ) : null}
      {alert && doing ? <ActOn team={team} alert={alert} what={doing} onClose={() => setDoing(null)} /> : null}
    </section>
  );
}
