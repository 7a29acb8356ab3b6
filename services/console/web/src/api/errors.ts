// What the server says when it refuses: `google.rpc` details, put where a form can use them.

import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb";

export interface Violation {
  /** The field, as a path of the request: `channel.quiet_hours.windows[0].start`. */
  readonly path: string;
  readonly text: string;
}

export interface Problem {
  readonly code: Code;
  /** A sentence for people. */
  readonly text: string;
  /** `ErrorInfo.reason`, such as `STALE_ETAG`; empty when there is none. */
  readonly reason: string;
  readonly violations: readonly Violation[];
  /** How long to wait before the same call may work, in milliseconds; null when the server does not say. */
  readonly retryAfter: number | null;
}

export function problemOf(error: unknown): Problem {
  const refused = ConnectError.from(error);
  const info = refused.findDetails(ErrorInfoSchema)[0];
  const retry = refused.findDetails(RetryInfoSchema)[0]?.retryDelay;
  const violations = refused
    .findDetails(BadRequestSchema)
    .flatMap((bad) => bad.fieldViolations.map(({ field, description }) => ({ path: field, text: description })));
  return {
    code: refused.code,
    text: refused.rawMessage,
    reason: info?.reason ?? "",
    violations,
    retryAfter: retry ? Number(retry.seconds) * 1000 + retry.nanos / 1e6 : null,
  };
}

export function isUnauthenticated(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unauthenticated;
}

/** Whether the same call may succeed by itself. */
export function isPassing(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Unavailable || code === Code.ResourceExhausted || code === Code.DeadlineExceeded;
}

export interface Placed {
  /** What belongs to each control, by the control's path. */
  readonly fields: ReadonlyMap<string, string>;
  /** What belongs to no control that is shown. */
  readonly rest: readonly Violation[];
}

/**
 * Puts violations on controls. A control takes what is said of its own path and of everything below it; the longest
 * path wins, so that `windows[0].start` beats `windows`. What no control takes is kept for the summary.
 */
export function place(violations: readonly Violation[], prefix: string, controls: readonly string[]): Placed {
  const fields = new Map<string, string>();
  const rest: Violation[] = [];
  for (const violation of violations) {
    const path = violation.path.startsWith(`${prefix}.`) ? violation.path.slice(prefix.length + 1) : violation.path;
    const control = controls
      .filter((name) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`))
      .toSorted((a, b) => b.length - a.length)[0];
    if (control === undefined) rest.push(violation);
    else fields.set(control, [fields.get(control), violation.text].filter(Boolean).join("; "));
  }
  return { fields, rest };
}
