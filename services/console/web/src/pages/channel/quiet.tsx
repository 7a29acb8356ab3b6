// When a channel holds: windows on a week, to be dragged or typed, and what they mean for the next two weeks.

import { Plus, X } from "lucide-react";
import { type PointerEvent, type ReactNode, useRef, useState } from "react";
import type { Weekday } from "../../api/gen/watchbell/config/v1/quiet_hours_pb";
import { SEVERITIES, severityOf, severityWord } from "../../api/words";
import type { QuietValue, QuietWindowValue } from "../../domain/channel";
import { instantOf, isZone, localOf, minutesOf, quietSpans, quietUntil, windowsOf } from "../../domain/quiet";
import { type Handle, dragged, pieces } from "../../domain/week";
import { type Waiting, useWaiting } from "../../live/waiting";
import * as en from "../../messages/en";
import { Field, FieldGroup } from "../../parts/field";
import { DAY, HOUR, duration } from "../../parts/format";
import { Choice, Toggle } from "../../parts/toggle";
import type { FormProps } from "./fields";

const DAYS = [1, 2, 3, 4, 5, 6, 7] as const;
const DAY_MINUTES = 24 * 60;
const NIGHT: QuietWindowValue = { weekdays: [], start: "22:00", end: "07:00" };
const AHEAD = 14;

export function QuietTab({ team, channel, values, set, errors, zone, now }: FormProps & { zone: string; now: number }): ReactNode {
  const waiting = useWaiting(team, channel ? [channel] : [], "held");
  const held = channel ? waiting.get(channel.id) : undefined;
  const quiet = values.quiet_hours;
  const put = (part: Partial<QuietValue>) => quiet && set("quiet_hours", { ...quiet, ...part });
  const wanted = quiet?.time_zone || zone;
  const drawn = isZone(wanted) ? wanted : "UTC";
  return (
    <div className="sheet">
      <p className="text-muted">{en.quiet.text}</p>
      <Toggle
        label={en.quiet.on}
        checked={quiet !== null}
        onChange={(on) => set("quiet_hours", on ? { time_zone: "", windows: [NIGHT], passing_severities: [], coalesce: false } : null)}
      />
      {quiet ? (
        <>
          <Status quiet={quiet} zone={drawn} now={now} />
          <Week windows={quiet.windows} onChange={(windows) => put({ windows })} />
          <Windows windows={quiet.windows} error={errors.get("quiet_hours.windows") ?? errors.get("quiet_hours")} onChange={(windows) => put({ windows })} />
          <Field
            label={en.quiet.zone}
            hint={isZone(wanted) ? undefined : en.quiet.zoneWrong}
            error={errors.get("quiet_hours.time_zone")}
            path="quiet_hours.time_zone"
          >
            {(control) => (
              <>
                <input
                  {...control}
                  className="input"
                  list="zones"
                  value={quiet.time_zone}
                  placeholder={en.quiet.zoneTeam(zone)}
                  onChange={(event) => put({ time_zone: event.target.value.trim() })}
                />
                <datalist id="zones">
                  {Intl.supportedValuesOf("timeZone").map((name) => (
                    <option key={name} value={name}>
                      {name}
                    </option>
                  ))}
                </datalist>
              </>
            )}
          </Field>
          <FieldGroup label={en.quiet.passing} hint={en.quiet.passingHint} error={errors.get("quiet_hours.passing_severities")}>
            <Choice
              label={en.quiet.passing}
              options={SEVERITIES}
              chosen={quiet.passing_severities.flatMap((one) => severityWord(one) ?? [])}
              word={(one) => en.severities[one]}
              onChange={(chosen) => put({ passing_severities: chosen.map(severityOf) })}
            />
          </FieldGroup>
          <Toggle label={en.quiet.coalesce} hint={en.quiet.coalesceHint} checked={quiet.coalesce} onChange={(coalesce) => put({ coalesce })} />
          <Ahead quiet={quiet} zone={drawn} now={now} held={held} />
        </>
      ) : null}
    </div>
  );
}

interface DrawnProps {
  readonly quiet: QuietValue;
  readonly zone: string;
  readonly now: number;
}

function inZone(at: number, zone: string, options: Intl.DateTimeFormatOptions): string {
  return new Intl.DateTimeFormat("en", { timeZone: zone, hourCycle: "h23", ...options }).format(at);
}

const SHORT: Intl.DateTimeFormatOptions = { weekday: "short", hour: "2-digit", minute: "2-digit" };

