// The list itself: only the rows on the screen exist, however many there are.

import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef } from "react";
import type { ChannelNames } from "../../api/channels";
import { type Column, gridOf } from "./columns";
import { tookOrNext, why } from "../../domain/wording";
import type { Log } from "../../live/log";
import type { Row } from "../../live/row";
import * as en from "../../messages/en";
import { made, minute, plain, utc, whole } from "../../parts/format";
import { StatePill, SeverityBar } from "../../parts/pill";
import { TargetName } from "../../parts/target";

const ROW = 34;
const CARD = 90;

interface Props {
  readonly log: Log;
  readonly names: ChannelNames;
  readonly narrow: boolean;
  readonly columns: readonly Column[];
  readonly now: number;
  /** The row that the keyboard is at. */
  readonly active: number;
  readonly openId: string | undefined;
  readonly onActive: (index: number) => void;
  readonly onOpen: (row: Row) => void;
  readonly onKey: (event: KeyboardEvent) => void;
  /** Whether the newest row is on the screen. */
  readonly onTop: (atTop: boolean) => void;
  readonly scrollTo: { readonly index: number } | null;
}

export function Rows(props: Props): ReactNode {
  const { log, names, narrow, columns, now, active, openId, onActive, onOpen, onKey, onTop, scrollTo } = props;
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const size = narrow ? CARD : ROW;
  const total = log.length + (log.hasMore && log.length > 0 ? 1 : 0);
  const virtual = useVirtualizer({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => size,
    overscan: 8,
  });
  const items = virtual.getVirtualItems();
  const [first, last] = [items[0]?.index ?? 0, items.at(-1)?.index ?? 0];
  const { show } = log;
  useEffect(() => show(first, last), [show, first, last]);
  useEffect(() => virtual.measure(), [virtual, size]);
  useEffect(() => {
    if (scrollTo) virtual.scrollToIndex(scrollTo.index, { align: "auto" });
  }, [virtual, scrollTo]);
  return (
    <div
      ref={scroller}
      className="rows"
      role="grid"
      tabIndex={0}
      aria-label={en.log.gridLabel}
      aria-rowcount={log.hasMore ? -1 : log.length}
      aria-colcount={columns.length}
      aria-activedescendant={active >= 0 && log.at(active) ? `${id}-${active}` : undefined}
      onKeyDown={onKey}
      onScroll={(event) => onTop(event.currentTarget.scrollTop < size)}
    >
      <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = log.at(item.index);
          const place = { transform: `translateY(${item.start}px)`, ...(narrow ? {} : { gridTemplateColumns: gridOf(columns) }) };
          if (!row) {
            return (
              <div key={item.key} role="row" className={narrow ? "row row-card" : "row"} style={place} aria-busy="true">
                <span role="gridcell" className="skeleton" aria-label={en.loading} />
              </div>
            );
          }
          return (
            // The grid has the keyboard; see `onKey`.
            // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
            <div
              key={item.key}
              id={`${id}-${item.index}`}
              role="row"
              tabIndex={-1}
              className={narrow ? "row row-card" : "row"}
              style={place}
              aria-rowindex={item.index + 1}
              aria-selected={row.id === openId}
              data-active={item.index === active}
              data-stale={!log.fits(row)}
              data-id={row.id}
              onClick={() => {
                onActive(item.index);
                onOpen(row);
              }}
            >
              {narrow ? <Card row={row} names={names} now={now} /> : <Cells row={row} names={names} now={now} columns={columns} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}

interface CellsProps {
  readonly row: Row;
  readonly names: ChannelNames;
  readonly now: number;
}

function Cells({ columns, ...cell }: CellsProps & { readonly columns: readonly Column[] }): ReactNode {
  return columns.map((column) => <Cell key={column} column={column} {...cell} />);
}

function Cell({ column, row, names, now }: CellsProps & { readonly column: Column }): ReactNode {
  switch (column) {
    case "made":
      return (
        <span role="gridcell" className="text-muted" title={`${whole(row.made)} · ${utc(row.made)}`}>
          {made(row.made, now)}
        </span>
      );
    case "state":
      return (
        <span role="gridcell">
          <StatePill state={row.state} />
        </span>
      );
    case "to":
      return (
        <span role="gridcell" className="min-w-0">
          <TargetName kind={row.kind} target={row.target} names={names} />
        </span>
      );
    case "event":
      return (
        <span role="gridcell" className="flex min-w-0 items-center gap-[9px]">
          <SeverityBar severity={row.severity} />
          <span className="cut" title={plain(row.title)}>
            <b>{plain(row.title) || en.log.untitled}</b> <span className="mono text-muted">{row.type}</span>
          </span>
          {row.test ? <span className="tag">{en.log.test}</span> : null}
          {row.replayOf ? <span className="tag">{en.log.replay}</span> : null}
        </span>
      );
    case "why":
      return (
        <span role="gridcell" className="cut text-muted" title={plain(row.reason.sentence)}>
          {plain(why(row.reason))}
        </span>
      );
    case "tries":
      return (
        <span role="gridcell" className="text-end">
          {row.kind === "in-app" ? "–" : row.attempts}
        </span>
      );
    case "took":
      return (
        <span role="gridcell" className="text-end text-muted" title={plain(row.message)}>
          {tookOrNext(row, now)}
        </span>
      );
  }
}

function Card({ row, names, now }: CellsProps): ReactNode {
  const next = tookOrNext(row, now);
  return (
    <>
      <span role="gridcell" className="flex min-w-0 items-center gap-[9px]">
        <SeverityBar severity={row.severity} />
        <b className="cut">{plain(row.title) || en.log.untitled}</b>
      </span>
      <span role="gridcell" className="text-end text-muted" title={utc(row.made)}>
        {minute(row.made)}
      </span>
      <span role="gridcell" className="min-w-0">
        <TargetName kind={row.kind} target={row.target} names={names} />
      </span>
      <span role="gridcell" className="text-end">
        <StatePill state={row.state} />
      </span>
      <span role="gridcell" className="cut col-span-2 text-sm text-muted">
        {plain(why(row.reason))}
        {next === "–" ? "" : ` · ${next}`}
      </span>
    </>
  );
}
