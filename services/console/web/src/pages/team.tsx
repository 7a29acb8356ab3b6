// What surrounds every page of a team: the rail (at the bottom on a narrow screen), the live light, the account.

import { create } from "@bufbuild/protobuf";
import { Link, Outlet, useParams } from "@tanstack/react-router";
import { type ReactNode, Suspense, lazy, useState } from "react";
import { useChannels } from "../api/channels";
import { isBare, isFramed } from "../api/host";
import { ChannelHealth } from "../api/gen/watchbell/config/v1/channel_pb";
import { type Team, TeamSchema } from "../api/gen/watchbell/config/v1/team_pb";
import { useMay } from "../api/self";
import { type Teams, useTeams } from "../api/team";
import { FeedProvider, useFeedState, useSilent } from "../live/context";
import * as en from "../messages/en";
import { Broken } from "../parts/broken";
import { useKeys, usePaletteKey } from "../parts/keys";
import { Bell, BellFeed } from "../parts/bell";
import { TeamSwitch } from "../parts/team-switch";
import { PAGES } from "./pages";
import { Barred, Missing } from "./root";

const Help = lazy(() => import("../parts/help"));
const Palette = lazy(() => import("../parts/palette"));
const AlertCount = lazy(() => import("../parts/alert-count"));
const Account = lazy(() => import("../parts/account"));

const SILENCE = 5_000;

/** Until they are read. */
const NO_TEAMS: Teams = { teams: [], platform: false, barred: false };

export function TeamShell(): ReactNode {
  const { team: id } = useParams({ from: "/t/$team" });
  const { data, error, refetch } = useTeams();
  const [help, setHelp] = useState(false);
  const [palette, setPalette] = useState(false);
  usePaletteKey(() => setPalette(true));
  useKeys({ "?": () => setHelp(true) });
  if (error && !data) return <Broken error={error} again={() => void refetch()} />;
  // In a frame it has to be known first that this is no key of the platform. Elsewhere the page asks at once: the server decides what it
  // is answered.
  if (!data && isFramed) return <Skeleton />;
  if (data?.barred) return <Barred />;
  const team = data ? data.teams.find((known) => known.id === id) : create(TeamSchema, { id });
  if (!team) return <Missing />;
  const all = data ?? NO_TEAMS;
  return (
    <FeedProvider team={team.id} key={team.id}>
      {isBare ? null : <BellFeed team={team.id} />}
      <div className="shell" data-bare={isBare || undefined}>
        <a href="#content" className="skip">
          {en.shell.skip}
        </a>
        {isBare ? null : <Rail team={team} all={all} />}
        <main className="main" id="content" tabIndex={-1}>
          <Silence />
          <Outlet />
        </main>
        {isBare ? null : <TabBar team={team} all={all} />}
      </div>
      <Suspense fallback={null}>{help ? <Help onClose={() => setHelp(false)} /> : null}</Suspense>
      <Suspense fallback={null}>{palette ? <Palette team={team.id} teams={all} onClose={() => setPalette(false)} /> : null}</Suspense>
    </FeedProvider>
  );
}

function Skeleton(): ReactNode {
  return (
    <div className="shell" aria-busy="true" data-bare={isBare || undefined}>
      {isBare ? null : <div className="rail" />}
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

interface PagesProps {
  readonly team: Team;
  readonly pages: readonly (typeof PAGES)[number][];
}

function Pages({ team, pages }: PagesProps): ReactNode {
  const { data: channels = [] } = useChannels(team.id);
  const may = useMay();
  const unhealthy = channels.filter(({ health, paused }) => health === ChannelHealth.UNHEALTHY && !paused).length;
  return pages.map(({ to, label, icon: Icon }) => (
    <Link key={to} to={to} params={{ team: team.id }} className="rail-link">
      <Icon aria-hidden="true" />
      <span>{label}</span>
      {to === "/t/$team/channels" && unhealthy > 0 ? (
        <span className="count">
          <span aria-hidden="true">{unhealthy}</span>
          <span className="sr-only">{en.shell.unhealthy(unhealthy)}</span>
        </span>
      ) : null}
      {to === "/t/$team/alerts" && may.log ? (
        <Suspense fallback={null}>
          <AlertCount team={team.id} />
        </Suspense>
      ) : null}
    </Link>
  ));
}

function Rail({ team, all }: RailProps): ReactNode {
  return (
    <nav className="rail" aria-label={en.shell.navigation}>
      <TeamSwitch team={team} all={all} />
      <Pages team={team} pages={PAGES.filter(({ group }) => group === "team")} />
      <h2 className="rail-group">{en.shell.developers}</h2>
      <Pages team={team} pages={PAGES.filter(({ group }) => group === "developers")} />
      <div className="rail-foot">
        <Bell team={team.id} />
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
      <Pages team={team} pages={PAGES.filter(({ tab }) => tab)} />
      <Bell team={team.id} narrow />
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
