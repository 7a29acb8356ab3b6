// Where a delivery stands: the way to what keeps it, and what a summary tells.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useApp, useSession } from "../../api/context";
import { findDeliveries } from "../../api/find";
import { type Detail, summaryOf } from "../../live/detail";
import { useRefetchOn } from "../../live/refetch";
import { type Row, toRow } from "../../live/row";
import * as en from "../../messages/en";
import { made, plain, utc } from "../../parts/format";
import { SeverityBar } from "../../parts/pill";

interface Props {
  readonly team: string;
  readonly row: Row;
  readonly onOpen: (id: string) => void;
}

/** What keeps a delivery back, or tells of it: each a way to go there. */
export function StandingLinks({ team, row, onOpen }: Props): ReactNode {
  const { detail } = row;
  const summary = summaryOf(detail);
  const alert = detail?.is === "folded" && (detail.into === "repeat" || detail.into === "alert") ? detail.alertKey : "";
  const isParked = detail?.is === "parked" && detail.why !== "recipient" && row.target.channelId !== "";
  if (summary === "" && alert === "" && silenceOf(detail) === "" && !isParked) return null;
  return (
    <p className="flex flex-wrap gap-x-3 gap-y-1.5">
      {summary === "" ? null : (
        <button type="button" className="link" onClick={() => onOpen(summary)}>
          {detail?.is === "failed" ? en.standing.failedSummary : en.drawer.summary}
        </button>
      )}
      {silenceOf(detail) === "" ? null : (
        <Link className="link" to="/t/$team/silences" params={{ team }} search={{}}>
          {en.standing.silence}
        </Link>
      )}
      {alert === "" ? null : (
        <Link className="link" to="/t/$team/alerts" params={{ team }} search={{ open: alert }}>
          {en.standing.alert}
        </Link>
      )}
      {isParked ? (
        <Link className="link" to="/t/$team/channels/$channel" params={{ team, channel: row.target.channelId }} search={{ tab: "health" }}>
          {en.standing.channel}
        </Link>
      ) : null}
    </p>
  );
}

function silenceOf(detail: Detail | null): string {
  return detail?.is === "held" || detail?.is === "folded" ? detail.silenceId : "";
}

/** Listed here; the others are in the log. */
const SHOWN = 20;

interface MembersProps {
  readonly team: string;
  readonly summaryId: string;
  readonly count: number;
  readonly now: number;
  readonly onOpen: (id: string) => void;
}

/** The deliveries that a summary tells. */
export function Members({ team, summaryId, count, now, onOpen }: MembersProps): ReactNode {
  const { clients } = useApp();
  const { epoch } = useSession();
  const queryKey = ["members-of", team, epoch, summaryId];
  useRefetchOn(queryKey, ({ stateDetail }) => stateDetail.case === "folded" && stateDetail.value.summaryId === summaryId);
  const { data } = useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await findDeliveries(clients, { teamId: team, summaryId, pageSize: SHOWN }, signal)).deliveries.map(toRow),
    staleTime: 15_000,
  });
  return (
    <section aria-label={en.drawer.members(en.deliveriesCounted(count))}>
      <h3>{en.drawer.members(en.deliveriesCounted(count))}</h3>
      <ul className="siblings">
        {data?.map((row) => (
          <li key={row.id}>
            <button type="button" className="sibling" onClick={() => onOpen(row.id)}>
              <SeverityBar severity={row.severity} small />
              <span className="cut">{plain(row.title) || en.log.untitled}</span>
              <span className="ms-auto flex-none text-sm text-muted" title={utc(row.made)}>
                {made(row.made, now)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {data && data.length < count ? (
        <p>
          <Link className="link" to="/t/$team/deliveries" params={{ team }} search={{ summary: summaryId, range: "all", open: summaryId }}>
            {en.drawer.allMembers}
          </Link>
        </p>
      ) : null}
    </section>
  );
}
