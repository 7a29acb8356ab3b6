// What the server refuses, put on the fields it names; the rest, and a way to each field, in a summary above the form.

import type { ReactNode } from "react";
import { type Placed, place, problemOf } from "../api/errors";
import * as en from "../messages/en";

export const NO_ERRORS: Placed = { fields: new Map(), rest: [] };

/** An error on the controls of a form, whose request holds the resource at `prefix`. */
export function placed(error: unknown, prefix: string, controls: readonly string[]): Placed {
  const problem = problemOf(error);
  if (problem.violations.length === 0) return { fields: new Map(), rest: [{ path: "", text: problem.text }] };
  return place(problem.violations, prefix, controls);
}

/** What was refused and has no control here, and a way to the first that has. */
export function ErrorSummary({ errors, rest }: { errors: ReadonlyMap<string, string>; rest: readonly { path: string; text: string }[] }): ReactNode {
  if (errors.size === 0 && rest.length === 0) return null;
  return (
    <div className="card card-warn" role="alert">
      <b>{en.channel.summary}</b>
      <ul className="mt-1 grid gap-1">
        {[...errors].map(([path, text]) => (
          <li key={path}>
            <button
              type="button"
              className="link text-start"
              onClick={() => {
                const field = document.querySelector(`[data-path="${CSS.escape(path)}"]`);
                field?.scrollIntoView({ block: "center" });
                field?.querySelector<HTMLElement>("input, textarea, select, button")?.focus();
              }}
            >
              {nameOf(path)}
            </button>
            : {text}
          </li>
        ))}
        {rest.map(({ path, text }) => (
          <li key={`${path} ${text}`}>
            {path ? <span className="mono">{path}: </span> : null}
            {text}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What people call the field of a path. */
export function nameOf(path: string): string {
  const names: Record<string, string> = en.fields;
  const own = Object.keys(names)
    .filter((known) => path === known || path.startsWith(`${known}.`))
    .toSorted((a, b) => b.length - a.length)[0];
  return own === undefined ? path : (names[own] ?? path);
}
