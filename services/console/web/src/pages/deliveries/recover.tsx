// Takes up again what failed or was parked on a channel, after the count is known.

import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useId, useState } from "react";
import { useApp } from "../../api/context";
import { problemOf } from "../../api/errors";
import { timestamp } from "../../api/times";
import * as en from "../../messages/en";
import { Confirm } from "../../parts/dialog";
import { count } from "../../parts/format";
import { done, refused } from "../../parts/toast";

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

export function RecoverDialog({ team, channelId, name, since, onClose }: Props): ReactNode {
  const { clients } = useApp();
  const id = useId();
  const [from, setFrom] = useState(() => localText(since));
  const start = new Date(from).getTime();
  const request = { teamId: team, channelId, startTime: timestamp(start) };
  const { data, error } = useQuery({
    queryKey: ["recoverable", team, channelId, start],
    queryFn: ({ signal }) => clients.dispatcher.recover({ ...request, validateOnly: true }, { signal }),
    retry: false,
    enabled: !Number.isNaN(start),
    staleTime: 0,
  });
  const recover = useMutation({
    mutationFn: () => clients.dispatcher.recover(request),
    onSuccess: ({ recoveredCount }) => done(en.recover.done(en.deliveriesCounted(Number(recoveredCount)))),
    onError: (error) => refused(en.recover.refused, error),
    onSettled: onClose,
  });
  const all = Number(data?.recoveredCount ?? 0);
  return (
    <Confirm
      open
      onClose={onClose}
      title={en.recover.title(name)}
      verb={en.recover.verb(data ? count(all) : "…")}
      busy={recover.isPending}
      disabled={all === 0}
      onConfirm={() => recover.mutate()}
    >
      <p>{en.recover.text}</p>
      <div className="field">
        <label className="field-label" htmlFor={id}>
          {en.recover.since}
        </label>
        <input id={id} type="datetime-local" className="input" value={from} onChange={(event) => setFrom(event.target.value)} />
      </div>
      <div role="status">
        {error ? <p className="field-error">{problemOf(error).text}</p> : <p>{data ? en.recover.count(en.deliveriesCounted(all)) : en.loading}</p>}
      </div>
    </Confirm>
  );
}
