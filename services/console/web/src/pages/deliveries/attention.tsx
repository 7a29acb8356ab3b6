// What needs somebody: channels that are unhealthy, that are quiet while something waits, that have folded. Nothing is
// shown when there is nothing.

import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { type ChannelNames, useChannelsChanged } from "../../api/channels";
import { useApp } from "../../api/context";
import { type Channel, ChannelHealth } from "../../api/gen/watchbell/config/v1/channel_pb";
import { useMay } from "../../api/self";
import { millis } from "../../api/times";
import { quietUntil, windowsOf } from "../../domain/quiet";
import { useDelivery } from "../../live/delivery";
import { type Fold, useFolds } from "../../live/folds";
import { type Waiting, useWaiting, useWaitingCounts } from "../../live/waiting";
import * as en from "../../messages/en";
import { Band } from "../../parts/band";
import { clock, count, duration, made, moment, plain, sentence } from "../../parts/format";
import { done, refused } from "../../parts/toast";
import type { LogSearch } from "./search";

interface Props {
  readonly team: string;
  readonly zone: string;
  readonly names: ChannelNames;
  readonly now: number;
  readonly onTest: (channelId: string) => void;
  readonly onSearch: (search: LogSearch) => void;
}

export function Attention({ team, zone, names, now, onTest, onSearch }: Props): ReactNode {
  const unhealthy = names.all.filter(({ health, paused }) => health === ChannelHealth.UNHEALTHY && !paused);
  const quiet = names.all.filter(({ paused, quietHours }) => {
    if (paused || !quietHours) return false;
    return quietUntil(windowsOf(quietHours.windows), quietHours.timeZone || zone, now) !== null;
  });
  const parked = useWaiting(team, unhealthy, "parked");
  const held = useWaiting(team, quiet, "held");
  const counts = useWaitingCounts(team, unhealthy.length + quiet.length > 0);
  const waits = quiet.filter(({ id }) => (held.get(id)?.rows.length ?? 0) > 0);
  const folds = useFolds(team).flatMap((fold) => {
    const channel = names.get(fold.channelId);
    return channel ? [{ fold, channel }] : [];
  });
  if (unhealthy.length + waits.length + folds.length === 0) return null;
  return (
    <section className="attention" aria-label={en.attention.label}>
      {unhealthy.slice(0, 3).map((channel) => (
        <Unhealthy key={channel.id} team={team} channel={channel} parked={parked.get(channel.id)} count={counts?.get(channel.id)?.parked} now={now} onTest={onTest} />
      ))}
      {waits.slice(0, 2).map((channel) => {
        const windows = windowsOf(channel.quietHours?.windows ?? []);
        const own = channel.quietHours?.timeZone || zone;
        const name = plain(channel.displayName);
        const until = quietUntil(windows, own, now);
        const waiting = held.get(channel.id);
        return (
          <div key={channel.id} className="card grid content-start gap-2">
            <p>
              <b>{en.attention.quiet(name, until === null ? "" : moment(until, now))}</b>{" "}
              <button type="button" className="link" onClick={() => onSearch({ state: "held", channel: channel.id, range: "all" })}>
                {en.attention.held(count(counts?.get(channel.id)?.held ?? waiting?.rows.length ?? 0))}
              </button>
            </p>
            <Band windows={windows} zone={own} now={now} dots={(waiting?.rows ?? []).map((row) => row.made)} label={en.attention.bandLabel(name)} />
          </div>
        );
      })}
      {folds.slice(0, 1).map(({ fold, channel }) => (
        <Folded key={channel.id} team={team} fold={fold} channel={channel} now={now} onSearch={onSearch} />
      ))}
    </section>
  );
}

interface FoldedProps {
  readonly team: string;
  readonly fold: Fold;
  readonly channel: Channel;
  readonly now: number;
  readonly onSearch: (search: LogSearch) => void;
}

function Folded({ team, fold, channel, now, onSearch }: FoldedProps): ReactNode {
  const { data: summary } = useDelivery(team, fold.summaryId);
  const sent = millis(summary?.endTime);
  const members = Math.max(fold.count, Number(summary?.foldedCount ?? 0n));
  const text =
    fold.summaryId === ""
      ? en.attention.foldedDue(fold.until === null ? null : clock(fold.until))
      : en.attention.foldedTold(sent === null ? null : made(sent, now));
  return (
    <div className="card grid content-start gap-2">
      <p>
        <b>{en.attention.folded(plain(channel.displayName), members)}</b> <span className="text-muted">{text}</span>
      </p>
      <p className="flex flex-wrap gap-x-3 gap-y-1.5">
        {fold.summaryId === "" ? (
          <button type="button" className="link" onClick={() => onSearch({ state: "folded", channel: channel.id })}>
            {en.attention.showFolded}
          </button>
        ) : (
          <button type="button" className="link" onClick={() => onSearch({ summary: fold.summaryId, range: "all", open: fold.summaryId })}>
            {en.attention.openSummary}
          </button>
        )}
        <Link className="link" to="/t/$team/channels/$channel" params={{ team, channel: channel.id }} search={{ tab: "storm" }}>
          {en.attention.changeLimit}
        </Link>
      </p>
    </div>
  );
}

interface UnhealthyProps {
  readonly team: string;
  readonly channel: Channel;
  readonly parked: Waiting | undefined;
  /** All that are parked. */
  readonly count: number | undefined;
  readonly now: number;
  readonly onTest: (channelId: string) => void;
}

function Unhealthy({ team, channel, parked, count: all, now, onTest }: UnhealthyProps): ReactNode {
  const { clients } = useApp();
  const may = useMay();
  const changed = useChannelsChanged(team);
  const reenable = useMutation({
    mutationFn: () => clients.channels.reenableChannel({ teamId: team, channelId: channel.id, recoverParked: true }),
    onSuccess: async () => {
      done(en.channel.reenabled(channel.displayName));
      await changed();
    },
    onError: (error) => refused(en.channel.reenableRefused, error),
  });
  const parkedCount = Math.max(all ?? 0, parked?.rows.length ?? 0);
  const oldest = parked?.rows.at(-1)?.made;
  return (
    <div className="card card-warn">
      <p>
        <b>{en.attention.unhealthy(plain(channel.displayName))}</b>{" "}
        {parkedCount > 0 && oldest !== undefined
          ? en.attention.parked(en.deliveriesCounted(parkedCount), duration(now - oldest), parked?.more ?? false)
          : null}
      </p>
      <p className="text-muted wrap-anywhere">{sentence(plain(channel.healthMessage))}</p>
      <p className="mt-2 flex flex-wrap gap-2">
        <button
          type="button"
          className="btn btn-small"
          disabled={!may.act}
          title={may.act ? undefined : en.denied.act}
          onClick={() => onTest(channel.id)}
        >
          {en.attention.sendTest}
        </button>
        <button
          type="button"
          className="btn btn-small btn-primary"
          disabled={!may.configure || reenable.isPending}
          title={may.configure ? undefined : en.denied.configure}
          onClick={() => reenable.mutate()}
        >
          {parkedCount > 0 ? en.attention.reenableParked : en.attention.reenable}
        </button>
      </p>
    </div>
  );
}
