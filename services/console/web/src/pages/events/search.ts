import { CATEGORIES, type CategoryWord, SEVERITIES, type SeverityWord, categoryOf, severityOf } from "../../api/words";

export interface EventsSearch {
  /** A type, or a pattern such as `finding.*`. */
  type?: string;
  severity?: SeverityWord;
  category?: CategoryWord;
  source?: string;
  /** A part of the title or the subject. */
  text?: string;
  /** Tests, too. */
  tests?: "yes";
  /** The event that is open. */
  open?: string;
}

const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);

export function readEvents(search: Record<string, unknown>): EventsSearch {
  const found: Record<keyof EventsSearch, string | undefined> = {
    type: text(search.type),
    severity: SEVERITIES.find((word) => word === search.severity),
    category: CATEGORIES.find((word) => word === search.category),
    source: text(search.source),
    text: text(search.text),
    tests: search.tests === "yes" ? "yes" : undefined,
    open: text(search.open),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

/** Whether anything narrows the list. */
export function isNarrowed({ type, severity, category, source, text: words }: EventsSearch): boolean {
  return [type, severity, category, source, words].some((word) => word !== undefined);
}

/** The filter as the server is asked. */
export function asked({ type, severity, category, source, text: words }: EventsSearch) {
  return {
    types: type ? [type] : [],
    severities: severity ? [severityOf(severity)] : [],
    categories: category ? [categoryOf(category)] : [],
    sources: source ? [source] : [],
    text: words ?? "",
  };
}
