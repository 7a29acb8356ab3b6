// What is done to a channel as a whole.

import { useMutation } from "@tanstack/react-query";
import { useChannelsChanged } from "../../api/channels";
import { useApp } from "../../api/context";
import type { Channel } from "../../api/gen/watchbell/config/v1/channel_pb";
import * as en from "../../messages/en";
import { done, refused } from "../../parts/toast";

export function useChannelActions(team: string) {
  const { clients } = useApp();
  const changed = useChannelsChanged(team);
  const onError = (error: unknown) => refused(en.channel.changeRefused, error);
  const makeDefault = useMutation({
    mutationFn: (channel: Channel) => clients.channels.setDefaultChannel({ teamId: team, channelId: channel.id }),
    onSuccess: (_, channel) => done(en.channel.isDefaultNow(channel.displayName)),
    onError,
    onSettled: changed,
  });
  const pause = useMutation({
    mutationFn: (channel: Channel) =>
      clients.channels.updateChannel({
        teamId: team,
        channel: { id: channel.id, etag: channel.etag, paused: !channel.paused },
        updateMask: { paths: ["paused"] },
      }),
    onSuccess: (_, channel) =>
      done(channel.paused ? en.channel.resumedNow(channel.displayName) : en.channel.pausedNow(channel.displayName)),
    onError,
    onSettled: changed,
  });
  return { makeDefault, pause };
}
