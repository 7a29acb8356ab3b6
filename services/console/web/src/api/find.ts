// Pages of deliveries and events that are full unless they are the last, however rare what is asked for is.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Clients } from "./clients";
import { fullPage } from "./every-page";
import type { ListDeliveriesRequestSchema, ListEventsRequestSchema } from "./gen/watchbell/dispatcher/v1/dispatcher_service_pb";

type Deliveries = MessageInitShape<typeof ListDeliveriesRequestSchema> & { readonly pageSize: number };
type Events = MessageInitShape<typeof ListEventsRequestSchema> & { readonly pageSize: number };

export async function findDeliveries({ dispatcher }: Clients, request: Deliveries, signal?: AbortSignal) {
  const { items, nextPageToken } = await fullPage(
    request.pageSize,
    request.pageToken ?? "",
    (pageSize, pageToken) => dispatcher.listDeliveries({ ...request, pageSize, pageToken }, { signal }),
    (page) => page.deliveries,
  );
  return { deliveries: items, nextPageToken };
}

export async function findEvents({ dispatcher }: Clients, request: Events, signal?: AbortSignal) {
  const { items, nextPageToken } = await fullPage(
    request.pageSize,
    request.pageToken ?? "",
    (pageSize, pageToken) => dispatcher.listEvents({ ...request, pageSize, pageToken }, { signal }),
    (page) => page.events,
  );
  return { events: items, nextPageToken };
}
