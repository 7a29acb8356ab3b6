// What reaches the default channels when no rule decides.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { ChannelNames } from "../../api/channels";
import { useEventTypes } from "../../api/event-types";
import { AlertWhen } from "../../api/gen/watchbell/config/v1/event_type_pb";
import { kindOf } from "../../api/words";
import { takesDefaults } from "../../domain/channel";
import * as en from "../../messages/en";
import { plain } from "../../parts/format";
import { KindIcon } from "../../parts/icons";
import { policyText } from "../catalog/policy";
import { Conditions } from "./conditions";

const KINDS = ["slack", "teams"] as const;

export function Triggers({ team, names }: { team: string; names: ChannelNames }): ReactNode {
  const { data: types = [] } = useEventTypes(team);
  const alerting = types.filter(({ alertPolicy }) => (alertPolicy?.when ?? AlertWhen.NEVER) > AlertWhen.NEVER);
  return (
    <div className="grid gap-4">
      <p className="text-muted">{en.triggers.text}</p>
      <ul className="grid gap-2">
        {KINDS.map((kind) => {
          const channel = names.all.find((one) => one.kind === kindOf(kind) && takesDefaults(one));
          if (!channel) {
            return (
              <li key={kind} className="card flex items-center gap-2">
                <KindIcon kind={kind} />
                <span className="text-muted">{en.triggers.none(en.kinds[kind])}</span>
              </li>
            );
          }
          return (
            <li key={kind} className="card flex flex-wrap items-center gap-2">
              <KindIcon kind={kind} />
              <b>{plain(channel.displayName)}</b>
              <span className="flex min-w-0 flex-1 flex-wrap items-center gap-1.5">
                <span className="text-muted">{channel.triggers ? en.triggers.own : en.triggers.catalog}</span>
                {channel.triggers ? <Conditions match={channel.triggers} /> : null}
              </span>
              <Link className="btn btn-small" to="/t/$team/channels/$channel" params={{ team, channel: channel.id }} search={{ tab: "filter" }}>
                {en.triggers.change}
              </Link>
            </li>
          );
        })}
      </ul>
      <section className="card" aria-label={en.triggers.alerting}>
        <h2 className="mb-2">{en.triggers.alerting}</h2>
        <ul className="grid gap-1">
          {alerting.map((type) => (
            <li key={type.name} className="flex min-h-7 min-w-0 items-center gap-3">
              <Link className="mono link cut py-1" to="/t/$team/catalog" params={{ team }} search={{ open: type.name }}>
                {type.name}
              </Link>
              <span className="ms-auto flex-none text-sm text-muted">{policyText(type)}</span>
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}
