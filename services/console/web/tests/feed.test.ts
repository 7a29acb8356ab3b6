import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FeedSource, follow } from "../src/live/feed";

/** Tabs of one browser: each has a page of its own, and all share the channels and the clock. */
class Tab {
  readonly window = new EventTarget();
  readonly document = Object.assign(new EventTarget(), { hidden: false });
  readonly opened: AbortSignal[] = [];
  private leave: (() => void) | undefined;

  open(): void {
    this.here();
    const { opened } = this;
    const source: FeedSource<string> = {
      name: "watchbell.test",
      async *watch(signal, accepted) {
        opened.push(signal);
        accepted();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        yield { lagged: false };
      },
      pack: (item) => new TextEncoder().encode(item),
      unpack: (bytes) => new TextDecoder().decode(bytes),
    };
    this.leave = follow(source, { state: () => {}, batch: () => {}, gap: () => {}, refused: () => {} });
  }

  /** Its globals are those of the code that runs next. */
  here(): void {
    vi.stubGlobal("window", this.window);
    vi.stubGlobal("document", this.document);
  }

  hide(type: "pagehide" | "freeze"): void {
    this.here();
    (type === "pagehide" ? this.window : this.document).dispatchEvent(new Event(type));
  }

  show(type: "pageshow" | "resume"): void {
    this.here();
    (type === "pageshow" ? this.window : this.document).dispatchEvent(new Event(type));
  }

  close(): void {
    this.leave?.();
  }

  get reads(): boolean {
    return this.opened.some((signal) => !signal.aborted);
  }
}

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

beforeEach(() => {
  vi.useFakeTimers();
  // Without Web Locks tabs elect one of them.
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("BroadcastChannel", Channel);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** As the browser's, on the clock of the test. */
class Channel extends EventTarget {
  private static all: Channel[] = [];
  private readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
    Channel.all.push(this);
  }

  postMessage(data: unknown): void {
    for (const other of Channel.all) {
      if (other === this || other.name !== this.name) continue;
      // In order, and after whoever posts has gone on.
      queueMicrotask(() => other.dispatchEvent(new MessageEvent("message", { data })));
    }
  }

  close(): void {
    Channel.all = Channel.all.filter((other) => other !== this);
  }
}

describe("a tab that reads the stream for the others", () => {
  for (const [hide, show] of [
    ["pagehide", "pageshow"],
    ["freeze", "resume"],
  ] as const) {
    it(`gives it to another at ${hide}, and takes part again at ${show}`, async () => {
      const [one, other] = [new Tab(), new Tab()];
      one.open();
      await pass(1_000);
      other.open();
      await pass(1_000);
      expect([one.reads, other.reads]).toEqual([true, false]);
      one.hide(hide);
      await pass(1_000);
      expect([one.reads, other.reads]).toEqual([false, true]);
      one.show(show);
      await pass(1_000);
      expect([one.reads, other.reads]).toEqual([false, true]);
      other.close();
      await pass(1_000);
      expect(one.reads).toBe(true);
      one.close();
    });
  }
});