function Status({ quiet, zone, now }: DrawnProps): ReactNode {
  const windows = windowsOf(quiet.windows);
  const until = quietUntil(windows, zone, now);
  const next = quietSpans(windows, zone, now, now + 8 * DAY)[0];
  const text =
    until !== null
      ? en.quiet.now(inZone(until, zone, SHORT))
      : next
        ? en.quiet.notNow(inZone(next.from, zone, SHORT))
        : en.quiet.never;
  return (
    <p role="status">
      <b>{text}</b>
    </p>
  );
}

interface WindowsProps {
  readonly windows: readonly QuietWindowValue[];
  readonly onChange: (windows: readonly QuietWindowValue[]) => void;
}

interface Drag {
  readonly window: number;
  readonly handle: Handle;
  readonly x: number;
  readonly width: number;
  readonly start: number;
  readonly end: number;
}

function Week({ windows, onChange }: WindowsProps): ReactNode {
  const drag = useRef<Drag | null>(null);
  const [active, setActive] = useState(-1);
  const all = windows.map(({ weekdays, start, end }) => ({ weekdays, start: minutesOf(start) ?? 0, end: minutesOf(end) ?? 0 }));
  const down = (event: PointerEvent<HTMLElement>, window: number, handle: Handle) => {
    event.stopPropagation();
    const row = event.currentTarget.closest(".week-day");
    const own = all[window];
    if (!row || !own) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    drag.current = { window, handle, x: event.clientX, width: row.clientWidth, start: own.start, end: own.end };
    setActive(window);
  };
  const moved = (event: PointerEvent) => {
    const from = drag.current;
    if (!from) return;
    const sign = getComputedStyle(event.currentTarget).direction === "rtl" ? -1 : 1;
    const by = ((sign * (event.clientX - from.x)) / from.width) * DAY_MINUTES;
    const next = dragged(from.start, from.end, from.handle, by);
    const own = windows[from.window];
    if (own && (own.start !== next.start || own.end !== next.end)) {
      onChange(windows.map((one, index) => (index === from.window ? { ...one, ...next } : one)));
    }
  };
  const up = () => {
    drag.current = null;
    setActive(-1);
  };
  return (
    <div role="img" aria-label={en.quiet.grid}>
      <div className="week">
        {DAYS.map((day) => (
          <div key={day} className="contents">
            <span className="text-sm text-muted">{en.quiet.weekdays[day - 1]}</span>
            <div className="week-day">
              {pieces(all)
                .filter((piece) => piece.day === day)
                .map((piece) => (
                  // The same windows are typed below, for the keyboard.
                  <div
                    key={`${piece.window} ${piece.from}`}
                    className="week-window hatch"
                    data-active={piece.window === active}
                    style={{
                      insetInlineStart: `${(piece.from / DAY_MINUTES) * 100}%`,
                      width: `${((piece.to - piece.from) / DAY_MINUTES) * 100}%`,
                    }}
                    onPointerDown={(event) => down(event, piece.window, "move")}
                    onPointerMove={moved}
                    onPointerUp={up}
                    onPointerCancel={up}
                  >
                    <span onPointerDown={piece.hasStart ? (event) => down(event, piece.window, "start") : undefined} />
                    <span onPointerDown={piece.hasEnd ? (event) => down(event, piece.window, "end") : undefined} />
                  </div>
                ))}
            </div>
          </div>
        ))}
        <span />
        <div className="flex justify-between text-xs text-muted" aria-hidden="true">
          {["00", "06", "12", "18", "24"].map((hour) => (
            <span key={hour}>{hour}</span>
          ))}
        </div>
      </div>
      <p className="field-hint mt-1" aria-hidden="true">
        {en.quiet.grid}
      </p>
    </div>
  );
}

