// How many messages a channel got each minute lately, against its limit.

import { type ReactNode, useCallback } from "react";
import { EVERYTHING } from "../../live/filter";
import { useStats } from "../../live/stats";
import * as en from "../../messages/en";
import { HOUR, MINUTE, count, moment } from "../../parts/format";

const PERIOD = 6 * HOUR;
const HEIGHT = 60;

interface Props {
  readonly team: string;
  readonly channelId: string;
  /** So many messages within so many seconds; 0 is no limit. */
  readonly max: number;
  readonly seconds: number;
}

export function Rate({ team, channelId, max, seconds }: Props): ReactNode {
  const lately = useCallback((at: number) => ({ ...EVERYTHING, channelId, start: at - PERIOD }), [channelId]);
  const stats = useStats(team, `rate:${channelId}`, lately, { length: MINUTE });
  if (!stats) return null;
  const busiest = stats.buckets.reduce((most, bucket) => (bucket.total > most.total ? bucket : most), { from: 0, total: 0 });
  if (busiest.total === 0) return <p className="text-muted">{en.storm.noRate}</p>;
  // A shorter window says nothing of a minute.
  const limit = seconds < 60 ? 0 : (max * MINUTE) / (seconds * 1_000);
  const top = Math.max(busiest.total, limit) * 1.1;
  const y = (value: number) => HEIGHT - (value / top) * HEIGHT;
  return (
    <figure className="card grid gap-2">
      <svg className="bars" viewBox={`0 0 ${stats.buckets.length} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {stats.buckets.map(({ from, total, counts }, index) =>
          total === 0 ? null : (
            <g key={from}>
              <rect x={index} y={y(total)} width={0.9} height={HEIGHT - y(total)} className="bar s-folded" />
              <rect x={index} y={y(total - counts.folded)} width={0.9} height={HEIGHT - y(total - counts.folded)} className="bar s-delivered" />
            </g>
          ),
        )}
        {limit > 0 ? <line x1={0} x2={stats.buckets.length} y1={y(limit)} y2={y(limit)} className="limit" /> : null}
      </svg>
      <figcaption className="text-muted">
        {en.storm.rate(count(busiest.total), moment(busiest.from, stats.to))} {en.storm.folded(count(stats.counts.folded), count(stats.total))}
      </figcaption>
    </figure>
  );
}
