// The feed of the team on the screen, for whatever page wants it.

import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useApp, useSession } from "../api/context";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Delivery, DeliverySchema } from "../api/gen/watchbell/dispatcher/v1/delivery_pb";
import { refuse } from "../api/session";
import { type FeedSource, type FeedState, follow, shareName } from "./feed";
import type { Throttle } from "./throttle";

interface Hearer {
  batch(deliveries: readonly Delivery[]): void;
  gap(): void;
}

/** Hands on what one feed tells to all who listen. */
class Feed {
  private readonly hearers = new Set<Hearer>();
  private readonly watchers = new Set<() => void>();
  private now: FeedState = "connecting";
  /** Of queries that are asked again when something is told, by their keys. */
  readonly throttles = new Map<string, Throttle>();

  readonly state = () => this.now;

  readonly watch = (listener: () => void) => {
    this.watchers.add(listener);
    return () => this.watchers.delete(listener);
  };

  hear(hearer: Hearer): () => void {
    this.hearers.add(hearer);
    return () => this.hearers.delete(hearer);
  }

  become(state: FeedState): void {
    this.now = state;
    for (const listener of this.watchers) listener();
  }

  batch(deliveries: readonly Delivery[]): void {
    for (const hearer of this.hearers) hearer.batch(deliveries);
  }

  gap(): void {
    for (const hearer of this.hearers) hearer.gap();
  }
}

const FeedContext = createContext<Feed | null>(null);

export function FeedProvider({ team, children }: { team: string; children: ReactNode }): ReactNode {
  const { clients } = useApp();
  const { key, refused } = useSession();
  const feed = useMemo(() => new Feed(), []);
  useEffect(() => {
    if (key === null || refused) return;
    const source: FeedSource<Delivery> = {
      name: shareName("deliveries", team, key),
      async *watch(signal, opened) {
        for await (const { delivery, lagged } of clients.dispatcher.watchDeliveries({ teamId: team }, { signal, onHeader: opened })) {
          yield { item: delivery, lagged };
        }
      },
      pack: (delivery) => toBinary(DeliverySchema, delivery),
      unpack: (bytes) => fromBinary(DeliverySchema, bytes),
    };
    return follow(source, {
      state: (state) => feed.become(state),
      batch: (deliveries) => feed.batch(deliveries),
      gap: () => feed.gap(),
      refused: () => refuse(key),
    });
  }, [clients, feed, team, key, refused]);
  return <FeedContext.Provider value={feed}>{children}</FeedContext.Provider>;
}

export function useFeed(): Feed {
  const feed = useContext(FeedContext);
  if (feed === null) throw new Error("there is no feed around this");
  return feed;
}

export function useFeedState(): FeedState {
  const feed = useFeed();
  return useSyncExternalStore(feed.watch, feed.state);
}

/** Calls what it was last given. */
export function useHear(hearer: Hearer): void {
  const feed = useFeed();
  const latest = useRef(hearer);
  useEffect(() => {
    latest.current = hearer;
  });
  useEffect(
    () =>
      feed.hear({
        batch: (deliveries) => latest.current.batch(deliveries),
        gap: () => latest.current.gap(),
      }),
    [feed],
  );
}

/** Whether the server has not been heard for `milliseconds`. */
export function useSilent(milliseconds: number): boolean {
  const waiting = useFeedState() === "waiting";
  const [since, setSince] = useState(false);
  useEffect(() => {
    if (!waiting) return;
    const timer = setTimeout(() => setSince(true), milliseconds);
    return () => {
      clearTimeout(timer);
      setSince(false);
    };
  }, [waiting, milliseconds]);
  return since;
}
