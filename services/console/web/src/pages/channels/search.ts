// The address of the list of channels: which kind is being made.

import { type KindWord, isKindWord } from "../../api/words";

export interface ListSearch {
  new?: KindWord;
}

export function readNew(search: Record<string, unknown>): ListSearch {
  const kind = search.new;
  return typeof kind === "string" && isKindWord(kind) && kind !== "in-app" ? { new: kind } : {};
}
