import { counted } from "./counted";

export const config = {
  title: "Config as code",
  document: "The team’s document",
  revision: (revision: string) => `Revision ${revision}`,
  download: "Download",
  copy: "Copy as CLI",
  hint: "Change it here, or keep it in a repository and apply it from there. Secrets are not shown; their placeholders keep them.",
  unchanged: "There are no changes to compare.",
  difference: "What would change",
  compare: "Compare",
  comparing: "Comparing…",
  apply: "Apply…",
  applyTitle: (count: number) => `Apply ${counted(count, "change", "changes")}?`,
  applyVerb: (count: number) => `Apply ${counted(count, "change", "changes")}`,
  applyText: (deleted: number) =>
    deleted === 0
      ? "It holds for every event that is emitted from then on."
      : `${counted(deleted, "deletion", "deletions")} among them, which cannot be undone. It holds for every event that is emitted from then on.`,
  applied: (count: number) => `${counted(count, "change", "changes")} applied`,
  changes: (count: number) => counted(count, "change", "changes"),
  same: "Nothing would change.",
  refused: "The document was refused",
  line: (line: number) => `Line ${line}`,
  moved: "The configuration has changed since it was read",
  readAgain: "Read it again and keep my text",
  before: "before: ",
  after: "after: ",
  actions: { 1: "New", 2: "Changed", 3: "Deleted" } as Record<number, string>,
};
