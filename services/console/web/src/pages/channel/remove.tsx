// Deleting a channel, after what it would take with it is known.

import { useMutation, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useChannelsChanged } from "../../api/channels";
import { useApp } from "../../api/context";
import { LARGEST_PAGE } from "../../api/every-page";
import { findDeliveries } from "../../api/find";
import type { Channel } from "../../api/gen/watchbell/config/v1/channel_pb";
import { useRules } from "../../api/rules";
import { stateOf } from "../../api/words";
import { takesDefaults } from "../../domain/channel";
import * as en from "../../messages/en";
import { Confirm } from "../../parts/dialog";
import { plain } from "../../parts/format";
import { done, refused } from "../../parts/toast";

interface Props {
  readonly team: string;
  readonly channel: Channel;
  readonly onClose: () => void;
  readonly onDeleted: () => void;
}

export function DeleteChannel({ team, channel, onClose, onDeleted }: Props): ReactNode {
  const { clients } = useApp();
  const changed = useChannelsChanged(team);
  const { data: rules } = useRules(team);
  const naming = rules?.filter(({ action }) => action.case === "send" && action.value.channelIds.includes(channel.id)) ?? [];
  const { data } = useQuery({
    queryKey: ["blast", team, channel.id],
    queryFn: async ({ signal }) => {
      const states = (["pending", "held", "parked"] as const).map(stateOf);
      const waiting = await findDeliveries(clients, { teamId: team, channelId: channel.id, states, pageSize: LARGEST_PAGE }, signal);
      return { waiting: waiting.deliveries.length, more: waiting.nextPageToken !== "" };
    },
    staleTime: 0,
  });
  const remove = useMutation({
    mutationFn: () => clients.channels.deleteChannel({ teamId: team, channelId: channel.id, etag: channel.etag }),
    onSuccess: async () => {
      done(en.remove.done(channel.displayName));
      onDeleted();
      await changed();
    },
    onError: async (error) => {
      refused(en.remove.refused, error);
      await changed();
      onClose();
    },
  });
  return (
    <Confirm
      open
      onClose={onClose}
      title={en.remove.title(plain(channel.displayName))}
      verb={en.remove.verb}
      danger
      busy={remove.isPending}
      disabled={!data || !rules || naming.length > 0}
      typed={takesDefaults(channel) ? channel.displayName : undefined}
      onConfirm={() => remove.mutate()}
    >
      {data ? null : <p role="status">{en.loading}</p>}
      {naming.length > 0 ? <p>{en.remove.rules(en.rulesCounted(naming.length), naming.map(({ displayName }) => plain(displayName)).join(", "))}</p> : null}
      {data && data.waiting > 0 ? <p>{en.remove.waiting(`${en.deliveriesCounted(data.waiting)}${data.more ? "+" : ""}`)}</p> : null}
      {takesDefaults(channel) ? <p>{en.remove.isDefault}</p> : null}
      <p>{en.remove.text}</p>
    </Confirm>
  );
}
