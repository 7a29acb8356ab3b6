// How a channel fares, and what mends it.

import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useChannelsChanged } from "../../api/channels";
import { useApp } from "../../api/context";
import { type Channel, ChannelHealth } from "../../api/gen/watchbell/config/v1/channel_pb";
import { useMay } from "../../api/self";
import { millis, toDuration } from "../../api/times";
import { useWaitingCounts } from "../../live/waiting";
import * as en from "../../messages/en";
import { Confirm } from "../../parts/dialog";
import { DAY, count, plain, sentence, whole } from "../../parts/format";
import { done, refused } from "../../parts/toast";
import { Toggle } from "../../parts/toggle";
import { RecoverDialog } from "../deliveries/recover";
import { SecretShown } from "./secret";

interface Props {
  readonly team: string;
  readonly channel: Channel;
  readonly now: number;
  readonly onTest: () => void;
}

type Asking = "reenable" | "recover" | "rotate" | null;

export function HealthTab({ team, channel, now, onTest }: Props): ReactNode {
  const may = useMay();
  const [asking, setAsking] = useState<Asking>(null);
  const unhealthy = channel.health === ChannelHealth.UNHEALTHY;
  const denied = may.configure ? undefined : en.denied.configure;
  const close = () => setAsking(null);
  return (
    <div className="sheet">
      <p className="text-muted">{en.health.text}</p>
      <div className={`card ${unhealthy ? "card-warn" : ""}`}>
        <b>{unhealthy ? en.health.unhealthy : en.health.healthy}</b>
        {channel.healthMessage ? <p className="text-muted wrap-anywhere">{sentence(plain(channel.healthMessage))}</p> : null}
        <p className="mt-2 flex flex-wrap gap-2">
          <button type="button" className="btn" disabled={!may.act} title={may.act ? undefined : en.denied.act} onClick={onTest}>
            {en.health.test}
          </button>
          {unhealthy ? (
            <button type="button" className="btn btn-primary" disabled={!may.configure} title={denied} onClick={() => setAsking("reenable")}>
              {en.health.reenable}
            </button>
          ) : null}
        </p>
      </div>
      <div className="card grid gap-2">
        <p>{en.health.recoverText}</p>
        <p>
          <button type="button" className="btn" disabled={!may.act} title={may.act ? undefined : en.denied.act} onClick={() => setAsking("recover")}>
            {en.health.recover}
          </button>
        </p>
      </div>
      {channel.destination.case === "webhook" ? (
        <div className="card grid gap-2">
          <p>
            {en.health.rotateText} <span className="text-muted">{en.channels.secrets(channel.destination.value.liveSecretCount)}.</span>
          </p>
          <p>
            <button type="button" className="btn" disabled={!may.configure} title={denied} onClick={() => setAsking("rotate")}>
              {en.health.rotate}
            </button>
          </p>
        </div>
      ) : null}
      {asking === "reenable" ? <Reenable team={team} channel={channel} onClose={close} /> : null}
      {asking === "recover" ? (
        <RecoverDialog team={team} channelId={channel.id} name={plain(channel.displayName)} since={now - DAY} onClose={close} />
      ) : null}
      {asking === "rotate" ? <Rotate team={team} channel={channel} onClose={close} /> : null}
    </div>
  );
}

function Reenable({ team, channel, onClose }: { team: string; channel: Channel; onClose: () => void }): ReactNode {
  const { clients } = useApp();
  const changed = useChannelsChanged(team);
  const [recover, setRecover] = useState(true);
  const waiting = useWaitingCounts(team);
  const parked = waiting?.get(channel.id)?.parked ?? 0;
  const reenable = useMutation({
    mutationFn: () => clients.channels.reenableChannel({ teamId: team, channelId: channel.id, recoverParked: recover }),
    onSuccess: () => done(en.channel.reenabled(channel.displayName)),
    onError: (error) => refused(en.channel.reenableRefused, error),
    onSettled: async () => {
      await changed();
      onClose();
    },
  });
  return (
    <Confirm
      open
      onClose={onClose}
      title={en.health.reenableTitle(plain(channel.displayName))}
      verb={recover && parked > 0 ? en.health.verbDeliver(count(parked)) : en.health.verb}
      busy={reenable.isPending}
      disabled={!waiting}
      onConfirm={() => reenable.mutate()}
    >
      <p role="status">{waiting ? en.health.reenableText(en.deliveriesCounted(parked)) : en.loading}</p>
      <Toggle label={en.health.recoverToo} checked={recover} onChange={setRecover} />
    </Confirm>
  );
}

const OVERLAPS = [0, 3_600, 86_400, 604_800] as const;

function Rotate({ team, channel, onClose }: { team: string; channel: Channel; onClose: () => void }): ReactNode {
  const { clients } = useApp();
  const changed = useChannelsChanged(team);
  const [overlap, setOverlap] = useState<number>(86_400);
  const [made, setMade] = useState<{ secret: string; until: number | null } | null>(null);
  const rotate = useMutation({
    mutationFn: () =>
      clients.channels.rotateWebhookSecret({ teamId: team, channelId: channel.id, overlap: toDuration(overlap * 1_000) }),
    gcTime: 0,
    onSuccess: async ({ signingSecret, oldSecretExpireTime }) => {
      setMade({ secret: signingSecret, until: millis(oldSecretExpireTime) });
      rotate.reset();
      await changed();
    },
    onError: (error) => {
      refused(en.health.rotateRefused, error);
      onClose();
    },
  });
  if (made) return <SecretShown secret={made.secret} oldUntil={made.until === null ? undefined : whole(made.until)} onStored={onClose} />;
  return (
    <Confirm open onClose={onClose} title={en.health.rotateTitle} verb={en.health.rotateVerb} busy={rotate.isPending} onConfirm={() => rotate.mutate()}>
      <p>{en.health.rotateText}</p>
      <label className="field">
        <span className="field-label">{en.health.overlap}</span>
        <select className="input" value={overlap} onChange={(event) => setOverlap(Number(event.target.value))}>
          {OVERLAPS.map((seconds) => (
            <option key={seconds} value={seconds}>
              {en.health.overlaps[seconds]}
            </option>
          ))}
        </select>
      </label>
    </Confirm>
  );
}
