import { describe, expect, it } from "vitest";
import { nextRuns, parseCron, weekly } from "../src/domain/cron";

const runs = (text: string, zone: string, from: string, count: number) => {
  const cron = parseCron(text);
  return cron ? nextRuns(cron, zone, Date.parse(from), count).map((at) => new Date(at).toISOString()) : null;
};

describe("the schedule of the digest", () => {
  it("comes by the zone's clock, also when the clocks change", () => {
    expect(runs("0 9 * * MON", "Europe/Berlin", "2026-10-20T00:00:00Z", 2)).toEqual(["2026-10-26T08:00:00.000Z", "2026-11-02T08:00:00.000Z"]);
    expect(runs("0 9 * * MON", "Europe/Berlin", "2026-10-18T00:00:00Z", 1)).toEqual(["2026-10-19T07:00:00.000Z"]);
  });

  it("knows ranges, steps, lists and names", () => {
    expect(runs("30 8-10/2 1,15 JAN-FEB *", "UTC", "2026-01-01T09:00:00Z", 3)).toEqual([
      "2026-01-01T10:30:00.000Z",
      "2026-01-15T08:30:00.000Z",
      "2026-01-15T10:30:00.000Z",
    ]);
    expect(runs("0 0 * * 7", "UTC", "2026-11-26T00:00:00Z", 1)).toEqual(["2026-11-29T00:00:00.000Z"]);
  });

  it("comes on either day when both are named", () => {
    expect(runs("0 0 13 * FRI", "UTC", "2026-11-26T00:00:00Z", 2)).toEqual(["2026-11-27T00:00:00.000Z", "2026-12-04T00:00:00.000Z"]);
  });

  it("takes a star with a step for days that are named, as the server does, and a question mark for a star", () => {
    // Every second day, and every Friday besides.
    expect(runs("0 0 */2 * FRI", "UTC", "2026-11-26T00:00:00Z", 3)).toEqual(["2026-11-27T00:00:00.000Z", "2026-11-29T00:00:00.000Z", "2026-12-01T00:00:00.000Z"]);
    expect(runs("0 0 ? * FRI", "UTC", "2026-11-26T00:00:00Z", 2)).toEqual(["2026-11-27T00:00:00.000Z", "2026-12-04T00:00:00.000Z"]);
    expect(runs("0 0 10-20 * */5", "UTC", "2026-11-26T00:00:00Z", 2)).toEqual(["2026-11-27T00:00:00.000Z", "2026-11-29T00:00:00.000Z"]);
  });

  it("is not drawn when it is not understood", () => {
    for (const text of ["", "0 9 * *", "61 * * * *", "0 9 L * *", "0 9 * * MON#2", "0 9 5-1 * *", "*/0 * * * *"]) expect(parseCron(text)).toBeNull();
  });

  it("is said in words when it comes once on certain days", () => {
    const cron = parseCron("0 9 * * MON,THU");
    expect(cron && weekly(cron)).toEqual({ weekdays: [1, 4], hour: 9, minute: 0 });
    const often = parseCron("*/30 9 * * *");
    expect(often && weekly(often)).toBeNull();
  });
});
