// A team's events as server-sent events, over reconnections too.

import type { AcceptedEvent } from "./contracts.js";
import { type Code, WatchbellError } from "./errors.js";

/** An event, and the cursor after it: keep it once the event is handled, and go on from there. */
export interface StreamedEvent {
  cursor: string;
  accepted: AcceptedEvent;
}

export interface StreamOptions {
  /** Go on after this cursor. */
  cursor?: string;
  /** Without a cursor: from the oldest event that is kept, instead of from now on. */
  fromBeginning?: boolean;
  /** Patterns, such as `finding.*`. */
  types?: string[];
  /** This severity and worse. */
  minSeverity?: string;
  includeTests?: boolean;
  /** Ends the stream. */
  signal?: AbortSignal;
}

const CODES: Record<number, Code> = {
  400: "invalid_argument",
  401: "unauthenticated",
  403: "permission_denied",
  404: "not_found",
  410: "out_of_range",
};

/** The events of the stream; connects again, after a pause, when the server is away. */
export async function* events(
  address: string,
  key: string,
  team: string,
  options: StreamOptions,
  pause: (failures: number) => Promise<void>,
): AsyncGenerator<StreamedEvent, void, undefined> {
  let cursor = options.cursor ?? "";
  for (let failures = 1; !options.signal?.aborted; failures++) {
    try {
      const answer = await fetch(`${address}/events/stream?${query(team, options, cursor)}`, {
        headers: { authorization: `Bearer ${key}` },
        signal: options.signal ?? null,
      });
      if (!answer.ok || !answer.body) throw await refusal(answer);
      for await (const { id, data } of messages(answer.body)) {
        cursor = id;
        failures = 0;
        if (data !== "") yield { cursor, accepted: JSON.parse(data) as AcceptedEvent };
      }
    } catch (error) {
      if (options.signal?.aborted) return;
      if (error instanceof WatchbellError && !error.isTransient) throw error;
    }
    await pause(failures);
  }
}

function query(team: string, options: StreamOptions, cursor: string): URLSearchParams {
  const query = new URLSearchParams({ team_id: team, types: (options.types ?? []).join(",") });
  if (options.minSeverity) query.set("min_severity", options.minSeverity);
  if (options.includeTests) query.set("include_tests", "true");
  if (cursor !== "") query.set("after", cursor);
  else if (options.fromBeginning) query.set("from_beginning", "true");
  return query;
}

/** The id and the data of each message that has an id. */
async function* messages(body: ReadableStream<Uint8Array>): AsyncGenerator<{ id: string; data: string }> {
  const decoder = new TextDecoder();
  let text = "";
  let [id, data] = ["", ""];
  for await (const chunk of chunks(body)) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      const [, name = "", value = ""] = /^([^:\r]*):? ?([^\r]*)/.exec(line) ?? [];
      if (name === "id") id = value;
      else if (name === "data") data += value;
      else if (name === "" && value === "") {
        if (id !== "") yield { id, data };
        [id, data] = ["", ""];
      }
    }
  }
}

/** Not every browser's streams can be iterated over. */
async function* chunks(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    await reader.cancel();
  }
}

async function refusal(answer: Response): Promise<WatchbellError> {
  const code = CODES[answer.status] ?? "unavailable";
  try {
    const { error } = (await answer.json()) as { error: { message: string; reason: string } };
    return new WatchbellError(code, error.message, [{ type: "google.rpc.ErrorInfo", value: { reason: error.reason } }]);
  } catch {
    return new WatchbellError(code, `HTTP ${answer.status}`);
  }
}