function Windows({ windows, error, onChange }: WindowsProps & { error: string | undefined }): ReactNode {
  const put = (index: number, part: Partial<QuietWindowValue>) =>
    onChange(windows.map((one, at) => (at === index ? { ...one, ...part } : one)));
  return (
    <FieldGroup label={en.quiet.windows} error={error} path="quiet_hours.windows">
      {windows.map((one, index) => {
        const [start, end] = [minutesOf(one.start), minutesOf(one.end)];
        return (
          // A window has no name of its own.
          // oxlint-disable-next-line react/no-array-index-key
          <div key={index} role="group" aria-label={en.quiet.window(index + 1)} className="flex flex-wrap items-center gap-2">
            <input
              type="time"
              className="input !w-auto"
              aria-label={`${en.quiet.start}, ${en.quiet.window(index + 1)}`}
              value={one.start}
              onChange={(event) => put(index, { start: event.target.value })}
            />
            <span aria-hidden="true">–</span>
            <input
              type="time"
              className="input !w-auto"
              aria-label={`${en.quiet.end}, ${en.quiet.window(index + 1)}`}
              value={one.end}
              onChange={(event) => put(index, { end: event.target.value })}
            />
            {start !== null && end !== null && end <= start ? <span className="text-sm text-muted">{en.quiet.nextDay}</span> : null}
            <Choice
              label={en.quiet.weekdays.join(", ")}
              options={DAYS}
              chosen={one.weekdays.length === 0 ? DAYS : (one.weekdays as readonly (typeof DAYS)[number][])}
              word={(day) => en.quiet.weekdays[day - 1] ?? ""}
              onChange={(days) => put(index, { weekdays: (days.length === 7 ? [] : days) as readonly Weekday[] })}
            />
            <button
              type="button"
              className="btn btn-icon btn-small"
              aria-label={en.quiet.remove(index + 1)}
              onClick={() => onChange(windows.filter((_, at) => at !== index))}
            >
              <X aria-hidden="true" />
            </button>
          </div>
        );
      })}
      <div>
        <button type="button" className="btn btn-small" onClick={() => onChange([...windows, NIGHT])}>
          <Plus aria-hidden="true" />
          {en.quiet.add}
        </button>
      </div>
    </FieldGroup>
  );
}

/** The moments at which what is held goes out, and how much it is. */
function releases(moments: readonly number[]): readonly { readonly at: number; readonly count: number }[] {
  const counts = new Map<number, number>();
  for (const at of moments) counts.set(at, (counts.get(at) ?? 0) + 1);
  return [...counts].map(([at, count]) => ({ at, count })).toSorted((a, b) => a.at - b.at);
}

/** The next two weeks by the zone's own days, which are not all of one length. */
function Ahead({ quiet, zone, now, held }: DrawnProps & { readonly held: Waiting | undefined }): ReactNode {
  const windows = windowsOf(quiet.windows);
  const dots = releases((held?.rows ?? []).flatMap(({ next }) => next ?? []));
  const first = Math.floor(localOf(now, zone) / DAY) * DAY;
  const days = Array.from({ length: AHEAD }, (_, index) => {
    const from = instantOf(first + index * DAY, zone, "first");
    const to = instantOf(first + (index + 1) * DAY, zone, "first");
    return { from, to, spans: quietSpans(windows, zone, from, to) };
  });
  return (
    <section>
      <h2 className="field-label mb-2">
        {en.quiet.ahead} · {zone}
      </h2>
      {dots.map(({ at, count }) => (
        <p key={at} className="mb-1 text-sm text-held">
          {en.quiet.heldUntil(`${en.deliveriesCounted(count)}${held?.more ? "+" : ""}`, inZone(at, zone, SHORT))}
        </p>
      ))}
      <ul className="grid gap-[3px]">
        {days.map(({ from, to, spans }) => {
          const hours = spans.reduce((sum, span) => sum + (span.to - span.from), 0);
          const shifted = Math.abs(to - from - DAY) > HOUR / 2;
          const share = (at: number) => `${((at - from) / (to - from)) * 100}%`;
          return (
            <li key={from} className="grid grid-cols-[84px_minmax(0,1fr)_112px] whitespace-nowrap items-center gap-2 text-sm">
              <span className="text-muted">{inZone(from + HOUR, zone, { weekday: "short", day: "numeric", month: "short" })}</span>
              <span className="band !h-4">
                {spans.map((span) => (
                  <span
                    key={span.from}
                    className="hatch"
                    style={{ insetInlineStart: share(span.from), width: `${((span.to - span.from) / (to - from)) * 100}%` }}
                  />
                ))}
                {dots
                  .filter(({ at }) => at >= from && at < to)
                  .map(({ at, count }) => (
                    <span key={at} className="band-dot band-dot-small" title={en.deliveriesCounted(count)} style={{ insetInlineStart: share(at) }} />
                  ))}
                {now >= from && now < to ? <span className="band-now" style={{ insetInlineStart: share(now) }} /> : null}
              </span>
              <span className={shifted ? "font-semibold text-parked" : "text-muted"} title={shifted ? en.quiet.shift : undefined}>
                {duration(hours)}
                {shifted ? ` (${Math.round((to - from) / HOUR)} h)` : ""}
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
