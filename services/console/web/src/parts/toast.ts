// What has just been done, said once at the edge of the screen.

import { problemOf } from "../api/errors";
import * as en from "../messages/en";
import { duration } from "./format";

export interface Notice {
  readonly title: string;
  readonly description?: string;
  readonly type: "done" | "error";
  readonly timeout?: number;
  readonly priority?: "high";
}

type Show = (notice: Notice) => unknown;

let opened: (show: Show) => void;
/** The list of toasts is loaded after the first page: what is said before waits for it. */
const list = new Promise<Show>((resolve) => {
  opened = resolve;
});

/** Called by the list when it is on the screen. */
export const open = (show: Show) => opened(show);

function say(notice: Notice): void {
  void list.then((show) => show(notice));
}

/** Says that something was done. */
export function done(title: string, description?: string): void {
  say({ title, description, type: "done" });
}

/** Says that something was refused, in the server's words. */
export function refused(title: string, error: unknown): void {
  const problem = problemOf(error);
  const fields = problem.violations.map(({ path, text }) => `${path}: ${text}`).join("; ");
  const wait = problem.retryAfter === null ? "" : ` ${en.broken.worth(duration(problem.retryAfter))}`;
  say({ title, description: `${fields || problem.text}${wait}`, type: "error", timeout: 12_000, priority: "high" });
}
