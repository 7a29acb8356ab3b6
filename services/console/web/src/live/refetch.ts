// Queries that are asked again when the stream tells of something that they show.

import { type QueryClient, type QueryKey, hashKey, useQueryClient } from "@tanstack/react-query";
import type { Delivery } from "../api/gen/watchbell/dispatcher/v1/delivery_pb";
import { useFeed, useHear } from "./context";
import { Throttle } from "./throttle";

/** A stream may tell of fifty changes a second. */
const INTERVAL = 1_000;

/** Asks again. An answer that is on its way may be older than the change: it is waited for, and then asked for anew. */
export async function refetched(cache: QueryClient, queryKey: QueryKey): Promise<void> {
  const isAsking = cache.isFetching({ queryKey }) > 0;
  await cache.invalidateQueries({ queryKey }, { cancelRefetch: false });
  if (isAsking) await cache.invalidateQueries({ queryKey }, { cancelRefetch: false });
}

/**
 * Asks the queries under the key again when a delivery that concerns them was made or has changed, and after a gap. All
 * who show the same share one throttle.
 */
export function useRefetchOn(queryKey: QueryKey, concerns: (delivery: Delivery) => boolean, interval = INTERVAL): void {
  const cache = useQueryClient();
  const { throttles } = useFeed();
  const ask = () => {
    const name = hashKey(queryKey);
    let throttle = throttles.get(name);
    if (!throttle) {
      throttle = new Throttle(() => refetched(cache, queryKey), interval);
      throttles.set(name, throttle);
    }
    throttle.ask();
  };
  useHear({
    gap: ask,
    batch: (deliveries) => {
      if (deliveries.some(concerns)) ask();
    },
  });
}
