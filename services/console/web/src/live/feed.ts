// A stream of the server, one for all tabs of this browser that follow the same with the same credential. A browser opens
// few connections to one host over HTTP/1.1, so one tab reads and tells the others.

import { Code, ConnectError } from "@connectrpc/connect";
import { channelOf, whenLeader } from "./leader";

export type FeedState = "connecting" | "live" | "waiting" | "off";

export interface Told<Item> {
  readonly item?: Item | undefined;
  /** Items were left out. */
  readonly lagged: boolean;
}

export interface FeedSource<Item> {
  /** Shared by the tabs that may share one stream. */
  readonly name: string;
  /** Opens the stream; `opened` is called once the server has accepted it. */
  watch(signal: AbortSignal, opened: () => void): AsyncIterable<Told<Item>>;
  pack(item: Item): Uint8Array;
  unpack(bytes: Uint8Array): Item;
}

export interface FeedListener<Item> {
  state(state: FeedState): void;
  /** Items, in the order in which they were told. */
  batch(items: readonly Item[]): void;
  /** Items may have been missed: list again. */
  gap(): void;
  /** The server refuses the credential. */
  refused(): void;
}

type Message =
  | { readonly type: "hello" }
  | { readonly type: "state"; readonly state: FeedState }
  | { readonly type: "batch"; readonly items: readonly Uint8Array[] }
  | { readonly type: "gap" };

/** A tab that nobody has looked at for so long gives the stream back. */
const HIDDEN_FOR = 5 * 60_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 20_000;

/** Names what tabs with the same credential share, without naming the credential. */
export function shareName(what: string, whose: string, key: string): string {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (const character of `${whose} ${key}`) {
    const code = character.codePointAt(0) ?? 0;
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  return `watchbell.${what}.${whose}.${(a >>> 0).toString(36)}${(b >>> 0).toString(36)}`;
}

/** How long to wait before the next try: doubling, with jitter, so that many tabs do not come at once. */
export function backOff(failures: number, random: number): number {
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures) * (0.5 + random);
}

/** Follows the source until the returned function is called. */
export function follow<Item>(source: FeedSource<Item>, listener: FeedListener<Item>): () => void {
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
  // A page that the browser freezes, or keeps to come back to, leads nobody: it gives the stream to another tab, and takes
  // part again when it is thawed.
  const freeze = () => {
    clearTimeout(hiddenTimer);
    stop();
  };
  const events = new AbortController();
  const { signal } = events;
  document.addEventListener("visibilitychange", seen, { signal });
  document.addEventListener("freeze", freeze, { signal });
  document.addEventListener("resume", seen, { signal });
  window.addEventListener("pagehide", freeze, { signal });
  window.addEventListener("pageshow", seen, { signal });
  start();
  return () => {
    events.abort();
    freeze();
  };
}

function takePart<Item>(source: FeedSource<Item>, listener: FeedListener<Item>, signal: AbortSignal): void {
  const others = channelOf(source.name);
  let leads = false;
  let state: FeedState = "connecting";
  const say = (message: Message) => {
    if (!signal.aborted) others.postMessage(message);
  };
  others.addEventListener("message", ({ data }: MessageEvent<Message>) => {
    if (leads) {
      if (data.type === "hello") say({ type: "state", state });
      return;
    }
    if (data.type === "state") listener.state(data.state);
    else if (data.type === "gap") listener.gap();
    else if (data.type === "batch") listener.batch(data.items.map((bytes) => source.unpack(bytes)));
  });
  signal.addEventListener("abort", () => others.close());
  say({ type: "hello" });
  const telling: FeedListener<Item> = {
    state: (next) => {
      state = next;
      listener.state(next);
      say({ type: "state", state: next });
    },
    batch: (items) => {
      listener.batch(items);
      say({ type: "batch", items: items.map((item) => source.pack(item)) });
    },
    gap: () => {
      listener.gap();
      say({ type: "gap" });
    },
    refused: () => listener.refused(),
  };
  whenLeader(source.name, signal, async (term) => {
    leads = true;
    await lead(source, telling, term);
    // One that is refused goes on saying so to tabs that come.
    leads = !term.aborted;
  });
}

async function lead<Item>(source: FeedSource<Item>, listener: FeedListener<Item>, signal: AbortSignal): Promise<void> {
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
      for await (const { item, lagged } of source.watch(signal, opened)) {
        if (lagged) listener.gap();
        if (item) batches.add(item);
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
class Batches<Item> {
  private readonly listener: FeedListener<Item>;
  private gathered: Item[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(listener: FeedListener<Item>) {
    this.listener = listener;
  }

  add(item: Item): void {
    this.gathered.push(item);
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
