// Which deliveries are meant: as the server is asked, and as the stream's are judged here.

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { DeliveryFilterSchema } from "../api/gen/watchbell/dispatcher/v1/delivery_stats_pb";
import { type KindWord, type SeverityWord, type StateWord, kindOf, severityOf, stateOf } from "../api/words";
import { patternMatches } from "../domain/pattern";
import { summaryOf } from "./detail";
import type { Row } from "./row";

/** What is empty takes all. */
export interface Filter {
  readonly states: readonly StateWord[];
  readonly channelId: string;
  readonly kind: KindWord | null;
  /** A type, or a group such as `finding.*`. */
  readonly type: string;
  readonly eventId: string;
  readonly severities: readonly SeverityWord[];
  /** An address of email. */
  readonly address: string;
  readonly ruleId: string;
  /** A part of the title or the subject. */
  readonly text: string;
  readonly replaysOnly: boolean;
  /** What this summary tells. */
  readonly summaryId: string;
  readonly start: number | null;
  readonly end: number | null;
}

export const EVERYTHING: Filter = {
  states: [],
  channelId: "",
  kind: null,
  type: "",
  eventId: "",
  severities: [],
  address: "",
  ruleId: "",
  text: "",
  replaysOnly: false,
  summaryId: "",
  start: null,
  end: null,
};

/** The filter as the server is asked, without its period. */
export function asked(filter: Filter) {
  const { channelId, eventId, address, ruleId, text, replaysOnly, summaryId } = filter;
  return {
    channelId,
    eventId,
    address,
    ruleId,
    text,
    replaysOnly,
    summaryId,
    states: filter.states.map(stateOf),
    severities: filter.severities.map(severityOf),
    types: filter.type === "" ? [] : [filter.type],
    ...(filter.kind ? { kind: kindOf(filter.kind) } : {}),
  } satisfies MessageInitShape<typeof DeliveryFilterSchema>;
}

const lower = (text: string) => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());

/** Whether all but the text fits: a row has its title and not its subject, so that the text may be the server's to judge. */
export function mayMatch(filter: Filter, row: Row): boolean {
  return (
    (filter.states.length === 0 || (row.state !== null && filter.states.includes(row.state))) &&
    (filter.channelId === "" || filter.channelId === row.target.channelId) &&
    (filter.kind === null || filter.kind === row.kind) &&
    (filter.type === "" || patternMatches(filter.type, row.type)) &&
    (filter.eventId === "" || filter.eventId === row.eventId) &&
    (filter.severities.length === 0 || (row.severity !== null && filter.severities.includes(row.severity))) &&
    (filter.address === "" || lower(filter.address) === lower(row.target.address)) &&
    (filter.ruleId === "" || filter.ruleId === row.reason.ruleId) &&
    (!filter.replaysOnly || row.replayOf !== "") &&
    (filter.summaryId === "" || filter.summaryId === summaryOf(row.detail)) &&
    (filter.start === null || row.made >= filter.start) &&
    (filter.end === null || row.made < filter.end)
  );
}

export function matches(filter: Filter, row: Row): boolean {
  return mayMatch(filter, row) && lower(row.title).includes(lower(filter.text));
}
