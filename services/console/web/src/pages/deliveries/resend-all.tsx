// Sends again, or calls off, everything that the filter matches, not what happens to be on the screen: the server counts first, and
// sends at a pace. A replay is a new delivery; what is recovered is the same one, taken up again.

import { useMutation, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { ChannelNames } from "../../api/channels";
import { useApp } from "../../api/context";
import { problemOf } from "../../api/errors";
import type { ResendCount } from "../../api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { timestamp } from "../../api/times";
import { type Filter, asked } from "../../live/filter";
import * as en from "../../messages/en";
import { Confirm } from "../../parts/dialog";
import { count } from "../../parts/format";
import { done, refused } from "../../parts/toast";
import { ResendCounts } from "./resend-counts";

interface Props {
  readonly act: "replay" | "recover" | "cancel";
  readonly team: string;
  readonly filter: Filter;
  readonly names: ChannelNames;
  readonly onClose: () => void;
}

function requestOf(team: string, filter: Filter) {
  const { start, end } = filter;
  return {
    teamId: team,
    filter: asked(filter),
    startTime: timestamp(start ?? 0),
    ...(end === null ? {} : { endTime: timestamp(end) }),
  };
}

interface Answer {
  readonly count: number;
  readonly channels: readonly ResendCount[];
  readonly truncated: boolean;
}

export function ResendAll({ act, team, filter, names, onClose }: Props): ReactNode {
  const { clients } = useApp();
  const words = { replay: en.replayAll, recover: en.recoverAll, cancel: en.cancelAll }[act];
  const send = async (validateOnly: boolean, signal?: AbortSignal): Promise<Answer> => {
    const request = { ...requestOf(team, filter), validateOnly };
    if (act === "replay") {
      const { replayedCount, channels, truncated } = await clients.dispatcher.replay(request, { signal });
      return { count: Number(replayedCount), channels, truncated };
    }
    if (act === "cancel") {
      const { cancelledCount, channels, truncated } = await clients.dispatcher.cancelDeliveries(request, { signal });
      return { count: Number(cancelledCount), channels, truncated };
    }
    const { recoveredCount, channels, truncated } = await clients.dispatcher.recover(request, { signal });
    return { count: Number(recoveredCount), channels, truncated };
  };
  const { data, error } = useQuery({
    queryKey: ["resend-all", act, team, filter],
    queryFn: ({ signal }) => send(true, signal),
    retry: false,
    staleTime: 0,
    gcTime: 0,
  });
  const sending = useMutation({
    mutationFn: () => send(false),
    onSuccess: (answer) => done(words.done(en.deliveriesCounted(answer.count))),
    onError: (problem) => refused(words.refused, problem),
    onSettled: onClose,
  });
  const all = data?.count ?? 0;
  return (
    <Confirm
      open
      onClose={onClose}
      title={words.title}
      verb={words.verb(data ? count(all) : "…")}
      busy={sending.isPending}
      danger={act === "cancel"}
      disabled={all === 0}
      onConfirm={() => sending.mutate()}
    >
      <p>{words.text}</p>
      <div role="status" className="grid gap-2">
        {error ? <p className="field-error">{problemOf(error).text}</p> : null}
        {!data && !error ? <p>{en.loading}</p> : null}
        {data ? <p>{all === 0 ? words.none : words.count(en.deliveriesCounted(all))}</p> : null}
        {data ? <ResendCounts counts={data.channels} names={names} /> : null}
        {data?.truncated ? <p>{words.truncated}</p> : null}
      </div>
    </Confirm>
  );
}
