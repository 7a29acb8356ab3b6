// A team's channels by kind: how each fares, and what can be done at once.

import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Ellipsis, Plus, Star } from "lucide-react";
import { type ReactNode, useState } from "react";
import { useChannelNames, useChannels } from "../../api/channels";
import { type Channel, ChannelHealth } from "../../api/gen/watchbell/config/v1/channel_pb";
import type { IntegrationStatus } from "../../api/gen/watchbell/config/v1/integration_status_pb";
import { useStatus } from "../../api/status";
import { useMay } from "../../api/self";
import { useZone } from "../../api/team";
import { millis } from "../../api/times";
import { KINDS, type KindWord, kindOf, kindWord } from "../../api/words";
import { takesDefaults } from "../../domain/channel";
import { quietUntil, windowsOf } from "../../domain/quiet";
import { useWaitingCounts } from "../../live/waiting";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { ExpressionFailures } from "../../parts/expression-failures";
import { ago, count, duration, moment, plain, sentence } from "../../parts/format";
import { KindIcon, StateIcon } from "../../parts/icons";
import { MenuButton, MenuItem } from "../../parts/menu";
import { useNow } from "../../parts/now";
import { SendTest } from "../../parts/send-test";
import { useChannelActions } from "../channel/actions";
import { DeleteChannel } from "../channel/remove";
import { CreateChannel } from "./create";
import type { ListSearch } from "./search";

const MAKABLE: readonly KindWord[] = ["slack", "teams", "email", "webhook"];

export function ChannelsPage(): ReactNode {
  const { team } = useParams({ from: "/t/$team" });
  const search = useSearch({ from: "/t/$team/channels" });
  return <ChannelList team={team} search={search} key={team} />;
}

function ChannelList({ team, search }: { team: string; search: ListSearch }): ReactNode {
  const navigate = useNavigate({ from: "/t/$team/channels" });
  const zone = useZone(team);
  const { data: channels, error, refetch } = useChannels(team);
  const names = useChannelNames(team);
  const { data: status } = useStatus(team);
  const may = useMay();
  const now = useNow(15_000);
  const [testing, setTesting] = useState<string | null>(null);
  const [removing, setRemoving] = useState<Channel | null>(null);
  const add = (kind: KindWord | undefined) => void navigate({ search: kind ? { new: kind } : {} });
  const denied = may.configure ? undefined : en.denied.configure;
  return (
    <>
      <header className="page-head">
        <h1>{en.channels.title}</h1>
        <span className="ms-auto" />
        <MenuButton
          trigger={
            <button type="button" className="btn btn-primary" disabled={!may.configure} title={denied}>
              <Plus aria-hidden="true" />
              {en.channels.add}
            </button>
          }
        >
          {MAKABLE.map((kind) => (
            <MenuItem key={kind} onClick={() => add(kind)}>
              <KindIcon kind={kind} />
              {en.kinds[kind]}
            </MenuItem>
          ))}
        </MenuButton>
      </header>
      <div className="page-body">
        {error && !channels ? <Broken error={error} again={() => void refetch()} /> : null}
        {!channels && !error ? (
          <div className="channel-grid" role="status" aria-label={en.loading}>
            <span className="card skeleton h-24" />
            <span className="card skeleton h-24" />
            <span className="card skeleton h-24" />
          </div>
        ) : null}
        <ExpressionFailures team={team} of="channels" />
        {channels?.length === 0 ? <NoChannels allowed={may.configure} onAdd={add} /> : null}
        {channels
          ? KINDS.map((kind) => {
              const own = channels.filter((channel) => kindWord(channel.kind) === kind);
              if (own.length === 0) return null;
              return (
                <section key={kind} className="mb-6" aria-label={en.kinds[kind]}>
                  <div className="mb-2 flex flex-wrap items-baseline gap-x-3">
                    <h2>{en.kinds[kind]}</h2>
                    <KindStatus status={status?.integrations.find((one) => one.kind === kindOf(kind))} now={now} />
                  </div>
                  <ul className="channel-grid">
                    {own.map((channel) => (
                      <ChannelCard
                        key={channel.id}
                        team={team}
                        channel={channel}
                        zone={zone}
                        now={now}
                        onTest={() => setTesting(channel.id)}
                        onDelete={() => setRemoving(channel)}
                      />
                    ))}
                  </ul>
                </section>
              );
            })
          : null}
      </div>
      {search.new && may.configure ? (
        <CreateChannel
          team={team}
          kind={search.new}
          key={search.new}
          onClose={() => add(undefined)}
          onMade={(channel) => void navigate({ to: "/t/$team/channels/$channel", params: { team, channel: channel.id }, search: {} })}
        />
      ) : null}
      {testing === null ? null : <SendTest team={team} names={names} channelId={testing} onClose={() => setTesting(null)} />}
      {removing ? <DeleteChannel team={team} channel={removing} onClose={() => setRemoving(null)} onDeleted={() => setRemoving(null)} /> : null}
    </>
  );
}

