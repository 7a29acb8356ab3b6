// The address of the silences: those that have ended, or the form, which may begin with a channel.

export interface SilencesSearch {
  view?: "past";
  /** The form is open: with a channel's id, for that channel. */
  new?: string;
}

export function readSilences(search: Record<string, unknown>): SilencesSearch {
  return {
    ...(search.view === "past" ? { view: "past" } : {}),
    ...(typeof search.new === "string" && search.new !== "" ? { new: search.new } : {}),
  };
}
