// What needs somebody: channels that are unhealthy, that are quiet while something waits, that have folded. Nothing is
// shown when there is nothing.

import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { type ChannelNames, useChannelsChanged } from "../../api/channels";
import { useApp } from "../../api/context";
import { type Channel, ChannelHealth } from "../../api/gen/watchbell/config/v1/channel_pb";
import { useMay } from "../../api/self";
import { quietUntil, windowsOf } from "../../domain/quiet";
import type { Row } from "../../live/row";
import { type Waiting, useWaiting } from "../../live/waiting";
import * as en from "../../messages/en";
import { Band } from "../../parts/band";
import { duration, moment, plain, sentence } from "../../parts/format";
import { done, refused } from "../../parts/toast";
import type { LogSearch } from "./search";

/** A fold that is older is no longer news. */
const RECENT = 60 * 60_000;

interface Props {
  readonly team: string;
  readonly zone: string;
  readonly names: ChannelNames;
  readonly recent: readonly Row[];
  readonly now: number;
  readonly onTest: (channelId: string) => void;
  readonly onSearch: (search: LogSearch) => void;
}

export function Attention({ team, zone, names, recent, now, onTest, onSearch }: Props): ReactNode {
  const unhealthy = names.all.filter(({ health, paused }) => health === ChannelHealth.UNHEALTHY && !paused);
  const quiet = names.all.filter(({ paused, quietHours }) => {
    if (paused || !quietHours) return false;
    return quietUntil(windowsOf(quietHours.windows), quietHours.timeZone || zone, now) !== null;
  });
  const parked = useWaiting(team, unhealthy, "parked");
  const held = useWaiting(team, quiet, "held");
  const waits = quiet.filter(({ id }) => (held.get(id)?.rows.length ?? 0) > 0);
  const folded = names.all.flatMap((channel) => {
    const rows = recent.filter((row) => row.state === "folded" && row.target.channelId === channel.id && now - row.made < RECENT);
    return rows.length > 0 ? [{ channel, rows }] : [];
  });
  if (unhealthy.length + waits.length + folded.length === 0) return null;
  return (
    <section className="attention" aria-label={en.attention.label}>
      {unhealthy.slice(0, 3).map((channel) => (
        <Unhealthy key={channel.id} team={team} channel={channel} parked={parked.get(channel.id)} now={now} onTest={onTest} />
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
                {en.attention.held(`${waiting?.rows.length ?? 0}${waiting?.more ? "+" : ""}`)}
              </button>
            </p>
            <Band windows={windows} zone={own} now={now} dots={(waiting?.rows ?? []).map((row) => row.made)} label={en.attention.bandLabel(name)} />
          </div>
        );
      })}
      {folded.slice(0, 1).map(({ channel, rows }) => (
        <div key={channel.id} className="card grid content-start gap-2">
          <p>
            <b>{en.attention.folded(plain(channel.displayName), rows.length)}</b>{" "}
            <span className="text-muted">{en.attention.foldedText}</span>
          </p>
          <p className="flex gap-3">
            <button type="button" className="link" onClick={() => onSearch({ state: "folded", channel: channel.id })}>
              {en.attention.openSummary}
            </button>
            <Link className="link" to="/t/$team/channels/$channel" params={{ team, channel: channel.id }} search={{ tab: "storm" }}>
              {en.attention.changeLimit}
            </Link>
          </p>
        </div>
      ))}
    </section>
  );
}

interface UnhealthyProps {
  readonly team: string;
  readonly channel: Channel;
  readonly parked: Waiting | undefined;
  readonly now: number;
  readonly onTest: (channelId: string) => void;
}

function Unhealthy({ team, channel, parked, now, onTest }: UnhealthyProps): ReactNode {
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
  const count = parked?.rows.length ?? 0;
  const oldest = parked?.rows.at(-1)?.made;
  return (
    <div className="card card-warn">
      <p>
        <b>{en.attention.unhealthy(plain(channel.displayName))}</b>{" "}
        {count > 0 && oldest !== undefined
          ? en.attention.parked(`${en.deliveriesCounted(count)}${parked?.more ? "+" : ""}`, duration(now - oldest))
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
          {count > 0 ? en.attention.reenableParked : en.attention.reenable}
        </button>
      </p>
    </div>
  );
}
