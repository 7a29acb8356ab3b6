import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { refetched } from "../src/live/refetch";
import { Throttle } from "../src/live/throttle";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("what is asked for by every frame of a stream", () => {
  it("is done at once, and then once a second, the last time after the last frame", async () => {
    const done: number[] = [];
    const throttle = new Throttle(async () => done.push(Date.now()), 1_000);
    const start = Date.now();
    for (let frame = 0; frame < 150; frame += 1) {
      throttle.ask();
      throttle.ask();
      await vi.advanceTimersByTimeAsync(16);
    }
    await vi.advanceTimersByTimeAsync(5_000);
    expect(done.map((at) => at - start)).toEqual([0, 1_000, 2_000, 3_000]);
  });

  it("is never done twice at the same time, and still after it failed", async () => {
    let running = 0;
    let most = 0;
    let count = 0;
    const throttle = new Throttle(async () => {
      running += 1;
      count += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5_000));
      running -= 1;
      throw new Error("away");
    }, 1_000);
    for (let second = 0; second < 42; second += 1) {
      throttle.ask();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(most).toBe(1);
    // What takes five seconds rests for fifteen.
    expect(count).toBe(3);
  });

  it("is forgotten when nobody wants it any more", async () => {
    const act = vi.fn(() => Promise.resolve());
    const throttle = new Throttle(act, 1_000);
    throttle.ask();
    throttle.clear();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(act).not.toHaveBeenCalled();
  });
});

describe("a query that is asked again", () => {
  it("does not take an answer that may be older than the change", async () => {
    const cache = new QueryClient();
    let state = "old";
    const observed = vi.fn(async () => {
      const answer = state;
      await new Promise((resolve) => setTimeout(resolve, 300));
      return answer;
    });
    const first = cache.fetchQuery({ queryKey: ["rows"], queryFn: observed });
    const { QueryObserver } = await import("@tanstack/react-query");
    const leave = new QueryObserver(cache, { queryKey: ["rows"], queryFn: observed }).subscribe(() => {});
    state = "new";
    const again = refetched(cache, ["rows"]);
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all([first, again]);
    expect(cache.getQueryData(["rows"])).toBe("new");
    leave();
  });
});
