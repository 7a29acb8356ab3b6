import { SEVERITIES, type SeverityWord } from "../../api/words";

export interface EventsSearch {
  /** A type, or a pattern such as `finding.*`. */
  type?: string;
  severity?: SeverityWord;
  /** Tests, too. */
  tests?: "yes";
  /** The event that is open. */
  open?: string;
}

const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);

export function readEvents(search: Record<string, unknown>): EventsSearch {
  const [type, open] = [text(search.type), text(search.open)];
  const severity = SEVERITIES.find((word) => word === search.severity);
  return {
    ...(type === undefined ? {} : { type }),
    ...(severity === undefined ? {} : { severity }),
    ...(search.tests === "yes" ? { tests: "yes" as const } : {}),
    ...(open === undefined ? {} : { open }),
  };
}
