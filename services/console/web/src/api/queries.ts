// The cache of what the server has said. A call is repeated only when it may succeed by itself; a credential that is
// refused is asked for again and never retried.

import { QueryClient } from "@tanstack/react-query";
import { isPassing } from "./errors";

const MOST_RETRIES = 3;

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: true,
      retry: (count, error) => count < MOST_RETRIES && isPassing(error),
      retryDelay: (count) => Math.min(8_000, 500 * 2 ** count) * (0.75 + Math.random() / 2),
    },
    mutations: { retry: false },
  },
});
