// Changes of deliveries as they happen: one stream for all tabs of this browser that show the same team with the same
// credential. A browser opens few connections to one host over HTTP/1.1, so the tab that holds the lock reads and tells
// the others.

import { Code, ConnectError } from "@connectrpc/connect";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Delivery, DeliverySchema } from "../api/gen/watchbell/dispatcher/v1/delivery_pb";

export type FeedState = "connecting" | "live" | "waiting" | "off";

export interface Told {
  readonly delivery?: Delivery | undefined;
  readonly lagged: boolean;
}

export interface FeedSource {
  /** Shared by the tabs that may share one stream. */
  readonly name: string;
  /** Opens the stream; `opened` is called once the server has accepted it. */
  watch(signal: AbortSignal, opened: () => void): AsyncIterable<Told>;
}

export interface FeedListener {
  state(state: FeedState): void;
  /** Changes, in the order in which they were told. */
  batch(deliveries: readonly Delivery[]): void;
  /** Changes may have been missed: list again. */
  gap(): void;
  /** The server refuses the credential. */
  refused(): void;
}

type Message =
  | { readonly type: "hello" }
  | { readonly type: "state"; readonly state: FeedState }
  | { readonly type: "batch"; readonly deliveries: readonly Uint8Array[] }
  | { readonly type: "gap" };

/** A tab that nobody has looked at for so long gives the stream back. */
const HIDDEN_FOR = 5 * 60_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 20_000;

/** How long to wait before the next try: doubling, with jitter, so that many tabs do not come at once. */
export function backOff(failures: number, random: number): number {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures) * (0.5 + random);
}

/** Follows the source until the returned function is called. */
export function follow(source: FeedSource, listener: FeedListener): () => void {
  let open: AbortController | null = null;
  let hiddenTimer: ReturnType<typeof setTimeout> | undefined;

  const start = () => {
    if (open) return;
    open = new AbortController();
    takePart(source, listener, open.signal);
  };
  const stop = () => {
    open?.abort();
    open = null;
  };
  const seen = () => {
    clearTimeout(hiddenTimer);
    if (document.hidden) hiddenTimer = setTimeout(stop, HIDDEN_FOR);
    else start();
  };
  document.addEventListener("visibilitychange", seen);
  start();
  return () => {
    document.removeEventListener("visibilitychange", seen);
    clearTimeout(hiddenTimer);
    stop();
  };
}

function takePart(source: FeedSource, listener: FeedListener, signal: AbortSignal): void {
  // Locks exist only on pages that came by HTTPS or from this machine; elsewhere each tab has a stream of its own.
  if (!("locks" in navigator) || !("BroadcastChannel" in window)) {
    void lead(source, listener, signal);
    return;
  }
  const others = new BroadcastChannel(source.name);
  let leads = false;
  let state: FeedState = "connecting";
  const say = (message: Message) => others.postMessage(message);
  others.addEventListener("message", ({ data }: MessageEvent<Message>) => {
    if (leads) {
      if (data.type === "hello") say({ type: "state", state });
      return;
    }
    if (data.type === "state") listener.state(data.state);
    else if (data.type === "gap") listener.gap();
    else if (data.type === "batch") listener.batch(data.deliveries.map((bytes) => fromBinary(DeliverySchema, bytes)));
  });
  signal.addEventListener("abort", () => others.close());
  say({ type: "hello" });
  const telling: FeedListener = {
    state: (next) => {
      state = next;
      listener.state(next);
      say({ type: "state", state: next });
    },
    batch: (deliveries) => {
      listener.batch(deliveries);
      say({ type: "batch", deliveries: deliveries.map((delivery) => toBinary(DeliverySchema, delivery)) });
    },
    gap: () => {
      listener.gap();
      say({ type: "gap" });
    },
    refused: () => listener.refused(),
  };
  navigator.locks
    .request(source.name, { signal }, async () => {
      leads = true;
      await lead(source, telling, signal);
    })
    .catch(() => {
      // Ended before its turn.
    });
}

async function lead(source: FeedSource, listener: FeedListener, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    listener.state(failures === 0 ? "connecting" : "waiting");
    const batches = new Batches(listener);
    try {
      const opened = () => {
        failures = 0;
        listener.state("live");
        listener.gap();
      };
      for await (const { delivery, lagged } of source.watch(signal, opened)) {
        if (lagged) listener.gap();
        if (delivery) batches.add(delivery);
      }
    } catch (error) {
      if (signal.aborted) return;
      const { code } = ConnectError.from(error);
      if (code === Code.Unauthenticated || code === Code.PermissionDenied) {
        listener.state("off");
        if (code === Code.Unauthenticated) listener.refused();
        return;
      }
    } finally {
      batches.flush();
    }
    const wait = backOff(failures, Math.random());
    failures += 1;
    listener.state("waiting");
    await pause(wait, signal);
  }
}

/** Gathers what is told within one frame, so that a burst is drawn once. */
class Batches {
  private readonly listener: FeedListener;
  private gathered: Delivery[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(listener: FeedListener) {
    this.listener = listener;
  }

  add(delivery: Delivery): void {
    this.gathered.push(delivery);
    // Not an animation frame: those stop while the page is hidden, and other tabs may be looked at.
    this.timer ??= setTimeout(() => this.flush(), 16);
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.gathered.length === 0) return;
    const batch = this.gathered;
    this.gathered = [];
    this.listener.batch(batch);
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
