import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { DeliverySchema, FoldedReason, HeldReason, ParkedReason } from "../src/api/gen/watchbell/dispatcher/v1/delivery_pb";
import { GetDeliveryStatsResponseSchema } from "../src/api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import { timestamp } from "../src/api/times";
import { foldsOf } from "../src/live/folds";
import { toRow } from "../src/live/row";
import { lengthOf, toStats } from "../src/live/stats";

const MINUTE = 60_000;

describe("what the server counts", () => {
  it("is counted by state, by time and by channel", () => {
    const stats = toStats(
      create(GetDeliveryStatsResponseSchema, {
        startTime: timestamp(0),
        endTime: timestamp(2 * MINUTE),
        counts: { delivered: 40n, failed: 2n },
        buckets: [{ startTime: timestamp(0), counts: { delivered: 40n } }, { startTime: timestamp(MINUTE), counts: { failed: 2n } }],
        channels: [{ channelId: "chn_1", counts: { held: 3n } }],
        countedFromTime: timestamp(7),
      }),
    );
    expect(stats).toMatchObject({ from: 0, to: 2 * MINUTE, total: 42, countedFrom: 7 });
    expect(stats.counts).toMatchObject({ delivered: 40, failed: 2, held: 0 });
    expect(stats.buckets.map(({ from, total }) => [from, total])).toEqual([[0, 40], [MINUTE, 2]]);
    expect(stats.channels.get("chn_1")?.held).toBe(3);
    expect(toStats(create(GetDeliveryStatsResponseSchema, {})).countedFrom).toBe(null);
  });

  it("is drawn in bars that can be told apart, of a minute at least", () => {
    const days = 24 * 60 * MINUTE;
    expect([15, 60, 360].map((minutes) => lengthOf(minutes * MINUTE) / MINUTE)).toEqual([1, 1, 5]);
    expect([days, 7 * days, 30 * days, 700 * days].map((period) => lengthOf(period) / MINUTE)).toEqual([15, 120, 360, 7 * 24 * 60]);
    for (const period of [1, MINUTE, days, 10_000 * days]) expect(period / lengthOf(period)).toBeLessThanOrEqual(120);
  });
});

describe("a delivery's state", () => {
  it("keeps its reason, and null for one that is not known here", () => {
    const held = create(DeliverySchema, {
      stateDetail: { case: "held", value: { reason: HeldReason.SILENCE, untilTime: timestamp(5), silenceId: "sil_1" } },
    });
    expect(toRow(held).detail).toEqual({ is: "held", by: "silence", until: 5, silenceId: "sil_1" });
    const parked = create(DeliverySchema, { stateDetail: { case: "parked", value: { reason: 77 as ParkedReason } } });
    expect(toRow(parked).detail).toEqual({ is: "parked", why: null, since: null });
    expect(toRow(create(DeliverySchema, {})).detail).toBe(null);
  });
});

describe("folds", () => {
  const folded = (id: string, channelId: string, reason: FoldedReason, summaryId = "") =>
    toRow(
      create(DeliverySchema, {
        id,
        route: { target: { case: "channel", value: { channelId } } },
        stateDetail: { case: "folded", value: { reason, summaryId } },
      }),
    );
  it("are the newest summary of each channel, and none of what was folded by intent", () => {
    const rows = [
      folded("dlv_5", "chn_1", FoldedReason.STORM),
      folded("dlv_4", "chn_1", FoldedReason.STORM),
      folded("dlv_3", "chn_1", FoldedReason.SUMMARY, "dlv_old"),
      folded("dlv_2", "chn_2", FoldedReason.SUMMARY, "dlv_9"),
      folded("dlv_1", "chn_3", FoldedReason.REPEAT),
      folded("dlv_0", "chn_3", FoldedReason.GROUP),
    ];
    expect(foldsOf(rows)).toEqual([
      { channelId: "chn_1", summaryId: "", until: null, count: 2 },
      { channelId: "chn_2", summaryId: "dlv_9", until: null, count: 1 },
    ]);
  });
});
