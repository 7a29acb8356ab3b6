// The event of the playground, and what the server decides about it.

import type { MessageInitShape } from "@bufbuild/protobuf";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useSession } from "../../api/context";
import { USUAL_TYPE } from "../../api/event-types";
import type { AcceptedEvent } from "../../api/gen/watchbell/dispatcher/v1/dispatcher_service_pb";
import type { EventSchema } from "../../api/gen/watchbell/event/v1/event_pb";
import { useRules } from "../../api/rules";
import { useServices } from "../../api/services";
import { timestamp } from "../../api/times";
import { CATEGORIES, type CategoryWord, SEVERITIES, type SeverityWord, categoryOf, categoryWord, severityOf, severityWord } from "../../api/words";
import { indented } from "../../domain/json";
import { membersOf } from "../../domain/members";
import { useSettled } from "../../parts/settled";
import type { PlaySearch } from "./search";

export interface Play {
  readonly type: string;
  /** Null: the catalog's. */
  readonly severity: SeverityWord | null;
  /** Null: the catalog's. */
  readonly category: CategoryWord | null;
  readonly source: string;
  readonly subject: string;
  readonly title: string;
  readonly url: string;
  readonly dedupKey: string;
  /** JSON text; empty for the example of the type. */
  readonly data: string;
  /** As a `datetime-local` control writes it; empty for now. */
  readonly at: string;
}

export function playOf(search: PlaySearch): Play {
  const { type = USUAL_TYPE, severity = null, source = "" } = search;
  return { type, severity, category: null, source, subject: "", title: "", url: "", dedupKey: "", data: "", at: "" };
}

/** An event that was accepted, to be asked about at another moment. */
export function playOfEvent({ event, dataJson }: AcceptedEvent): Play {
  return {
    ...playOf({}),
    type: event?.type ?? USUAL_TYPE,
    severity: event ? severityWord(event.severity) : null,
    category: event ? categoryWord(event.category) : null,
    source: event?.source ?? "",
    subject: event?.subject ?? "",
    title: event?.title ?? "",
    url: event?.url ?? "",
    dedupKey: event?.dedupKey ?? "",
    data: indented(dataJson),
  };
}

const FRAGMENT = "#event=";

/** The event as the fragment of a link, which no server is sent: for whoever copies the link, and never in the address by itself. */
export function fragmentOf(play: Play): string {
  const given = Object.entries(play).filter(([, value]) => value !== null && value !== "");
  return FRAGMENT + encodeURIComponent(JSON.stringify(Object.fromEntries(given)));
}

/** Null for a fragment that is none of these. */
export function playOfFragment(fragment: string): Play | null {
  if (!fragment.startsWith(FRAGMENT)) return null;
  try {
    const given = JSON.parse(decodeURIComponent(fragment.slice(FRAGMENT.length))) as Record<string, unknown>;
    const text = (name: string) => (typeof given[name] === "string" ? given[name] : "");
    return {
      type: text("type") || USUAL_TYPE,
      severity: SEVERITIES.find((word) => word === given.severity) ?? null,
      category: CATEGORIES.find((word) => word === given.category) ?? null,
      source: text("source"),
      subject: text("subject"),
      title: text("title"),
      url: text("url"),
      dedupKey: text("dedupKey"),
      data: text("data"),
      at: text("at"),
    };
  } catch {
    return null;
  }
}

/** Whether there is data that can be asked about: none, or an object. */
export function isAskable(data: string): boolean {
  return data.trim() === "" || membersOf(data) !== null;
}

export function eventInit(play: Play): MessageInitShape<typeof EventSchema> {
  const { type, source, subject, title, url, dedupKey, severity, category, data } = play;
  return {
    type,
    source,
    subject,
    title,
    url,
    dedupKey,
    ...(severity ? { severity: severityOf(severity) } : {}),
    ...(category ? { category: categoryOf(category) } : {}),
    ...(data.trim() === "" ? {} : { payload: { case: "dataJson", value: new TextEncoder().encode(data) } }),
  };
}

/** What the server decides; with a draft of the team's document, as if that were applied. Asked anew when a rule changes. */
export function useExplained(team: string, play: Play, document = "") {
  const services = useServices();
  const { epoch } = useSession();
  const { data: rules = [] } = useRules(team);
  const state = rules.map(({ id, etag, position }) => `${id} ${etag} ${position}`).join();
  // By its text: a form makes the values anew whenever it is drawn.
  const asked = useSettled(JSON.stringify([play, document]));
  const [settled, draftDocument] = JSON.parse(asked) as [Play, string];
  const at = settled.at === "" ? Number.NaN : new Date(settled.at).getTime();
  return useQuery({
    queryKey: ["play", team, epoch, asked, state],
    queryFn: ({ signal }) =>
      services.router.explain(
        {
          teamId: team,
          event: eventInit(settled),
          ...(Number.isNaN(at) ? {} : { at: timestamp(at) }),
          draftDocument,
        },
        { signal },
      ),
    enabled: isAskable(settled.data),
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
}
