// The delivery log: what needs somebody, what happened when, and every delivery with its reason.

import { Menu } from "@base-ui/react/menu";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Check, ChevronDown, Pause, Play, Send } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useCallback, useMemo, useState } from "react";
import { useChannelNames } from "../../api/channels";
import { useRules } from "../../api/rules";
import { useMay } from "../../api/self";
import { useZone } from "../../api/team";
import type { StateWord } from "../../api/words";
import { quietSpans, windowsOf } from "../../domain/quiet";
import { useFeedState } from "../../live/context";
import type { Filter } from "../../live/filter";
import { useLog } from "../../live/log";
import type { Row } from "../../live/row";
import { useStats } from "../../live/stats";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { DAY, clock, count, moment } from "../../parts/format";
import { useKeys } from "../../parts/keys";
import { MenuButton, MenuItem } from "../../parts/menu";
import { useMedia, useNarrow, useNow } from "../../parts/now";
import { SendTest } from "../../parts/send-test";
import { done, refused } from "../../parts/toast";
import { useApp } from "../../api/context";
import { Attention } from "./attention";
import { StateChips } from "./chips";
import { type Column, gridOf, shownColumns } from "./columns";
import { ColumnsMenu } from "./columns-menu";
import { Drawer } from "./drawer";
import { NothingHere } from "./empty";
import { Groups } from "./groups";
import { Histogram } from "./histogram";
import { PeriodDialog } from "./period";
import { ResendAll } from "./resend-all";
import { Rows } from "./rows";
import { SearchBox } from "./search-box";
import { type LogSearch, RANGES, USUAL_RANGE, type View, hiddenOf, isNarrowed, listKey, ofKey, ofPeriod, statesOf, toFilter, widened } from "./search";

export function DeliveriesPage(): ReactNode {
  const { team: id } = useParams({ from: "/t/$team" });
  const search = useSearch({ from: "/t/$team/deliveries" });
  return <DeliveryLog team={id} search={search} key={id} />;
}

interface Props {
  readonly team: string;
  readonly search: LogSearch;
}

type Asking = { readonly what: "period" } | { readonly what: "test"; readonly channelId: string } | { readonly what: "replay" | "recover" | "cancel"; readonly filter: Filter };

