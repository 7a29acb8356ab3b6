// The services, called by gRPC-Web with the credential of this tab. The credential is added in this one place.

import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { isUnauthenticated } from "./errors";
import { CatalogService } from "./gen/watchbell/config/v1/catalog_service_pb";
import { ChannelService } from "./gen/watchbell/config/v1/channel_service_pb";
import { PreferenceService } from "./gen/watchbell/config/v1/preference_service_pb";
import { RoutingService } from "./gen/watchbell/config/v1/routing_service_pb";
import { TeamService } from "./gen/watchbell/config/v1/team_service_pb";
import { DispatcherService } from "./gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { RouterService } from "./gen/watchbell/router/v1/router_service_pb";
import { current, refuse } from "./session";

/** The session's credential; one that the server refuses is asked for again. */
const authorized: Interceptor = (next) => async (request) => {
  const { key, epoch } = current();
  if (key !== null) request.header.set("authorization", `Bearer ${key}`);
  try {
    return await next(request);
  } catch (error) {
    if (isUnauthenticated(error)) refuse(epoch);
    throw error;
  }
};

/** A credential that is being tried. */
const trying =
  (key: string): Interceptor =>
  (next) =>
  (request) => {
    request.header.set("authorization", `Bearer ${key}`);
    return next(request);
  };

export type Clients = ReturnType<typeof connect>;

/** `base`: where the API is; empty for the page's own origin. `key`: a credential to try instead of the session's. */
export function connect(base: string, key?: string) {
  const transport = createGrpcWebTransport({
    baseUrl: base === "" ? window.location.origin : base,
    interceptors: [key === undefined ? authorized : trying(key)],
  });
  return {
    teams: createClient(TeamService, transport),
    channels: createClient(ChannelService, transport),
    preferences: createClient(PreferenceService, transport),
    routing: createClient(RoutingService, transport),
    catalog: createClient(CatalogService, transport),
    dispatcher: createClient(DispatcherService, transport),
    router: createClient(RouterService, transport),
  };
}
