// "Add to Slack": the server makes a page that leads to Slack, where a channel is picked. It opens in a tab of its own, and
// this one shows the channel when it is there.

import { useMutation } from "@tanstack/react-query";
import { ExternalLink } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useChannels } from "../../api/channels";
import { useApp } from "../../api/context";
import { problemOf } from "../../api/errors";
import type { Channel } from "../../api/gen/watchbell/config/v1/channel_pb";
import { millis } from "../../api/times";
import * as en from "../../messages/en";
import { minute, plain, webAddress } from "../../parts/format";

/** How often channels are read while somebody is at Slack. */
const WATCH = 3_000;

interface Props {
  readonly team: string;
  readonly onMade: (channel: Channel) => void;
}

export function AddToSlack({ team, onMade }: Props): ReactNode {
  const { clients } = useApp();
  const [before, setBefore] = useState<ReadonlySet<string> | null>(null);
  const { data: channels = [] } = useChannels(team, before === null ? undefined : WATCH);
  const begin = useMutation({
    mutationFn: () => clients.channels.beginSlackInstall({ teamId: team }),
    onSuccess: () => setBefore(new Set(channels.map(({ id }) => id))),
    // The address is good once, and not to stay in the cache.
    gcTime: 0,
  });
  const address = webAddress(begin.data?.installUrl ?? "");
  const until = millis(begin.data?.expireTime);
  const added = before && channels.find(({ id, destination }) => destination.case === "slack" && !before.has(id));
  const problem = begin.error ? problemOf(begin.error) : null;
  return (
    <section className="card grid gap-2" aria-label={en.addToSlack.title}>
      <p>{en.addToSlack.text}</p>
      {added ? (
        <p role="status" className="flex flex-wrap items-center gap-2">
          <b>{en.addToSlack.added(plain(added.displayName))}</b>
          <button type="button" className="btn btn-primary" onClick={() => onMade(added)}>
            {en.addToSlack.open}
          </button>
        </p>
      ) : address === null ? (
        <p>
          <button type="button" className="btn" disabled={begin.isPending || problem?.reason === "SLACK_NOT_CONFIGURED"} onClick={() => begin.mutate()}>
            {en.addToSlack.title}
          </button>
        </p>
      ) : (
        <p className="flex flex-wrap items-center gap-2">
          <a className="btn btn-primary" href={address} target="_blank" rel="noopener noreferrer">
            {en.addToSlack.goOn}
            <ExternalLink aria-hidden="true" />
          </a>
          <span className="text-sm text-muted">
            {begin.data?.suggestedChannel ? en.addToSlack.suggested(plain(begin.data.suggestedChannel)) : null}{" "}
            {until === null ? null : en.addToSlack.until(minute(until))}
          </span>
        </p>
      )}
      {problem ? (
        <p role="alert" className="field-error">
          {problem.reason === "SLACK_NOT_CONFIGURED" ? en.addToSlack.notConfigured : problem.text}
        </p>
      ) : null}
    </section>
  );
}