function NoChannels({ allowed, onAdd }: { allowed: boolean; onAdd: (kind: KindWord) => void }): ReactNode {
  return (
    <div className="empty">
      <h2>{en.channels.empty}</h2>
      <p>{en.channels.emptyText}</p>
      <ul className="channel-grid w-full !max-w-[760px] text-start">
        {MAKABLE.map((kind) => (
          <li key={kind}>
            <button type="button" className="card flex w-full items-start gap-3 text-start" disabled={!allowed} onClick={() => onAdd(kind)}>
              <KindIcon kind={kind} size={15} />
              <span>
                <b className="text-ink">{en.kinds[kind]}</b>
                <span className="block text-muted">{en.channels.about[kind]}</span>
              </span>
            </button>
          </li>
        ))}
        <li className="card flex items-start gap-3">
          <KindIcon kind="in-app" size={15} />
          <span>
            <b className="text-ink">{en.kinds["in-app"]}</b>
            <span className="block text-muted">{en.channels.about["in-app"]}</span>
          </span>
        </li>
      </ul>
    </div>
  );
}

function KindStatus({ status, now }: { status: IntegrationStatus | undefined; now: number }): ReactNode {
  if (!status) return null;
  const success = millis(status.lastSuccessTime);
  const waiting = millis(status.oldestWaitingTime);
  return (
    <span className="text-sm text-muted">
      {success === null ? en.channels.never : en.overview.lastSuccess(ago(success, now))}
      {waiting === null ? "" : ` · ${en.channels.waiting(duration(now - waiting))}`}
    </span>
  );
}

/** Where it leads, as far as it may be shown. */
export function whereTo(channel: Channel): string {
  const { destination } = channel;
  switch (destination.case) {
    case "slack":
      return [destination.value.workspace, destination.value.maskedWebhookUrl].filter(Boolean).join(" · ");
    case "teams":
      return destination.value.maskedWebhookUrl;
    case "webhook":
      return destination.value.maskedUrl;
    case "email": {
      const { recipients, smtp } = destination.value;
      const first = recipients.slice(0, 2).join(", ");
      const more = recipients.length > 2 ? ` ${en.channels.more(recipients.length - 2)}` : "";
      return [recipients.length === 0 ? en.channels.noRecipients : first + more, smtp?.host].filter(Boolean).join(" · ");
    }
    default:
      return "";
  }
}

interface BadgesProps {
  readonly channel: Channel;
  readonly zone: string;
  readonly now: number;
}

