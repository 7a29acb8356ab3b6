// A channel's deliveries: the last day in numbers, and the list.

import { Link, useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, type ReactNode, useCallback, useState } from "react";
import { useChannelNames } from "../../api/channels";
import { EVERYTHING } from "../../live/filter";
import { useLog } from "../../live/log";
import { useStats } from "../../live/stats";
import * as en from "../../messages/en";
import { DAY } from "../../parts/format";
import { useNarrow } from "../../parts/now";
import { StateChips } from "../deliveries/chips";
import { COLUMNS } from "../deliveries/columns";
import { Histogram } from "../deliveries/histogram";
import { Rows } from "../deliveries/rows";
import type { LogSearch } from "../deliveries/search";

export function ChannelLog({ team, channelId, now }: { team: string; channelId: string; now: number }): ReactNode {
  const navigate = useNavigate();
  const names = useChannelNames(team);
  const narrow = useNarrow();
  const [atTop, setAtTop] = useState(true);
  const [active, setActive] = useState(-1);
  const [scrollTo, setScrollTo] = useState<{ index: number } | null>(null);
  const filterAt = useCallback(() => ({ ...EVERYTHING, channelId }), [channelId]);
  const log = useLog(team, `channel:${channelId}`, filterAt, !atTop);
  const lastDay = useCallback((at: number) => ({ ...EVERYTHING, channelId, start: at - DAY }), [channelId]);
  const stats = useStats(team, `day:${channelId}`, lastDay);
  const search = { channel: channelId, range: "all" as const };
  const toLog = (part: LogSearch) => void navigate({ to: "/t/$team/deliveries", params: { team }, search: { channel: channelId, ...part } });
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const index = Math.max(0, Math.min(log.length - 1, active + step));
      setActive(index);
      setScrollTo({ index });
    } else if (event.key === "Enter") {
      const row = log.at(active);
      if (row) toLog({ range: "all", open: row.id });
    }
  };
  return (
    <div className="list flex-1">
      {stats && stats.total > 0 ? (
        <>
          {narrow ? null : (
            <Histogram stats={stats} onBrush={(from, to) => toLog({ from: new Date(from).toISOString(), to: new Date(to).toISOString() })} />
          )}
          <div className="chips">
            <StateChips
              chosen={[]}
              counts={stats.counts}
              isPartial={stats.countedFrom !== null}
              onChoose={(states) => toLog({ range: "24h", state: states.join(",") } as LogSearch)}
            />
            <span className="ms-auto flex-none text-sm text-muted">{en.log.ranges["24h"]}</span>
          </div>
        </>
      ) : null}
      {log.length === 0 && !log.isLoading ? (
        <div className="empty">
          <p>{en.channel.noDeliveries}</p>
        </div>
      ) : (
        <Rows
          log={log}
          names={names}
          narrow={narrow}
          columns={COLUMNS}
          now={now}
          active={active}
          openId={undefined}
          onActive={setActive}
          onOpen={(row) => toLog({ range: "all", open: row.id })}
          onKey={onKey}
          onTop={setAtTop}
          scrollTo={scrollTo}
        />
      )}
      <p className="list-foot flex gap-3">
        {log.fresh > 0 ? (
          <button type="button" className="link" onClick={log.release}>
            {en.log.freshLabel(log.fresh)}
          </button>
        ) : null}
        <Link className="link" to="/t/$team/deliveries" params={{ team }} search={search}>
          {en.channel.openLog}
        </Link>
      </p>
    </div>
  );
}
