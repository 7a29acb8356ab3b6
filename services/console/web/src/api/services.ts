// The services that only some pages call: their descriptions are loaded with the first of these pages.

import { type Transport, createClient } from "@connectrpc/connect";
import { useApp } from "./context";
import { CatalogService } from "./gen/watchbell/config/v1/catalog_service_pb";
import { PreferenceService } from "./gen/watchbell/config/v1/preference_service_pb";
import { RoutingService } from "./gen/watchbell/config/v1/routing_service_pb";
import { SilenceService } from "./gen/watchbell/config/v1/silence_service_pb";
import { AlertService } from "./gen/watchbell/dispatcher/v1/alert_service_pb";
import { DigestService } from "./gen/watchbell/digest/v1/digest_service_pb";
import { RouterService } from "./gen/watchbell/router/v1/router_service_pb";

export type Services = ReturnType<typeof over>;

function over(transport: Transport) {
  return {
    preferences: createClient(PreferenceService, transport),
    routing: createClient(RoutingService, transport),
    silences: createClient(SilenceService, transport),
    catalog: createClient(CatalogService, transport),
    alerts: createClient(AlertService, transport),
    digest: createClient(DigestService, transport),
    router: createClient(RouterService, transport),
  };
}

const made = new WeakMap<Transport, Services>();

export function useServices(): Services {
  const { transport } = useApp().clients;
  let services = made.get(transport);
  if (!services) {
    services = over(transport);
    made.set(transport, services);
  }
  return services;
}
