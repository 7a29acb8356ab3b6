import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { channelOf, whenLeader } from "../src/live/leader";

const blocked = () => Promise.reject(new DOMException("blocked", "SecurityError"));

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a frame whose browser blocks what sites keep", () => {
  it("leads itself, and ends with its signal", async () => {
    vi.stubGlobal("navigator", { locks: { request: blocked } });
    vi.stubGlobal("BroadcastChannel", function Blocked() {
      throw new DOMException("blocked", "SecurityError");
    });
    const end = new AbortController();
    let term: AbortSignal | null = null;
    whenLeader("deliveries", end.signal, async (signal) => {
      term = signal;
    });
    await vi.advanceTimersByTimeAsync(2_000);
    expect(term).not.toBe(null);
    end.abort();
    expect((term as AbortSignal | null)?.aborted).toBe(true);
    expect(() => channelOf("x").postMessage("nobody hears it")).not.toThrow();
  });

  it("does not lead once it has ended before its turn", async () => {
    vi.stubGlobal("navigator", { locks: { request: blocked } });
    const end = new AbortController();
    const lead = vi.fn(async () => {});
    end.abort();
    whenLeader("deliveries", end.signal, lead);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(lead).not.toHaveBeenCalled();
  });
});
