import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { PAUSE, isDue } from "../src/parts/ring";

let sounded = 0;

class Audio {
  readonly currentTime = 0;
  readonly destination = {};
  resume = () => Promise.resolve();
  createGain = () => ({ gain: { setValueAtTime() {}, exponentialRampToValueAtTime() {} }, connect: (next: unknown) => next });
  createOscillator = () => ({ type: "", frequency: { setValueAtTime() {} }, connect: (next: unknown) => next, start: () => (sounded += 1), stop() {} });
}

/** A tab of its own, over the storage of its browser. */
async function tab(kept: Map<string, string>, hasBeenActive = true) {
  vi.resetModules();
  vi.stubGlobal("window", {
    localStorage: { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, value: string) => kept.set(name, value), removeItem: (name: string) => kept.delete(name) },
  });
  vi.stubGlobal("navigator", { userActivation: { hasBeenActive } });
  return import("../src/parts/ring");
}

const settled = () => vi.advanceTimersByTimeAsync(1);

beforeEach(() => {
  sounded = 0;
  vi.useFakeTimers({ now: 1_000_000 });
  vi.stubGlobal("AudioContext", Audio);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("is silent until it is turned on, and sounds once then", async () => {
  const kept = new Map<string, string>();
  const { ring, setSounds } = await tab(kept);
  ring();
  await settled();
  expect(sounded).toBe(0);
  setSounds(true);
  await settled();
  expect(sounded).toBe(1);
  expect([...kept]).toEqual([["watchbell.sound", "on"]]);
  setSounds(false);
  ring();
  await settled();
  expect(sounded).toBe(1);
  expect(kept.size).toBe(0);
});

it("sounds once for all tabs, and not again before the pause is over", async () => {
  const kept = new Map([["watchbell.sound", "on"]]);
  const one = await tab(kept);
  const other = await tab(kept);
  for (const { ring } of [one, other, one]) ring();
  await settled();
  expect(sounded).toBe(1);
  vi.advanceTimersByTime(PAUSE);
  other.ring();
  one.ring();
  await settled();
  expect(sounded).toBe(2);
});

it("does not try on a page that nobody has touched", async () => {
  const kept = new Map([["watchbell.sound", "on"]]);
  const { ring } = await tab(kept, false);
  ring();
  await settled();
  expect(sounded).toBe(0);
  // Nor takes it the turn from a tab that may.
  expect(kept.has("watchbell.sounded")).toBe(false);
});

it("goes on when the clock was set back", () => {
  expect(isDue(10_000, 9_000)).toBe(true);
  expect(isDue(10_000, 10_000 + PAUSE - 1)).toBe(false);
  expect(isDue(10_000, 10_000 + PAUSE)).toBe(true);
});
