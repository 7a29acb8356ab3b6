// Errors of calls, as the server tells them.

const CODES = [
  "ok",
  "canceled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
] as const;

/** A code of gRPC, in lower case. */
export type Code = (typeof CODES)[number];

/** A field that is wrong. */
export interface FieldViolation {
  /** Path, such as `event.data.score`. */
  field: string;
  reason: string;
  description: string;
}

type Detail = { type: string; value: Record<string, unknown> };

/** A call that was refused or failed. */
export class WatchbellError extends Error {
  override readonly name = "WatchbellError";
  /** A stable word, such as `NOT_FOUND`. */
  readonly reason: string = "";
  readonly violations: FieldViolation[] = [];
  /** Seconds after which the server wants the call again; undefined when it has not said. */
  readonly retryAfter: number | undefined;

  constructor(
    readonly code: Code,
    message: string,
    details: Detail[] = [],
  ) {
    super(message);
    for (const { type, value } of details) {
      if (type === "google.rpc.ErrorInfo") this.reason = String(value["reason"] ?? "");
      if (type === "google.rpc.RetryInfo") this.retryAfter = Number.parseFloat(String(value["retry_delay"] ?? "0"));
      if (type === "google.rpc.BadRequest") this.violations = (value["field_violations"] ?? []) as FieldViolation[];
    }
  }

  /** Whether the same call may succeed later without a change. */
  get isTransient(): boolean {
    const limited = this.code === "resource_exhausted" && this.retryAfter !== undefined;
    return this.code === "unavailable" || this.code === "deadline_exceeded" || limited;
  }
}

/** The error of an answer by HTTP. */
export function errorOfBody(status: number, body: string): WatchbellError {
  try {
    const answer = JSON.parse(body) as { code: Code; message?: string; details?: { type: string; debug?: object }[] };
    if (!CODES.includes(answer.code)) throw new Error("a code that is none");
    const details = (answer.details ?? []).map(({ type, debug }) => ({ type, value: { ...debug } }));
    return new WatchbellError(answer.code, answer.message ?? "", details);
  } catch {
    // A proxy on the way, not Watchbell.
    return new WatchbellError([429, 502, 503, 504].includes(status) ? "unavailable" : "unknown", `HTTP ${status}`);
  }
}

/** The error of a `google.rpc.Status`, such as the one of an event that a batch refuses. */
export function errorOfStatus(status: { code?: number; message?: string; details?: object[] }): WatchbellError {
  const details = (status.details ?? []).map((detail) => {
    const value = detail as Record<string, unknown>;
    return { type: String(value["@type"]).split("/").at(-1) ?? "", value };
  });
  return new WatchbellError(CODES[status.code ?? 2] ?? "unknown", status.message ?? "", details);
}
