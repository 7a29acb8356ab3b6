import { describe, expect, it } from "vitest";
import { type Window, minutesOf, quietSpans, quietUntil } from "../src/domain/quiet";

// The same table as the server's, from `shared/domain/src/quiet_hours/tests.rs`.
const window = (weekdays: readonly number[], start: string, end: string): Window => ({
  weekdays,
  start: minutesOf(start) ?? -1,
  end: minutesOf(end) ?? -1,
});
const until = (windows: readonly Window[], zone: string, now: string) => {
  const end = quietUntil(windows, zone, Date.parse(now));
  return end === null ? null : new Date(end).toISOString().replace(".000Z", "Z");
};
const BERLIN = "Europe/Berlin";

describe("quiet hours", () => {
  it("has its start inside and its end outside", () => {
    const night = [window([], "22:00", "07:00")];
    expect(until(night, BERLIN, "2026-01-10T20:59:59.999Z")).toBe(null);
    expect(until(night, BERLIN, "2026-01-10T21:00:00Z")).toBe("2026-01-11T06:00:00Z");
    expect(until(night, BERLIN, "2026-01-11T05:59:59.5Z")).toBe("2026-01-11T06:00:00Z");
    expect(until(night, BERLIN, "2026-01-11T06:00:00Z")).toBe(null);
  });

  it("counts the local weekday on which a window starts", () => {
    const friday = [window([5], "20:00", "08:00")];
    expect(until(friday, "Pacific/Auckland", "2026-07-03T08:00:00Z")).toBe("2026-07-03T20:00:00Z");
    expect(until(friday, "Pacific/Auckland", "2026-07-02T08:00:00Z")).toBe(null);
    expect(until(friday, "Pacific/Auckland", "2026-07-04T08:00:00Z")).toBe(null);
  });

  it("takes touching windows for one", () => {
    const weekend = [window([5], "18:00", "00:00"), window([6, 7], "00:00", "00:00"), window([1], "00:00", "08:00")];
    expect(until(weekend, "UTC", "2026-03-06T18:00:00Z")).toBe("2026-03-09T08:00:00Z");
    expect(until(weekend, "UTC", "2026-03-08T23:59:59Z")).toBe("2026-03-09T08:00:00Z");
    expect(until(weekend, "UTC", "2026-03-09T08:00:00Z")).toBe(null);
  });

  it("ends by the wall clock when the clocks change", () => {
    const night = [window([], "22:00", "07:00")];
    expect(until(night, BERLIN, "2026-03-28T21:00:00Z")).toBe("2026-03-29T05:00:00Z");
    expect(until(night, BERLIN, "2026-10-24T20:00:00Z")).toBe("2026-10-25T06:00:00Z");
  });

  it("ends at the jump when the clock jumps over its end", () => {
    expect(until([window([], "01:00", "02:30")], BERLIN, "2026-03-29T00:30:00Z")).toBe("2026-03-29T01:00:00Z");
  });

  it("is one stretch when an hour comes twice", () => {
    const across = [window([], "02:30", "03:30")];
    expect(until(across, BERLIN, "2026-10-25T00:29:59Z")).toBe(null);
    for (const now of ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:29:59Z", "2026-10-25T02:29:00Z"]) {
      expect(until(across, BERLIN, now), now).toBe("2026-10-25T02:30:00Z");
    }
    expect(until(across, BERLIN, "2026-10-25T02:30:00Z")).toBe(null);
    const inside = [window([], "02:00", "02:30")];
    for (const now of ["2026-10-25T00:00:00Z", "2026-10-25T00:59:59.5Z", "2026-10-25T01:10:00Z"]) {
      expect(until(inside, BERLIN, now), now).toBe("2026-10-25T01:30:00Z");
    }
    expect(until([window([], "01:30", "02:15")], BERLIN, "2026-10-25T00:20:00Z")).toBe("2026-10-25T01:15:00Z");
    expect(until([window([], "01:30", "03:00")], BERLIN, "2026-10-24T23:45:00Z")).toBe("2026-10-25T02:00:00Z");
    expect(until([window([], "03:00", "04:00")], BERLIN, "2026-10-25T01:30:00Z")).toBe(null);
  });

  it("ends at the jump when a whole day is skipped", () => {
    expect(until([window([4], "20:00", "06:00")], "Pacific/Apia", "2011-12-30T07:00:00Z")).toBe("2011-12-30T10:00:00Z");
  });

  it("draws a night that is an hour longer", () => {
    const [span] = quietSpans([window([6], "22:00", "07:00")], BERLIN, Date.parse("2026-10-24T12:00:00Z"), Date.parse("2026-10-25T12:00:00Z"));
    expect((span?.to ?? 0) - (span?.from ?? 0)).toBe(10 * 3_600_000);
  });
});
