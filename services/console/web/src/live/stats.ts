// How many deliveries there are, counted by the server: by state, by when they were made, by channel. Counts follow the
// stream at a bounded pace.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useApp, useSession } from "../api/context";
import { isPassing } from "../api/errors";
import type { DeliveryCounts } from "../api/gen/watchbell/dispatcher/v1/delivery_stats_pb";
import type { GetDeliveryStatsResponse } from "../api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { millis, timestamp, toDuration } from "../api/times";
import { STATES, type StateWord } from "../api/words";
import { DAY, HOUR, MINUTE } from "../parts/format";
import { type Filter, asked, mayMatch } from "./filter";
import { useRefetchOn } from "./refetch";
import { toRow } from "./row";

/** How often counts are asked for while deliveries are told of, in milliseconds. */
const PACE = 2_000;
/** Lengths of a bar. */
const LENGTHS = [1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE).concat([1, 2, 3, 6, 12].map((hours) => hours * HOUR), DAY, 7 * DAY);
const MOST_BARS = 120;
const MOST_TRIES = 10;

export type Counts = Readonly<Record<StateWord, number>>;

export interface Bucket {
  readonly from: number;
  readonly counts: Counts;
  readonly total: number;
}

export interface Stats {
  readonly from: number;
  readonly to: number;
  readonly counts: Counts;
  readonly total: number;
  readonly buckets: readonly Bucket[];
  /** By the channel's id; the empty one is the inbox and mail to members. */
  readonly channels: ReadonlyMap<string, Counts>;
  /** There are more: only what was made after this was counted. Null when all were. */
  readonly countedFrom: number | null;
}

export function totalOf(counts: Counts): number {
  return STATES.reduce((sum, state) => sum + counts[state], 0);
}

function countsOf(counts: DeliveryCounts | undefined): Counts {
  const entries = STATES.map((state) => [state, Number(counts?.[state] ?? 0n)] as const);
  return Object.fromEntries(entries) as Record<StateWord, number>;
}

export function toStats(answer: GetDeliveryStatsResponse): Stats {
  const counts = countsOf(answer.counts);
  return {
    from: millis(answer.startTime) ?? 0,
    to: millis(answer.endTime) ?? 0,
    counts,
    total: totalOf(counts),
    buckets: answer.buckets.map((bucket) => {
      const own = countsOf(bucket.counts);
      return { from: millis(bucket.startTime) ?? 0, counts: own, total: totalOf(own) };
    }),
    channels: new Map(answer.channels.map(({ channelId, counts: own }) => [channelId, countsOf(own)])),
    countedFrom: millis(answer.countedFromTime),
  };
}

/** How long a bar is, so that there are no more than can be told apart. */
export function lengthOf(period: number): number {
  return LENGTHS.find((length) => period / length <= MOST_BARS) ?? Math.ceil(period / MOST_BARS);
}

/** A team has one count at a time: those of this tab stand in line. */
let line: Promise<unknown> = Promise.resolve();

function inLine<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const turn = line.then(ask);
  line = turn.catch(() => {});
  return turn;
}

interface Wish {
  readonly enabled?: boolean;
  /** Of a bar, in milliseconds. */
  readonly length?: number;
}

/**
 * Counts what the filter takes; its period ends now unless it says otherwise. `filterAt` has to say the same as long as `key`
 * is the same. A filter without a beginning is counted as one bar.
 */
export function useStats(team: string, key: string, filterAt: (now: number) => Filter, { enabled = true, length }: Wish = {}): Stats | undefined {
  const { clients } = useApp();
  const { epoch } = useSession();
  const queryKey = ["stats", team, epoch, key];
  useRefetchOn(queryKey, (delivery) => enabled && mayMatch({ ...filterAt(Date.now()), states: [] }, toRow(delivery)), PACE);
  const { data } = useQuery({
    queryKey,
    queryFn: ({ signal }) =>
      inLine(async () => {
        signal.throwIfAborted();
        const now = Date.now();
        const filter = filterAt(now);
        const end = filter.end ?? now;
        const start = Math.min(filter.start ?? 0, end - MINUTE);
        const bucketLength = toDuration(filter.start === null ? end - start : (length ?? lengthOf(end - start)));
        const request = { teamId: team, startTime: timestamp(start), endTime: timestamp(end), bucketLength, filter: asked(filter) };
        return toStats(await clients.dispatcher.getDeliveryStats(request, { signal }));
      }),
    placeholderData: keepPreviousData,
    staleTime: 5_000,
    // Somebody else of the team may be counting, for some seconds.
    retry: (failures, error) => failures < MOST_TRIES && isPassing(error),
    enabled,
  });
  return data;
}
