export type PeopleView = "members" | "matrix";

export interface PeopleSearch {
  view?: PeopleView;
}

export function readPeople(search: Record<string, unknown>): PeopleSearch {
  return search.view === "matrix" ? { view: "matrix" } : {};
}