function DeliveryLog({ team, search }: Props): ReactNode {
  const navigate = useNavigate({ from: "/t/$team/deliveries" });
  const { clients } = useApp();
  const zone = useZone(team);
  const names = useChannelNames(team);
  const may = useMay();
  const { data: rules = [] } = useRules(team, may.read);
  const narrow = useNarrow();
  const now = useNow(1_000);
  const [paused, setPaused] = useState(false);
  const [atTop, setAtTop] = useState(true);
  const [active, setActive] = useState(-1);
  const [scrollTo, setScrollTo] = useState<{ index: number } | null>(null);
  const [asking, setAsking] = useState<Asking | null>(null);

  const key = listKey(search);
  const filterAt = useCallback((at: number) => toFilter(ofKey(key), at), [key]);
  const log = useLog(team, key, filterAt, paused || !atTop);
  const { filter } = log;
  const anyState = useMemo<Filter>(() => ({ ...filter, states: [] }), [filter]);
  const stats = useStats(
    team,
    JSON.stringify(anyState),
    useCallback(() => anyState, [anyState]),
  );
  // Of all time, the bars show what is listed, or the newest days.
  const isWhole = filter.start === null;
  const oldest = log.hasMore || filter.states.length > 0 ? undefined : log.at(log.length - 1)?.made;
  const lately = useStats(
    team,
    `lately ${oldest ?? ""} ${JSON.stringify(anyState)}`,
    useCallback((at: number) => ({ ...anyState, start: oldest ?? (anyState.end ?? at) - LATELY }), [anyState, oldest]),
    { enabled: isWhole && filter.eventId === "" && filter.summaryId === "" },
  );
  const drawn = isWhole ? lately : stats;

  const isMoved = search.from !== undefined || search.to !== undefined;
  const listed = names.get(filter.channelId)?.quietHours;
  const quiet = drawn && listed ? quietSpans(windowsOf(listed.windows), listed.timeZone || zone, drawn.from, drawn.to) : [];

  const change = (next: LogSearch, replace = false) => void navigate({ search: next, replace });
  const narrowTo = (part: LogSearch) => {
    setActive(-1);
    change({ ...search, open: undefined, ...part } as LogSearch);
  };
  const open = (row: Row | string) => change({ ...search, open: typeof row === "string" ? row : row.id }, search.open !== undefined);
  const close = () => change({ ...search, open: undefined } as LogSearch, true);
  const move = (by: number) => {
    const index = Math.max(0, Math.min(log.length - 1, active + by));
    setActive(index);
    setScrollTo({ index });
    const row = log.at(index);
    if (row && search.open !== undefined) open(row);
  };
  const replay = async (row: Row) => {
    try {
      const { delivery } = await clients.dispatcher.replay({ teamId: team, deliveryId: row.id });
      done(en.drawer.replayed, delivery?.id);
    } catch (error) {
      refused(en.drawer.replayRefused, error);
    }
  };
  const openActive = () => {
    const row = log.at(active);
    if (row) open(row);
  };
  const resume = () => {
    log.release();
    setPaused(false);
    setScrollTo({ index: 0 });
  };
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    p: () => (paused ? resume() : setPaused(true)),
    Enter: active >= 0 ? openActive : undefined,
    Escape: search.open === undefined ? undefined : close,
    r: may.act && active >= 0 ? () => void (log.at(active) && replay(log.at(active) as Row)) : undefined,
  });
  const onKey = (event: KeyboardEvent) => {
    const by: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -log.length, End: log.length };
    const step = by[event.key];
    if (step !== undefined) {
      event.preventDefault();
      move(step);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      openActive();
    }
  };

  const chosen = statesOf(search);
  const acts = ACTS.filter(({ states }) => states.length === 0 || (chosen.length > 0 && chosen.every((state) => states.includes(state)))).map(({ what }) => what);
  const tight = useMedia("(max-width: 1439.98px)");
  // The drawer takes the place of one column, and says what it would.
  const columns = shownColumns(tight && search.open !== undefined ? [...hiddenOf(search), "why"] : hiddenOf(search));
  const known = useMemo(
    () => ({
      channels: names.all.map((one) => ({ id: one.id, name: one.displayName })),
      rules: rules.map((one) => ({ id: one.id, name: one.displayName })),
    }),
    [names, rules],
  );
  const empty = log.length === 0 && !log.isLoading && !log.error;
  const view: View = search.view ?? "log";
  return (
    <>
      <header className="page-head">
        <h1>{en.log.title}</h1>
        <SearchBox
          search={search}
          known={known}
          onSearch={(next) => {
            setActive(-1);
            change({ ...widened({ ...search, open: undefined } as LogSearch), ...next });
          }}
        />
        <RangeMenu search={search} onRange={narrowTo} onOwn={() => setAsking({ what: "period" })} now={now} />
        <div className="seg max-lg:hidden" role="group" aria-label={en.log.view}>
          {(["log", "events"] as const).map((one) => (
            <button key={one} type="button" aria-pressed={view === one} onClick={() => narrowTo({ view: one === "log" ? undefined : one } as LogSearch)}>
              {en.log.views[one]}
            </button>
          ))}
        </div>
        <LiveClock now={now} paused={paused} onToggle={() => (paused ? resume() : setPaused(true))} />
        <button
          type="button"
          className="btn max-md:btn-icon"
          disabled={!may.act || names.all.length === 0}
          title={may.act ? undefined : en.denied.act}
          onClick={() => setAsking({ what: "test", channelId: search.channel ?? "" })}
        >
          <Send aria-hidden="true" className="md:hidden" />
          <span className="max-md:sr-only">{en.log.sendTest}</span>
        </button>
      </header>
      <Attention
        team={team}
        zone={zone}
        names={names}
        now={now}
        onTest={(channelId) => setAsking({ what: "test", channelId })}
        onSearch={(next) => narrowTo(next)}
      />
      <div className="work" data-open={search.open === undefined ? undefined : ""}>
        <section className="list" aria-label={en.log.title}>
          {drawn && !narrow && (drawn.total > 0 || isMoved) ? (
            <Histogram
              stats={drawn}
              quiet={quiet}
              onBrush={(from, to) => narrowTo(ofPeriod({ from, to }, now))}
              {...(isWhole ? {} : { steps: { to: filter.end, now, onPeriod: (period) => narrowTo(ofPeriod(period, filter.end === null ? drawn.to : now)) } })}
            />
          ) : null}
          <div className="chips">
            <StateChips
              chosen={chosen}
              counts={stats?.counts ?? null}
              isPartial={stats !== undefined && stats.countedFrom !== null}
              onChoose={(states) => narrowTo({ state: states.join(",") || undefined } as LogSearch)}
            />
            <span className="ms-auto" />
            {log.fresh > 0 ? (
              <button type="button" className="btn btn-small btn-primary" onClick={resume} aria-label={en.log.freshLabel(log.fresh)}>
                {en.log.fresh(log.fresh)}
              </button>
            ) : null}
            {acts.map((what) => (
              <button
                key={what}
                type="button"
                className="btn btn-small"
                disabled={!may.act || log.length === 0}
                title={may.act ? undefined : en.denied.act}
                onClick={() => setAsking({ what, filter: toFilter(search, now) })}
              >
                {en.log.acts[what]}
              </button>
            ))}
            {narrow || view !== "log" ? null : (
              <ColumnsMenu
                hidden={hiddenOf(search)}
                onChange={(hidden) => change({ ...search, hide: hidden.join(",") || undefined } as LogSearch, true)}
              />
            )}
          </div>
          {log.error && log.length === 0 ? <Broken error={log.error} again={log.again} /> : null}
          {empty ? (
            <NothingHere
              team={team}
              search={search}
              words={isNarrowed(search)}
              onSearch={change}
              onTest={may.act && names.all.length > 0 ? () => setAsking({ what: "test", channelId: "" }) : undefined}
            />
          ) : null}
          {!empty && view === "log" ? (
            <>
              {narrow ? null : (
                <div className="row-head" aria-hidden="true" style={{ gridTemplateColumns: gridOf(columns) }}>
                  {columns.map((column) => (
                    <span key={column} className={NUMBERS.includes(column) ? "text-end" : undefined}>
                      {en.log.columns[column]}
                    </span>
                  ))}
                </div>
              )}
              <Rows
                log={log}
                names={names}
                narrow={narrow}
                columns={columns}
                now={now}
                active={active}
                openId={search.open}
                onActive={setActive}
                onOpen={open}
                onKey={onKey}
                onTop={setAtTop}
                scrollTo={scrollTo}
              />
              {narrow ? null : <p className="list-foot">{en.log.shown(count(log.length), log.hasMore)}</p>}
            </>
          ) : null}
          {!empty && view === "events" ? <Groups log={log} names={names} now={now} openId={search.open} onOpen={open} /> : null}
        </section>
        {search.open === undefined ? null : (
          <Drawer
            team={team}
            id={search.open}
            names={names}
            now={now}
            narrow={narrow}
            onClose={close}
            onOpen={open}
            onEvent={(event) => narrowTo({ event, state: undefined, view: undefined, open: search.open } as LogSearch)}
          />
        )}
      </div>
      {asking?.what === "test" ? (
        <SendTest team={team} names={names} channelId={asking.channelId} onClose={() => setAsking(null)} />
      ) : null}
      {asking?.what === "period" ? (
        <PeriodDialog
          period={{ from: filter.start ?? now - DAY, to: filter.end }}
          onPeriod={(period) => {
            setAsking(null);
            narrowTo(ofPeriod(period, now));
          }}
          onClose={() => setAsking(null)}
        />
      ) : null}
      {asking?.what === "replay" || asking?.what === "recover" || asking?.what === "cancel" ? (
        <ResendAll act={asking.what} team={team} filter={asking.filter} names={names} onClose={() => setAsking(null)} />
      ) : null}
    </>
  );
}

