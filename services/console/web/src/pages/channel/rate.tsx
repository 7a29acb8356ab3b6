// How many messages a channel got lately, against its limit: the last hours minute by minute, or days, whose bars lead to their minutes.

import { Link } from "@tanstack/react-router";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { type ReactNode, useCallback, useState } from "react";
import { type Period, around, earlier, later } from "../../domain/period";
import { EVERYTHING } from "../../live/filter";
import { type Stats, useStats } from "../../live/stats";
import * as en from "../../messages/en";
import { DAY, HOUR, MINUTE, count, moment } from "../../parts/format";
import { useNow } from "../../parts/now";

const HEIGHT = 60;
/** What can be looked at, and how long a bar of it is. */
const SPANS = { hours: [6 * HOUR, MINUTE], day: [DAY, 5 * MINUTE], week: [7 * DAY, 30 * MINUTE] } as const;
type Span = keyof typeof SPANS;

interface Props {
  readonly team: string;
  readonly channelId: string;
  /** So many messages within so many seconds; 0 is no limit. */
  readonly max: number;
  readonly seconds: number;
}

export function Rate({ team, channelId, max, seconds }: Props): ReactNode {
  const [span, setSpan] = useState<Span>("hours");
  const [end, setEnd] = useState<number | null>(null);
  const [length, bar] = SPANS[span];
  const lately = useCallback((at: number) => ({ ...EVERYTHING, channelId, start: (end ?? at) - length, end }), [channelId, length, end]);
  const stats = useStats(team, `rate:${channelId}:${span}:${end}`, lately, { length: bar });
  const show = (next: Span, period?: Period) => {
    setSpan(next);
    setEnd(period?.to ?? null);
  };
  const now = useNow(15_000);
  const period = { from: (end ?? now) - length, to: end };
  const next = later(period, now);
  return (
    <section className="card grid gap-2" aria-label={en.storm.lately}>
      <div className="flex flex-wrap items-center gap-2">
        <div className="seg" role="group" aria-label={en.storm.lately}>
          {(Object.keys(SPANS) as Span[]).map((one) => (
            <button key={one} type="button" aria-pressed={span === one} onClick={() => show(one)}>
              {en.storm.spans[one]}
            </button>
          ))}
        </div>
        <span className="ms-auto" />
        <button type="button" className="btn btn-small btn-icon" aria-label={en.period.earlier} onClick={() => show(span, earlier(period, now))}>
          <ChevronLeft aria-hidden="true" className="rtl:rotate-180" />
        </button>
        <span className="text-sm text-muted">
          {stats ? en.log.between(moment(stats.from, now), moment(stats.to, now)) : ""}
        </span>
        <button type="button" className="btn btn-small btn-icon" aria-label={en.period.later} disabled={next === null} onClick={() => next && show(span, next)}>
          <ChevronRight aria-hidden="true" className="rtl:rotate-180" />
        </button>
      </div>
      {stats ? <Bars stats={stats} bar={bar} max={max} seconds={seconds} onBar={span === "hours" ? null : (at) => show("hours", around(at, SPANS.hours[0], now))} /> : null}
      {stats && stats.counts.folded > 0 ? (
        <p>
          <Link
            className="link"
            to="/t/$team/deliveries"
            params={{ team }}
            search={{ channel: channelId, state: "folded", from: new Date(stats.from).toISOString(), to: new Date(stats.to).toISOString() }}
          >
            {en.storm.show}
          </Link>
        </p>
      ) : null}
    </section>
  );
}

interface BarsProps {
  readonly stats: Stats;
  /** How long each is. */
  readonly bar: number;
  readonly max: number;
  readonly seconds: number;
  /** Leads to the minutes of a bar; null where bars are minutes. */
  readonly onBar: ((at: number) => void) | null;
}

function Bars({ stats, bar, max, seconds, onBar }: BarsProps): ReactNode {
  const { buckets, counts, total, to, countedFrom } = stats;
  const busiest = buckets.reduce((most, bucket) => (bucket.total > most.total ? bucket : most), { from: 0, total: 0 });
  if (busiest.total === 0) return <p className="text-muted">{en.storm.noRate}</p>;
  // A limit of so many within less than a bar says nothing of a whole one.
  const limit = seconds * 1_000 < bar ? 0 : (max * bar) / (seconds * 1_000);
  const top = Math.max(busiest.total, limit) * 1.1;
  const y = (value: number) => HEIGHT - (value / top) * HEIGHT;
  const minutes = bar / MINUTE;
  return (
    <figure className="grid gap-2">
      <svg className="bars" viewBox={`0 0 ${buckets.length} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {buckets.map(({ from, total: all, counts: own }, index) =>
          all === 0 ? null : (
            <g key={from} onClick={onBar ? () => onBar(from + bar / 2) : undefined}>
              <title>{en.log.bucket(moment(from, to), all)}</title>
              <rect x={index} y={0} width={1} height={HEIGHT} fill="transparent" />
              <rect x={index} y={y(all)} width={0.9} height={HEIGHT - y(all)} className="bar s-folded" />
              <rect x={index} y={y(all - own.folded)} width={0.9} height={HEIGHT - y(all - own.folded)} className="bar s-delivered" />
            </g>
          ),
        )}
        {limit > 0 ? <line x1={0} x2={buckets.length} y1={y(limit)} y2={y(limit)} className="limit" /> : null}
      </svg>
      <figcaption className="text-muted">
        {minutes === 1 ? en.storm.rate(count(busiest.total), moment(busiest.from, to)) : en.storm.rateOf(minutes, count(busiest.total), moment(busiest.from, to))}{" "}
        {en.storm.folded(count(counts.folded), count(total))} {onBar ? en.storm.intoMinutes : ""}{" "}
        {countedFrom === null ? "" : en.log.partial(moment(countedFrom, to))}
      </figcaption>
    </figure>
  );
}
