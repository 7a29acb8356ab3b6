import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, type ReactNode, useCallback, useState } from "react";
import type { ChannelNames } from "../../api/channels";
import { useLog } from "../../live/log";
import * as en from "../../messages/en";
import { useNarrow } from "../../parts/now";
import { COLUMNS } from "../deliveries/columns";
import { Rows } from "../deliveries/rows";
import { toFilter } from "../deliveries/search";

const SHOWN = 20;

/** The newest deliveries, as they happen. */
export function Tail({ team, names, now }: { team: string; names: ChannelNames; now: number }): ReactNode {
  const navigate = useNavigate();
  const narrow = useNarrow();
  const filterAt = useCallback((at: number) => toFilter({ range: "all" }, at), []);
  const log = useLog(team, "tail", filterAt, false);
  const [active, setActive] = useState(-1);
  const open = (id: string) => void navigate({ to: "/t/$team/deliveries", params: { team }, search: { open: id } });
  const tail = { ...log, length: Math.min(SHOWN, log.length), hasMore: false };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = log.at(active);
    if (step !== undefined) {
      event.preventDefault();
      setActive(Math.max(0, Math.min(tail.length - 1, active + step)));
    } else if (event.key === "Enter" && row) open(row.id);
  };
  return (
    <section className="card !p-0" aria-label={en.overview.tail}>
      <h2 className="px-4 pt-3 pb-2">{en.overview.tail}</h2>
      {log.length === 0 ? (
        <p className="px-4 pb-4 text-muted">{log.isLoading ? en.loading : en.empty.noneTitle}</p>
      ) : (
        <div className="tail">
          <Rows
            log={tail}
            names={names}
            narrow={narrow}
            columns={COLUMNS}
            now={now}
            active={active}
            openId={undefined}
            onActive={setActive}
            onOpen={(row) => open(row.id)}
            onKey={onKey}
            onTop={() => {}}
            scrollTo={null}
          />
        </div>
      )}
    </section>
  );
}