/** What is done with all that match, where these states alone are listed. */
const ACTS: readonly { readonly what: "replay" | "recover" | "cancel"; readonly states: readonly StateWord[] }[] = [
  { what: "replay", states: [] },
  { what: "recover", states: ["failed", "parked"] },
  { what: "cancel", states: ["pending", "held", "parked"] },
];

/** Columns that are read from their end. */
const NUMBERS: readonly Column[] = ["tries", "took"];

/** How far back the bars reach when the list has no beginning. */
const LATELY = 30 * DAY;

interface RangeProps {
  readonly search: LogSearch;
  readonly onRange: (part: LogSearch) => void;
  /** Asks for a beginning and an end. */
  readonly onOwn: () => void;
  readonly now: number;
}

function RangeMenu({ search, onRange, onOwn, now }: RangeProps): ReactNode {
  const custom = search.from !== undefined || search.to !== undefined;
  const current = search.range ?? USUAL_RANGE;
  const label = custom
    ? en.log.between(search.from ? moment(Date.parse(search.from), now) : "…", search.to ? moment(Date.parse(search.to), now) : "…")
    : en.log.ranges[current];
  return (
    <MenuButton
      align="start"
      trigger={
        <button type="button" className="btn" aria-label={`${en.log.range}: ${label}`}>
          {label}
          <ChevronDown aria-hidden="true" />
        </button>
      }
    >
      <Menu.RadioGroup
        value={custom ? "" : current}
        onValueChange={(value: (typeof RANGES)[number]) =>
          onRange({ range: value === USUAL_RANGE ? undefined : value, from: undefined, to: undefined } as LogSearch)
        }
      >
        {RANGES.map((range) => (
          <Menu.RadioItem key={range} value={range} className="popup-item">
            {en.log.ranges[range]}
            <Menu.RadioItemIndicator className="ms-auto">
              <Check size={13} aria-hidden="true" />
            </Menu.RadioItemIndicator>
          </Menu.RadioItem>
        ))}
      </Menu.RadioGroup>
      <MenuItem onClick={onOwn}>{en.period.own}</MenuItem>
    </MenuButton>
  );
}

function LiveClock({ now, paused, onToggle }: { now: number; paused: boolean; onToggle: () => void }): ReactNode {
  const state = useFeedState();
  if (state === "off") return <span className="ms-auto" />;
  const shown = paused ? "paused" : state === "live" ? "live" : "waiting";
  const word = { paused: en.live.paused, live: en.live.live, waiting: en.live.waiting }[shown];
  return (
    <span className="ms-auto flex items-center gap-2">
      <span className="live" data-state={shown}>
        {word}
        <span className="max-lg:hidden"> · {clock(now)}</span>
      </span>
      <button type="button" className="btn btn-quiet btn-small btn-icon" onClick={onToggle} aria-pressed={paused} aria-label={en.live.pause} title={`${paused ? en.live.resume : en.live.pause} (p)`}>
        {paused ? <Play aria-hidden="true" /> : <Pause aria-hidden="true" />}
      </button>
    </span>
  );
}
