// Why a delivery stands where it does. A reason that is not known here is null, and the server's words stand for it.

import { type Delivery, FailedReason, FoldedReason, HeldReason, ParkedReason } from "../api/gen/watchbell/dispatcher/v1/delivery_pb";
import { millis } from "../api/times";

export type HoldWord = "quiet" | "silence";
export type FoldWord = "summary" | "storm" | "silence" | "repeat" | "alert" | "group";
export type ParkWord = "paused" | "unhealthy" | "recipient";
export type FailWord = "refused" | "exhausted" | "summary";

export type Detail =
  | { readonly is: "held"; readonly by: HoldWord | null; readonly until: number | null; readonly silenceId: string }
  | {
      readonly is: "folded";
      readonly into: FoldWord | null;
      /** When the summary is made. */
      readonly until: number | null;
      /** The delivery of the summary; empty until it is made, and when there is none. */
      readonly summaryId: string;
      readonly silenceId: string;
      readonly alertKey: string;
    }
  | { readonly is: "parked"; readonly why: ParkWord | null; readonly since: number | null }
  | { readonly is: "failed"; readonly why: FailWord | null; readonly code: string; readonly summaryId: string };

const HELD: Partial<Record<HeldReason, HoldWord>> = { [HeldReason.QUIET_HOURS]: "quiet", [HeldReason.SILENCE]: "silence" };

const FOLDED: Partial<Record<FoldedReason, FoldWord>> = {
  [FoldedReason.SUMMARY]: "summary",
  [FoldedReason.STORM]: "storm",
  [FoldedReason.SILENCE]: "silence",
  [FoldedReason.REPEAT]: "repeat",
  [FoldedReason.ALERT_TOLD]: "alert",
  [FoldedReason.GROUP]: "group",
};

const PARKED: Partial<Record<ParkedReason, ParkWord>> = {
  [ParkedReason.PAUSED]: "paused",
  [ParkedReason.UNHEALTHY]: "unhealthy",
  [ParkedReason.NO_RECIPIENT]: "recipient",
};

const FAILED: Partial<Record<FailedReason, FailWord>> = {
  [FailedReason.REFUSED]: "refused",
  [FailedReason.RETRIES_EXHAUSTED]: "exhausted",
  [FailedReason.SUMMARY_FAILED]: "summary",
};

export function detailOf({ stateDetail }: Delivery): Detail | null {
  switch (stateDetail.case) {
    case "held": {
      const { reason, untilTime, silenceId } = stateDetail.value;
      return { is: "held", by: HELD[reason] ?? null, until: millis(untilTime), silenceId };
    }
    case "folded": {
      const { reason, untilTime, summaryId, silenceId, alertKey } = stateDetail.value;
      return { is: "folded", into: FOLDED[reason] ?? null, until: millis(untilTime), summaryId, silenceId, alertKey };
    }
    case "parked": {
      const { reason, unhealthySinceTime } = stateDetail.value;
      return { is: "parked", why: PARKED[reason] ?? null, since: millis(unhealthySinceTime) };
    }
    case "failed": {
      const { reason, errorCode, summaryId } = stateDetail.value;
      return { is: "failed", why: FAILED[reason] ?? null, code: errorCode, summaryId };
    }
    default:
      return null;
  }
}

/** The summary that tells of it; empty when none does, or not yet. */
export function summaryOf(detail: Detail | null): string {
  return detail?.is === "folded" || detail?.is === "failed" ? detail.summaryId : "";
}
