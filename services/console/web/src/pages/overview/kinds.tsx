import { Link } from "@tanstack/react-router";
import { Check, CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { ChannelHealth } from "../../api/gen/watchbell/config/v1/channel_pb";
import type { IntegrationStatus } from "../../api/gen/watchbell/config/v1/integration_status_pb";
import { useStatus } from "../../api/status";
import { millis } from "../../api/times";
import { kindWord } from "../../api/words";
import * as en from "../../messages/en";
import { Broken } from "../../parts/broken";
import { ago, plain, sentence } from "../../parts/format";
import { KindIcon } from "../../parts/icons";

/** How each kind of channel is set up, and how it fares. */
export function Kinds({ team, now }: { team: string; now: number }): ReactNode {
  const { data, error, refetch } = useStatus(team);
  if (error && !data) return <Broken error={error} again={() => void refetch()} />;
  return (
    <section aria-label={en.overview.kinds}>
      <h2 className="mb-2">{en.overview.kinds}</h2>
      {data?.dispatcherAway ? <p className="card card-warn mb-2">{en.overview.away}</p> : null}
      <ul className="kinds">
        {data?.integrations.map((one) => (
          <Kind key={one.kind} team={team} status={one} now={now} />
        ))}
      </ul>
    </section>
  );
}

function textOf(status: IntegrationStatus, now: number): string {
  const success = millis(status.lastSuccessTime);
  if (!status.configured) return en.overview.notSetUp;
  if (status.health === ChannelHealth.UNHEALTHY) return en.overview.unhealthy(status.unhealthyCount);
  return success === null ? en.channels.never : en.overview.lastSuccess(ago(success, now));
}

function Kind({ team, status, now }: { team: string; status: IntegrationStatus; now: number }): ReactNode {
  const kind = kindWord(status.kind);
  const waiting = millis(status.oldestWaitingTime);
  const isUnhealthy = status.health === ChannelHealth.UNHEALTHY;
  return (
    <li className="card grid content-start gap-1" data-off={!status.configured}>
      <p className="flex items-center gap-2">
        <KindIcon kind={kind} />
        <Link className="font-semibold hover:underline" to="/t/$team/channels" params={{ team }}>
          {kind ? en.kinds[kind] : en.unknown(status.kind)}
        </Link>
        {status.configured && !isUnhealthy ? <Check size={14} className="ms-auto text-delivered" aria-hidden="true" /> : null}
        {isUnhealthy ? <CircleAlert size={14} className="ms-auto text-parked" aria-hidden="true" /> : null}
      </p>
      <p className={isUnhealthy ? "text-parked" : "text-muted"}>{textOf(status, now)}</p>
      {waiting === null ? null : <p className="text-sm text-muted">{en.overview.waiting(ago(waiting, now))}</p>}
      {isUnhealthy && status.lastError ? <p className="text-sm text-muted wrap-anywhere">{sentence(plain(status.lastError))}</p> : null}
    </li>
  );
}