export function Badges({ channel, zone, now }: BadgesProps): ReactNode {
  const { quietHours } = channel;
  const until = quietHours ? quietUntil(windowsOf(quietHours.windows), quietHours.timeZone || zone, now) : null;
  return (
    <span className="flex flex-wrap gap-1.5">
      {takesDefaults(channel) ? (
        <span className="pill s-pending" title={en.channels.defaultHint}>
          <Star size={11} aria-hidden="true" />
          {en.channels.isDefault}
        </span>
      ) : null}
      {channel.paused ? <span className="pill s-cancelled">{en.channels.paused}</span> : null}
      {channel.health === ChannelHealth.UNHEALTHY ? <span className="pill s-parked">{en.channels.unhealthy}</span> : null}
      {until === null || channel.paused ? null : <span className="pill s-held">{en.channels.quietUntil(moment(until, now))}</span>}
    </span>
  );
}

/** What waits for it. */
function Waiting({ team, channelId }: { team: string; channelId: string }): ReactNode {
  const own = useWaitingCounts(team)?.get(channelId);
  return (["parked", "held"] as const).map((state) =>
    own && own[state] > 0 ? (
      <Link key={state} className={`pill s-${state}`} to="/t/$team/deliveries" params={{ team }} search={{ channel: channelId, state, range: "all" }}>
        <StateIcon state={state} />
        {count(own[state])} {en.states[state].toLowerCase()}
      </Link>
    ) : null,
  );
}

interface CardProps extends BadgesProps {
  readonly team: string;
  readonly onTest: () => void;
  readonly onDelete: () => void;
}

function ChannelCard({ team, channel, zone, now, onTest, onDelete }: CardProps): ReactNode {
  const may = useMay();
  const { makeDefault, pause } = useChannelActions(team);
  const name = plain(channel.displayName);
  const webhook = channel.destination.case === "webhook" ? channel.destination.value : null;
  const unhealthy = channel.health === ChannelHealth.UNHEALTHY && !channel.paused;
  return (
    <li className={`card channel-card ${unhealthy ? "card-warn" : ""}`}>
      <div className="flex items-start gap-2.5">
        <KindIcon kind={kindWord(channel.kind)} size={15} />
        <div className="min-w-0 flex-1">
          <Link to="/t/$team/channels/$channel" params={{ team, channel: channel.id }} search={{}} className="channel-link">
            {name}
          </Link>
          <p className="cut mono text-muted" title={plain(whereTo(channel))}>
            {plain(whereTo(channel))}
          </p>
        </div>
        <MenuButton
          trigger={
            <button type="button" className="btn btn-quiet btn-small btn-icon relative" aria-label={en.channels.actions(name)}>
              <Ellipsis aria-hidden="true" />
            </button>
          }
        >
          <MenuItem disabled={!may.act} onClick={onTest}>
            {en.channels.test}
          </MenuItem>
          {channel.isDefault || webhook ? null : (
            <MenuItem disabled={!may.configure} onClick={() => makeDefault.mutate(channel)}>
              {en.channels.makeDefault}
            </MenuItem>
          )}
          <MenuItem disabled={!may.configure} onClick={() => pause.mutate(channel)}>
            {channel.paused ? en.channels.resume : en.channels.pause}
          </MenuItem>
          <MenuItem danger disabled={!may.configure} onClick={onDelete}>
            {en.channels.delete}
          </MenuItem>
        </MenuButton>
      </div>
      {webhook ? (
        <p className="flex flex-wrap gap-1">
          {webhook.filter?.types.slice(0, 4).map((pattern) => (
            <span key={pattern} className="tag mono">
              {plain(pattern)}
            </span>
          ))}
          {(webhook.filter?.types.length ?? 0) > 4 ? <span className="text-muted">{en.channels.more((webhook.filter?.types.length ?? 0) - 4)}</span> : null}
        </p>
      ) : null}
      <span className="flex flex-wrap gap-1.5">
        <Badges channel={channel} zone={zone} now={now} />
        <Waiting team={team} channelId={channel.id} />
      </span>
      {unhealthy ? <p className="text-sm text-muted wrap-anywhere">{sentence(plain(channel.healthMessage))}</p> : null}
      {channel.description ? <p className="text-sm text-muted wrap-anywhere">{plain(channel.description)}</p> : null}
    </li>
  );
}
