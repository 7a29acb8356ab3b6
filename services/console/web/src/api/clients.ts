// The services, called by gRPC-Web with the credential of this tab. The credential is added in this one place.

import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { isUnauthenticated } from "./errors";
import { ChannelService } from "./gen/watchbell/config/v1/channel_service_pb";
import { TeamService } from "./gen/watchbell/config/v1/team_service_pb";
import { DispatcherService } from "./gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { InboxService } from "./gen/watchbell/dispatcher/v1/inbox_service_pb";
import { current, refuse } from "./session";

/** The session's credential; one that the server refuses is asked for again. */
const authorized: Interceptor = (next) => async (request) => {
  const { key } = current();
  if (key !== null) request.header.set("authorization", `Bearer ${key}`);
  try {
    return await next(request);
  } catch (error) {
    if (isUnauthenticated(error)) refuse(key);
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

/** What every page calls; `useServices` has the others. `base`: where the API is; empty for the page's own origin. `key`: a credential to try instead of the session's. */
export function connect(base: string, key?: string) {
  const transport = createGrpcWebTransport({
    baseUrl: base === "" ? window.location.origin : base,
    interceptors: [key === undefined ? authorized : trying(key)],
  });
  return {
    transport,
    teams: createClient(TeamService, transport),
    channels: createClient(ChannelService, transport),
    dispatcher: createClient(DispatcherService, transport),
    inbox: createClient(InboxService, transport),
  };
}
