// Recipients who have not confirmed yet that they want a channel's emails, and get none until then.

import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useChannelsChanged } from "../../api/channels";
import { useServices } from "../../api/services";
import type { UnconfirmedRecipient } from "../../api/gen/watchbell/config/v1/channel_pb";
import { millis } from "../../api/times";
import * as en from "../../messages/en";
import { plain, whole } from "../../parts/format";
import { done, refused } from "../../parts/toast";

export function Unconfirmed({ team, recipients }: { team: string; recipients: readonly UnconfirmedRecipient[] }): ReactNode {
  const services = useServices();
  const changed = useChannelsChanged(team);
  const resend = useMutation({
    mutationFn: (address: string) => services.preferences.resendRecipientConfirmation({ teamId: team, address }),
    onSuccess: (_, address) => done(en.unconfirmed.sent(address)),
    onError: (error) => refused(en.unconfirmed.refused, error),
    onSettled: changed,
  });
  if (recipients.length === 0) return null;
  return (
    <section className="card card-warn grid gap-2" aria-label={en.unconfirmed.title}>
      <b>{en.unconfirmed.title}</b>
      <p className="text-muted">{en.unconfirmed.text}</p>
      <ul className="grid gap-1.5">
        {recipients.map(({ address, askTime, sentCount }) => {
          const asked = millis(askTime);
          return (
            <li key={address} className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <span className="mono wrap-anywhere">{plain(address)}</span>
              <span className="text-sm text-muted">{asked === null ? "" : en.unconfirmed.since(whole(asked), sentCount)}</span>
              <button type="button" className="btn btn-small ms-auto" disabled={resend.isPending} onClick={() => resend.mutate(address)}>
                {en.unconfirmed.again}
                <span className="sr-only"> {plain(address)}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
