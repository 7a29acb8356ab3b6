// The addresses of the console. Words in the query are texts; each page reads its own.

import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { Broken } from "./parts/broken";
import { type ChannelSearch, readTab } from "./pages/channel/search";
import { type ListSearch, readNew } from "./pages/channels/search";
import { readLog, type LogSearch } from "./pages/deliveries/search";
import { type PlaySearch, readPlay } from "./pages/routing/search";
import { Missing, Root } from "./pages/root";
import { Start } from "./pages/start";
import { TeamShell } from "./pages/team";

const rootRoute = createRootRoute({ component: Root, notFoundComponent: Missing });

const startRoute = createRoute({ getParentRoute: () => rootRoute, path: "/", component: Start });

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

export const router = createRouter({
  routeTree: rootRoute.addChildren([startRoute, teamRoute.addChildren([teamIndexRoute, deliveriesRoute, channelsRoute, channelRoute, routingRoute])]),
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
