// The cache of what the server has said. A call is repeated only when it may succeed by itself; a credential that is
// refused is asked for again and never retried.

import { QueryClient } from "@tanstack/react-query";
import { isPassing, problemOf } from "./errors";

const MOST_RETRIES = 3;
/** What takes longer is said, with a countdown. */
const LONGEST_RETRY = 2_000;

/**
 * How long to wait before the next try. The server's word, when it gives one, is the earliest moment that makes sense: jitter,
 * so that many tabs do not come at once, only adds to it.
 */
export function retryDelay(count: number, retryAfter: number | null, random: number): number {
  if (retryAfter !== null) return retryAfter * (1 + random / 2);
  return Math.min(8_000, 500 * 2 ** count) * (0.75 + random / 2);
}

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: true,
      retry: (count, error) => count < MOST_RETRIES && isPassing(error) && (problemOf(error).retryAfter ?? 0) <= LONGEST_RETRY,
      retryDelay: (count, error) => retryDelay(count, problemOf(error).retryAfter, Math.random()),
    },
    mutations: { retry: false },
  },
});
