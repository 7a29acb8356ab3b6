// Takes up again what failed or was parked on a channel, after the count is known.

import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useId, useState } from "react";
import { useApp } from "../../api/context";
import { findDeliveries } from "../../api/find";
import { timestamp } from "../../api/times";
import { stateOf } from "../../api/words";
import * as en from "../../messages/en";
import { Confirm } from "../../parts/dialog";
import { count } from "../../parts/format";
import { done, refused } from "../../parts/toast";
import { toRow } from "../../live/row";

interface Props {
  readonly team: string;
  readonly channelId: string;
  readonly name: string;
  readonly since: number;
  readonly onClose: () => void;
}

/** How a `datetime-local` control writes a moment. */
function localText(at: number): string {
  const local = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

const MOST = 1_000;

export function RecoverDialog({ team, channelId, name, since, onClose }: Props): ReactNode {
  const { clients } = useApp();
  const id = useId();
  const [from, setFrom] = useState(() => localText(since));
  const start = new Date(from).getTime();
  const { data } = useQuery({
    queryKey: ["recoverable", team, channelId, start],
    queryFn: async ({ signal }) => {
      const request = {
        teamId: team,
        channelId,
        states: [stateOf("failed"), stateOf("parked")],
        startTime: timestamp(start),
        pageSize: MOST,
      };
      const answer = await findDeliveries(clients, request, signal);
      const rows = answer.deliveries.map(toRow);
      return { failed: rows.filter(({ state }) => state === "failed").length, all: rows.length, more: answer.nextPageToken !== "" };
    },
    enabled: !Number.isNaN(start),
    staleTime: 0,
  });
  const recover = useMutation({
    mutationFn: () => clients.dispatcher.recover({ teamId: team, channelId, startTime: timestamp(start) }),
    onSuccess: ({ recoveredCount }) => done(en.recover.done(en.deliveriesCounted(Number(recoveredCount)))),
    onError: (error) => refused(en.recover.refused, error),
    onSettled: onClose,
  });
  const all = data ? `${count(data.all)}${data.more ? "+" : ""}` : "…";
  return (
    <Confirm
      open
      onClose={onClose}
      title={en.recover.title(name)}
      verb={en.recover.verb(all)}
      busy={recover.isPending}
      disabled={!data || data.all === 0}
      onConfirm={() => recover.mutate()}
    >
      <p>{en.recover.text}</p>
      <div className="field">
        <label className="field-label" htmlFor={id}>
          {en.recover.since}
        </label>
        <input id={id} type="datetime-local" className="input" value={from} onChange={(event) => setFrom(event.target.value)} />
      </div>
      <p role="status">
        {data ? en.recover.count(en.deliveriesCounted(data.all), count(data.failed), count(data.all - data.failed)) : en.loading}
      </p>
    </Confirm>
  );
}
