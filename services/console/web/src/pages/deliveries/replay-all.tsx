// Replays everything that the filter matches, not what happens to be on the screen: the server counts first, and sends at a pace.

import { useMutation, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { ChannelNames } from "../../api/channels";
import { useApp } from "../../api/context";
import { problemOf } from "../../api/errors";
import { timestamp } from "../../api/times";
import { type Filter, asked } from "../../live/filter";
import * as en from "../../messages/en";
import { Confirm } from "../../parts/dialog";
import { count } from "../../parts/format";
import { done, refused } from "../../parts/toast";
import { ResendCounts } from "./resend-counts";

interface Props {
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

export function ReplayAll({ team, filter, names, onClose }: Props): ReactNode {
  const { clients } = useApp();
  const { data, error } = useQuery({
    queryKey: ["replay-all", team, filter],
    queryFn: ({ signal }) => clients.dispatcher.replay({ ...requestOf(team, filter), validateOnly: true }, { signal }),
    retry: false,
    staleTime: 0,
    gcTime: 0,
  });
  const replay = useMutation({
    mutationFn: () => clients.dispatcher.replay(requestOf(team, filter)),
    onSuccess: ({ replayedCount }) => done(en.replayAll.done(en.deliveriesCounted(Number(replayedCount)))),
    onError: (problem) => refused(en.replayAll.refused, problem),
    onSettled: onClose,
  });
  const all = Number(data?.replayedCount ?? 0);
  return (
    <Confirm
      open
      onClose={onClose}
      title={en.replayAll.title}
      verb={en.replayAll.verb(data ? count(all) : "…")}
      busy={replay.isPending}
      disabled={all === 0}
      onConfirm={() => replay.mutate()}
    >
      <p>{en.replayAll.text}</p>
      <div role="status" className="grid gap-2">
        {error ? <p className="field-error">{problemOf(error).text}</p> : null}
        {!data && !error ? <p>{en.loading}</p> : null}
        {data ? <p>{all === 0 ? en.replayAll.none : en.replayAll.count(en.deliveriesCounted(all))}</p> : null}
        {data ? <ResendCounts counts={data.channels} names={names} /> : null}
        {data?.truncated ? <p>{en.replayAll.truncated}</p> : null}
      </div>
    </Confirm>
  );
}
