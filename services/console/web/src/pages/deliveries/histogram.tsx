// Bars over the time that is listed; dragging over them chooses a part of it.

import { ChevronLeft, ChevronRight, ZoomOut } from "lucide-react";
import { type PointerEvent, type ReactNode, useRef, useState } from "react";
import type { StateWord } from "../../api/words";
import { type Period, earlier, later, wider } from "../../domain/period";
import type { Span } from "../../domain/quiet";
import type { Bucket, Stats } from "../../live/stats";
import * as en from "../../messages/en";
import { DAY, minute, moment } from "../../parts/format";

const HEIGHT = 66;
const GROUND = 64;
/** Shorter drags are clicks. */
const LEAST = 0.01;

/** From the bottom of a bar to its top: what is well first. */
const STACK: readonly StateWord[] = ["delivered", "pending", "cancelled", "held", "folded", "parked", "failed"];

interface Props {
  readonly stats: Stats;
  readonly onBrush: (from: number, to: number) => void;
  /** When the channel that is listed is quiet. */
  readonly quiet?: readonly Span[];
  /** Leads to other periods; `to` is null for one that ends now. */
  readonly steps?: { readonly to: number | null; readonly now: number; readonly onPeriod: (period: Period) => void };
}

export function Histogram({ stats, onBrush, quiet = [], steps }: Props): ReactNode {
  const { buckets, from, to, countedFrom } = stats;
  const most = Math.max(1, ...buckets.map(({ total }) => total));
  const area = useRef<SVGSVGElement>(null);
  const [drag, setDrag] = useState<readonly [number, number] | null>(null);
  const shareOf = (event: PointerEvent) => {
    const box = area.current?.getBoundingClientRect();
    return box ? Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) : 0;
  };
  const time = (share: number) => from + share * (to - from);
  const label = (at: number) => (to - from > DAY ? moment(at, to) : minute(at));
  const end = () => {
    if (drag) {
      const [a, b] = [Math.min(...drag), Math.max(...drag)];
      if (b - a > LEAST) onBrush(time(a), time(b));
    }
    setDrag(null);
  };
  return (
    <div className="histogram">
      <div className="relative">
        {quiet.map((span) => (
          <span
            key={span.from}
            className="hatch histogram-quiet"
            style={{ left: `${((span.from - from) / (to - from)) * 100}%`, width: `${((span.to - span.from) / (to - from)) * 100}%` }}
          />
        ))}
        <svg
          ref={area}
          className="bars"
          viewBox={`0 0 ${buckets.length * 10} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={en.log.histogram}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            setDrag([shareOf(event), shareOf(event)]);
          }}
          onPointerMove={(event) => drag && setDrag([drag[0], shareOf(event)])}
          onPointerUp={end}
          onPointerCancel={() => setDrag(null)}
        >
          {buckets.map((bucket, index) => (
            <Bar key={bucket.from} bucket={bucket} x={index * 10} most={most} title={label(bucket.from)} />
          ))}
        </svg>
        {drag ? (
          <div
            className="brush"
            style={{ left: `${Math.min(...drag) * 100}%`, width: `${Math.abs(drag[1] - drag[0]) * 100}%` }}
          />
        ) : null}
      </div>
      <div className="flex items-center gap-1">
        <div className="flex min-w-0 flex-1 justify-between text-xs text-muted" aria-hidden="true">
          {[0, 1 / 3, 2 / 3, 1].map((share) => (
            <span key={share}>{label(time(share))}</span>
          ))}
        </div>
        {steps ? <Steps period={{ from, to: steps.to }} now={steps.to === null ? to : steps.now} onPeriod={steps.onPeriod} /> : null}
      </div>
      {countedFrom === null ? null : <p className="absolute end-[18px] top-1 text-xs text-muted">{en.log.partial(moment(countedFrom, to))}</p>}
    </div>
  );
}

function Steps({ period, now, onPeriod }: { period: Period; now: number; onPeriod: (period: Period) => void }): ReactNode {
  const next = later(period, now);
  return (
    <div className="flex flex-none" role="group" aria-label={en.log.range}>
      <button type="button" className="btn btn-quiet btn-small btn-icon" aria-label={en.period.earlier} title={en.period.earlier} onClick={() => onPeriod(earlier(period, now))}>
        <ChevronLeft aria-hidden="true" className="rtl:rotate-180" />
      </button>
      <button type="button" className="btn btn-quiet btn-small btn-icon" aria-label={en.period.later} title={en.period.later} disabled={next === null} onClick={() => next && onPeriod(next)}>
        <ChevronRight aria-hidden="true" className="rtl:rotate-180" />
      </button>
      <button type="button" className="btn btn-quiet btn-small btn-icon" aria-label={en.period.wider} title={en.period.wider} onClick={() => onPeriod(wider(period, now))}>
        <ZoomOut aria-hidden="true" />
      </button>
    </div>
  );
}

interface Piece {
  readonly state: StateWord;
  readonly top: number;
  readonly height: number;
}

/** A bucket's states from the ground up. */
function pieces(bucket: Bucket, unit: number): Piece[] {
  const found: Piece[] = [];
  for (const state of STACK) {
    const height = Math.max(1.5, (bucket.counts[state] ?? 0) * unit);
    if (bucket.counts[state]) found.push({ state, height, top: (found.at(-1)?.top ?? GROUND) - height });
  }
  return found;
}

function Bar({ bucket, x, most, title }: { bucket: Bucket; x: number; most: number; title: string }): ReactNode {
  return (
    <g>
      <title>{en.log.bucket(title, bucket.total)}</title>
      <rect x={x} y={0} width={10} height={GROUND} fill="transparent" />
      {bucket.total === 0 ? <rect x={x} y={GROUND - 1} width={8} height={1} className="bar s-cancelled" /> : null}
      {pieces(bucket, (GROUND - 6) / most).map(({ state, top, height }) => (
        <rect key={state} x={x} y={top} width={8} height={height} rx={1} className={`bar s-${state}`} />
      ))}
    </g>
  );
}
