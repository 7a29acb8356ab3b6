// The addresses of the console. Words in the query are texts; each page reads its own.

import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { Broken } from "./parts/broken";
import { type AlertsSearch, readAlerts } from "./pages/alerts/search";
import { type ChannelSearch, readTab } from "./pages/channel/search";
import { type CatalogSearch, readCatalog } from "./pages/catalog/search";
import { type ListSearch, readNew } from "./pages/channels/search";
import { readLog, type LogSearch } from "./pages/deliveries/search";
import { type EventsSearch, readEvents } from "./pages/events/search";
import { type HistorySearch, readHistory } from "./pages/history/search";
import { type MeSearch, readMe } from "./pages/me/search";
import { type PeopleSearch, readPeople } from "./pages/people/search";
import { type PlaySearch, readPlay } from "./pages/routing/search";
import { type SilencesSearch, readSilences } from "./pages/silences/search";
import { Missing, Root } from "./pages/root";
import { Start } from "./pages/start";
import { TeamShell } from "./pages/team";

const rootRoute = createRootRoute({ component: Root, notFoundComponent: Missing });

const readStart = ({ page }: Record<string, unknown>): { readonly page?: string } => (typeof page === "string" ? { page } : {});

const startRoute = createRoute({ getParentRoute: () => rootRoute, path: "/", validateSearch: readStart, component: Start });

const teamsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/teams",
  component: lazyRouteComponent(() => import("./pages/teams/page"), "TeamsPage"),
});

const teamRoute = createRoute({ getParentRoute: () => rootRoute, path: "/t/$team", component: TeamShell });

const teamIndexRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/t/$team/deliveries", params });
  },
});

const deliveriesRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/deliveries",
  validateSearch: (search: Record<string, unknown>): LogSearch => readLog(search),
  component: lazyRouteComponent(() => import("./pages/deliveries/page"), "DeliveriesPage"),
});

const alertsRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/alerts",
  validateSearch: (search: Record<string, unknown>): AlertsSearch => readAlerts(search),
  component: lazyRouteComponent(() => import("./pages/alerts/page"), "AlertsPage"),
});

const channelsRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/channels",
  validateSearch: (search: Record<string, unknown>): ListSearch => readNew(search),
  component: lazyRouteComponent(() => import("./pages/channels/page"), "ChannelsPage"),
});

const channelRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/channels/$channel",
  validateSearch: (search: Record<string, unknown>): ChannelSearch => readTab(search),
  component: lazyRouteComponent(() => import("./pages/channel/page"), "ChannelPage"),
});

const routingRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/routing",
  validateSearch: (search: Record<string, unknown>): PlaySearch => readPlay(search),
  component: lazyRouteComponent(() => import("./pages/routing/page"), "RoutingPage"),
});

const silencesRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/silences",
  validateSearch: (search: Record<string, unknown>): SilencesSearch => readSilences(search),
  component: lazyRouteComponent(() => import("./pages/silences/page"), "SilencesPage"),
});

const meRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/me",
  validateSearch: (search: Record<string, unknown>): MeSearch => readMe(search),
  component: lazyRouteComponent(() => import("./pages/me/page"), "MePage"),
});

const peopleRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/people",
  validateSearch: (search: Record<string, unknown>): PeopleSearch => readPeople(search),
  component: lazyRouteComponent(() => import("./pages/people/page"), "PeoplePage"),
});

const keysRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/keys",
  component: lazyRouteComponent(() => import("./pages/keys/page"), "KeysPage"),
});

const configRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/config",
  component: lazyRouteComponent(() => import("./pages/config/page"), "ConfigPage"),
});

const overviewRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/overview",
  component: lazyRouteComponent(() => import("./pages/overview/page"), "OverviewPage"),
});

const eventsRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/events",
  validateSearch: (search: Record<string, unknown>): EventsSearch => readEvents(search),
  component: lazyRouteComponent(() => import("./pages/events/page"), "EventsPage"),
});

const digestRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/digest",
  component: lazyRouteComponent(() => import("./pages/digest/page"), "DigestPage"),
});

const complianceRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/compliance",
  component: lazyRouteComponent(() => import("./pages/compliance/page"), "CompliancePage"),
});

const catalogRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/catalog",
  validateSearch: (search: Record<string, unknown>): CatalogSearch => readCatalog(search),
  component: lazyRouteComponent(() => import("./pages/catalog/page"), "CatalogPage"),
});

const historyRoute = createRoute({
  getParentRoute: () => teamRoute,
  path: "/history",
  validateSearch: (search: Record<string, unknown>): HistorySearch => readHistory(search),
  component: lazyRouteComponent(() => import("./pages/history/page"), "HistoryPage"),
});

export const router = createRouter({
  routeTree: rootRoute.addChildren([
    startRoute,
    teamsRoute,
    teamRoute.addChildren([
      teamIndexRoute,
      deliveriesRoute,
      alertsRoute,
      channelsRoute,
      channelRoute,
      routingRoute,
      silencesRoute,
      meRoute,
      peopleRoute,
      overviewRoute,
      eventsRoute,
      digestRoute,
      complianceRoute,
      catalogRoute,
      keysRoute,
      configRoute,
      historyRoute,
    ]),
  ]),
  basepath: "/console",
  defaultPreload: "intent",
  scrollRestoration: false,
  defaultErrorComponent: ({ error, reset }) => <Broken error={error} again={reset} />,
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const words = new URLSearchParams();
    for (const [name, value] of Object.entries(search)) {
      if (typeof value === "string" && value !== "") words.set(name, value);
    }
    const text = words.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
    return text === "" ? "" : `?${text}`;
  },
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
