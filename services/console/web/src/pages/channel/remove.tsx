// Deleting a channel, after what it would take with it is known.

import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useChannelsChanged } from "../../api/channels";
import { useApp } from "../../api/context";
import type { Channel } from "../../api/gen/watchbell/config/v1/channel_pb";
import { useRules } from "../../api/rules";
import { takesDefaults } from "../../domain/channel";
import { useWaitingCounts } from "../../live/waiting";
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
  const counts = useWaitingCounts(team);
  const own = counts?.get(channel.id);
  const waiting = own ? own.pending + own.held + own.parked : 0;
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
      disabled={!counts || !rules || naming.length > 0}
      typed={takesDefaults(channel) ? channel.displayName : undefined}
      onConfirm={() => remove.mutate()}
    >
      {counts ? null : <p role="status">{en.loading}</p>}
      {naming.length > 0 ? <p>{en.remove.rules(en.rulesCounted(naming.length), naming.map(({ displayName }) => plain(displayName)).join(", "))}</p> : null}
      {waiting > 0 ? <p>{en.remove.waiting(en.deliveriesCounted(waiting))}</p> : null}
      {takesDefaults(channel) ? <p>{en.remove.isDefault}</p> : null}
      <p>{en.remove.text}</p>
    </Confirm>
  );
}
