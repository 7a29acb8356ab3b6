import { describe, expect, it } from "vitest";
import { retryDelay } from "../src/api/queries";
import { timestamp, toDuration } from "../src/api/times";

describe("a call that is tried again", () => {
  it("never comes before the server said, and not with all others at once", () => {
    for (const random of [0, 0.5, 0.999]) expect(retryDelay(0, 1_200, random)).toBeGreaterThanOrEqual(1_200);
    expect(retryDelay(0, 1_200, 0.9)).not.toBe(retryDelay(0, 1_200, 0.1));
    expect(retryDelay(0, 0, 0.5)).toBe(0);
  });

  it("backs off by itself when the server says nothing", () => {
    expect([0, 1, 2, 9].map((count) => retryDelay(count, null, 0.5))).toEqual([500, 1_000, 2_000, 8_000]);
  });
});

describe("times", () => {
  it("have less than a second of nanoseconds, however they are rounded", () => {
    expect(timestamp(1_999.999_999_9)).toMatchObject({ seconds: 2n, nanos: 0 });
    expect(timestamp(1_795_691_586_123)).toMatchObject({ seconds: 1_795_691_586n, nanos: 123_000_000 });
    expect(toDuration(29_999.999_999_9)).toMatchObject({ seconds: 30n, nanos: 0 });
  });
});
