// A day from midnight to midnight, with its quiet times, the present moment and what waits.

import type { ReactNode } from "react";
import { type Window, instantOf, localOf, quietSpans } from "../domain/quiet";
import * as en from "../messages/en";
import { DAY } from "./format";

interface Props {
  readonly windows: readonly Window[];
  readonly zone: string;
  readonly now: number;
  readonly dots: readonly number[];
  readonly label: string;
}

export function Band({ windows, zone, now, dots, label }: Props): ReactNode {
  const local = localOf(now, zone);
  const midnight = Math.floor(local / DAY) * DAY;
  const from = instantOf(midnight, zone, "first");
  const to = instantOf(midnight + DAY, zone, "first");
  const share = (at: number) => `${(Math.min(1, Math.max(0, (at - from) / (to - from))) * 100).toFixed(2)}%`;
  return (
    <div>
      <div className="band" role="img" aria-label={label}>
        {quietSpans(windows, zone, from, to).map((span) => (
          <span
            key={span.from}
            className="hatch"
            style={{ insetInlineStart: share(span.from), width: `${((span.to - span.from) / (to - from)) * 100}%` }}
          />
        ))}
        <span className="band-now" style={{ insetInlineStart: share(now) }} />
        {dots.slice(0, 60).map((at, index) => (
          // Several may have been made at the same moment.
          // oxlint-disable-next-line react/no-array-index-key
          <span key={`${at} ${index}`} className="band-dot" style={{ insetInlineStart: share(at) }} />
        ))}
      </div>
      <div className="flex justify-between text-xs text-muted" aria-hidden="true">
        {en.band.hours.map((hour) => (
          <span key={hour}>{hour}</span>
        ))}
        <span>{en.band.end(zone)}</span>
      </div>
    </div>
  );
}
