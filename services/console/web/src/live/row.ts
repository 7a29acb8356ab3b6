// A delivery as lists show it: flat and small, so that a hundred thousand fit into memory.

import type { Delivery } from "../api/gen/watchbell/dispatcher/v1/delivery_pb";
import type { Route } from "../api/gen/watchbell/event/v1/route_pb";
import { millis } from "../api/times";
import { type KindWord, type SeverityWord, type StateWord, kindWord, severityWord, stateWord } from "../api/words";
import { type Detail, detailOf } from "./detail";

export interface Target {
  /** `chn_…`; empty when no channel carries it. */
  readonly channelId: string;
  /** An address, when a person or an address gets it; else empty. */
  readonly address: string;
}

export interface Row {
  readonly id: string;
  readonly eventId: string;
  readonly type: string;
  readonly title: string;
  readonly severity: SeverityWord | null;
  readonly kind: KindWord | null;
  readonly target: Target;
  readonly reason: { readonly code: string; readonly sentence: string; readonly ruleId: string };
  /** Null for a state that this console does not know. */
  readonly state: StateWord | null;
  /** Why it stands there, in the server's words. */
  readonly message: string;
  readonly detail: Detail | null;
  readonly attempts: number;
  readonly next: number | null;
  readonly made: number;
  readonly ended: number | null;
  readonly test: boolean;
  readonly replayOf: string;
}

export function targetOf(route: Route | undefined): Target {
  const target = route?.target;
  switch (target?.case) {
    case "channel":
      return { channelId: target.value.channelId, address: "" };
    case "person":
      return { channelId: "", address: target.value.address };
    case "address":
      return { channelId: target.value.channelId, address: target.value.address };
    default:
      return { channelId: "", address: "" };
  }
}

export function toRow(delivery: Delivery): Row {
  const { route } = delivery;
  return {
    id: delivery.id,
    eventId: delivery.eventId,
    type: delivery.eventType,
    title: delivery.eventTitle,
    severity: severityWord(delivery.severity),
    kind: route ? kindWord(route.kind) : null,
    target: targetOf(route),
    reason: { code: route?.reason?.code ?? "", sentence: route?.reason?.sentence ?? "", ruleId: route?.reason?.ruleId ?? "" },
    state: stateWord(delivery.state),
    message: delivery.stateMessage,
    detail: detailOf(delivery),
    attempts: delivery.attemptCount,
    next: millis(delivery.nextAttemptTime),
    made: millis(delivery.createTime) ?? 0,
    ended: millis(delivery.endTime),
    test: delivery.test,
    replayOf: delivery.replayOf,
  };
}

/** Whether two rows are the same target of the same kind. */
export function sameTarget(a: { kind: KindWord | null; target: Target }, b: { kind: KindWord | null; target: Target }): boolean {
  return a.kind === b.kind && a.target.channelId === b.target.channelId && a.target.address === b.target.address;
}
