// The address of the history: whose changes.

export interface HistorySearch {
  /** An id, or a name exactly. */
  by?: string;
}

export function readHistory(search: Record<string, unknown>): HistorySearch {
  return typeof search.by === "string" && search.by !== "" ? { by: search.by } : {};
}
