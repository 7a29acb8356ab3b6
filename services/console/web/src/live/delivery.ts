// One delivery with its attempts, kept up to date.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useApp, useSession } from "../api/context";
import type { Delivery } from "../api/gen/watchbell/dispatcher/v1/delivery_pb";
import { useHear } from "./context";
import { useRefetchOn } from "./refetch";

export function useDelivery(team: string, id: string) {
  const { clients } = useApp();
  const { epoch } = useSession();
  const cache = useQueryClient();
  const queryKey = ["delivery", team, epoch, id];
  useHear({
    gap: () => {},
    batch: (deliveries) => {
      const told = deliveries.findLast((delivery) => delivery.id === id);
      if (told) cache.setQueryData<Delivery>(queryKey, (before) => (before ? merged(before, told) : before));
    },
  });
  // The stream tells only of the attempt that changed it.
  useRefetchOn(queryKey, (delivery) => delivery.id === id);
  return useQuery({
    queryKey,
    queryFn: async ({ signal }) => (await clients.dispatcher.getDelivery({ teamId: team, deliveryId: id }, { signal })).delivery,
    staleTime: 5_000,
    enabled: id !== "",
  });
}

/** What was read, with what the stream told, which counts no members of a summary. */
function merged(before: Delivery, told: Delivery): Delivery {
  if (before.attemptCount > told.attemptCount) return before;
  const numbers = new Set(told.attempts.map(({ number }) => number));
  const attempts = [...before.attempts.filter(({ number }) => !numbers.has(number)), ...told.attempts];
  return { ...told, attempts: attempts.toSorted((a, b) => a.number - b.number), foldedCount: before.foldedCount };
}
