// What surrounds every page of a team: the rail (at the bottom on a narrow screen), the live light, the account.

import { Link, Outlet, useParams } from "@tanstack/react-router";
import { AlignLeft, CornerDownRight, Workflow } from "lucide-react";
import { type ReactNode, Suspense, lazy, useState } from "react";
import { useChannels } from "../api/channels";
import { ChannelHealth } from "../api/gen/watchbell/config/v1/channel_pb";
import type { Team } from "../api/gen/watchbell/config/v1/team_pb";
import { type Teams, useTeams } from "../api/team";
import { FeedProvider, useFeedState, useSilent } from "../live/context";
import { en } from "../messages/en";
import { Broken } from "../parts/broken";
import { useKeys } from "../parts/keys";
import { TeamSwitch } from "../parts/team-switch";
import { Missing } from "./root";

const Help = lazy(() => import("../parts/help"));
const Account = lazy(() => import("../parts/account"));

const SILENCE = 5_000;

export function TeamShell(): ReactNode {
  const { team: id } = useParams({ from: "/t/$team" });
  const { data, error, refetch } = useTeams();
  const [help, setHelp] = useState(false);
  useKeys({ "?": () => setHelp(true) });
  if (error && !data) return <Broken error={error} again={() => void refetch()} />;
  if (!data) return <Skeleton />;
  const team = data.teams.find((known) => known.id === id);
  if (!team) return <Missing />;
  return (
    <FeedProvider team={team.id} key={team.id}>
      <div className="shell">
        <a href="#content" className="skip">
          {en.shell.skip}
        </a>
        <Rail team={team} all={data} />
        <main className="main" id="content" tabIndex={-1}>
          <Silence />
          <Outlet />
        </main>
        <TabBar team={team} all={data} />
      </div>
      <Suspense fallback={null}>{help ? <Help onClose={() => setHelp(false)} /> : null}</Suspense>
    </FeedProvider>
  );
}

function Skeleton(): ReactNode {
  return (
    <div className="shell" aria-busy="true">
      <div className="rail" />
      <div className="main">
        <div className="page-head" role="status">
          {en.loading}
        </div>
      </div>
    </div>
  );
}

interface RailProps {
  readonly team: Team;
  readonly all: Teams;
}

function Pages({ team }: { team: Team }): ReactNode {
  const { data: channels = [] } = useChannels(team.id);
  const unhealthy = channels.filter(({ health, paused }) => health === ChannelHealth.UNHEALTHY && !paused).length;
  const params = { team: team.id };
  return (
    <>
      <Link to="/t/$team/deliveries" params={params} className="rail-link">
        <AlignLeft aria-hidden="true" />
        <span>{en.shell.deliveries}</span>
      </Link>
      <Link to="/t/$team/channels" params={params} className="rail-link">
        <Workflow aria-hidden="true" />
        <span>{en.shell.channels}</span>
        {unhealthy > 0 ? (
          <span className="count">
            <span aria-hidden="true">{unhealthy}</span>
            <span className="sr-only">{en.shell.unhealthy(unhealthy)}</span>
          </span>
        ) : null}
      </Link>
      <Link to="/t/$team/routing" params={params} className="rail-link">
        <CornerDownRight aria-hidden="true" />
        <span>{en.shell.routing}</span>
      </Link>
    </>
  );
}

function Rail({ team, all }: RailProps): ReactNode {
  return (
    <nav className="rail" aria-label={en.shell.navigation}>
      <TeamSwitch team={team} all={all} />
      <Pages team={team} />
      <div className="rail-foot">
        <span className="px-1">
          <LiveLight />
        </span>
        <Suspense fallback={null}>
          <Account all={all} />
        </Suspense>
      </div>
    </nav>
  );
}

function TabBar({ team, all }: RailProps): ReactNode {
  return (
    <nav className="tabbar" aria-label={en.shell.navigation}>
      <Pages team={team} />
      <Suspense fallback={<span />}>
        <Account all={all} team={team} />
      </Suspense>
    </nav>
  );
}

export function LiveLight(): ReactNode {
  const state = useFeedState();
  if (state === "off") return null;
  return (
    <span className="live" data-state={state === "live" ? "live" : "waiting"} role="status">
      {state === "live" ? en.live.live : en.live.waiting}
    </span>
  );
}

function Silence(): ReactNode {
  return useSilent(SILENCE) ? (
    <div className="banner" role="alert">
      {en.live.lost}
    </div>
  ) : null;
}
