// The newest events, to begin with one of them.

import { useQuery } from "@tanstack/react-query";
import { ChevronDown } from "lucide-react";
import type { ReactNode } from "react";
import { useApp, useSession } from "../api/context";
import { findEvents } from "../api/find";
import type { AcceptedEvent } from "../api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { severityWord } from "../api/words";
import * as en from "../messages/en";
import { moment, plain } from "./format";
import { MenuButton, MenuItem } from "./menu";
import { SeverityBar } from "./pill";

const LAST = 20;

export function RealEvents({ team, now, onEvent }: { team: string; now: number; onEvent: (event: AcceptedEvent) => void }): ReactNode {
  const { clients } = useApp();
  const { epoch } = useSession();
  const { data = [] } = useQuery({
    queryKey: ["last-events", team, epoch],
    queryFn: async ({ signal }) => (await findEvents(clients, { teamId: team, pageSize: LAST }, signal)).events,
    staleTime: 10_000,
  });
  return (
    <MenuButton
      trigger={
        <button type="button" className="btn btn-small">
          {en.playground.real}
          <ChevronDown aria-hidden="true" />
        </button>
      }
    >
      {data.length === 0 ? <p className="px-2 py-1 text-muted">{en.playground.none}</p> : null}
      {data.map((accepted) => (
        <MenuItem key={accepted.event?.id} onClick={() => onEvent(accepted)}>
          <SeverityBar severity={accepted.event ? severityWord(accepted.event.severity) : null} small />
          <span className="cut">{plain(accepted.event?.title ?? "")}</span>
          <span className="mono ms-auto text-muted">{moment(Number(accepted.acceptTime?.seconds ?? 0n) * 1_000, now)}</span>
        </MenuItem>
      ))}
    </MenuButton>
  );
}
