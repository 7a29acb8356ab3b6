// The same list by event: one entry for each event, with everyone who gets it.

import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useMemo, useRef } from "react";
import type { ChannelNames } from "../../api/channels";
import type { Log } from "../../live/log";
import type { Row } from "../../live/row";
import * as en from "../../messages/en";
import { made, plain, utc } from "../../parts/format";
import { StatePill, SeverityBar } from "../../parts/pill";
import { TargetName } from "../../parts/target";

export interface Group {
  readonly eventId: string;
  readonly rows: readonly Row[];
}

/** Neighbours of one event; the server lists an event's deliveries together, but for replays. */
export function groups(rows: readonly Row[]): Group[] {
  const found: { eventId: string; rows: Row[] }[] = [];
  for (const row of rows) {
    const last = found.at(-1);
    if (last?.eventId === row.eventId) last.rows.push(row);
    else found.push({ eventId: row.eventId, rows: [row] });
  }
  return found;
}

interface Props {
  readonly log: Log;
  readonly names: ChannelNames;
  readonly now: number;
  readonly openId: string | undefined;
  readonly onOpen: (row: Row) => void;
}

export function Groups({ log, names, now, openId, onOpen }: Props): ReactNode {
  const scroller = useRef<HTMLDivElement>(null);
  const { length, at, show, hasMore } = log;
  const loaded = useMemo(() => {
    const rows: Row[] = [];
    for (let index = 0; index < length; index += 1) {
      const row = at(index);
      if (row) rows.push(row);
    }
    return groups(rows);
  }, [length, at]);
  const virtual = useVirtualizer({
    count: loaded.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => 45 + 26 * (loaded[index]?.rows.length ?? 1),
    getItemKey: (index) => loaded[index]?.rows[0]?.id ?? index,
    overscan: 6,
  });
  const items = virtual.getVirtualItems();
  const atEnd = (items.at(-1)?.index ?? 0) >= loaded.length - 2;
  // Everything that was read stays, since a group has no place of its own in the list.
  useEffect(() => show(0, atEnd && hasMore ? length + 1 : length), [show, atEnd, hasMore, length]);
  return (
    <div ref={scroller} className="rows" role="feed" aria-label={en.log.groups} aria-busy={log.isLoading}>
      <div className="relative" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const group = loaded[item.index];
          const head = group?.rows[0];
          if (!group || !head) return null;
          return (
            <article
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              className="group absolute inset-x-0 top-0"
              style={{ transform: `translateY(${item.start}px)` }}
              aria-label={plain(head.title)}
            >
              <span className="text-muted" title={utc(head.made)}>
                {made(head.made, now)}
              </span>
              <span className="flex min-w-0 items-center gap-[9px]">
                <SeverityBar severity={head.severity} small />
                <span className="cut">
                  <b>{plain(head.title) || en.log.untitled}</b> <span className="mono text-muted">{head.type}</span>
                </span>
              </span>
              <div className="siblings col-start-2">
                {group.rows.map((row) => (
                  <button
                    key={row.id}
                    type="button"
                    className="sibling"
                    aria-current={row.id === openId}
                    onClick={() => onOpen(row)}
                  >
                    <TargetName kind={row.kind} target={row.target} names={names} />
                    <span className="ms-auto" />
                    <StatePill state={row.state} />
                  </button>
                ))}
              </div>
            </article>
          );
        })}
      </div>
    </div>
  );
}
