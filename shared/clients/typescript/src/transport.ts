// Calls by JSON over HTTP, repeated where that is safe.

import { WatchbellError, errorOfBody } from "./errors.js";
import { events, type StreamedEvent, type StreamOptions } from "./stream.js";

export interface TransportOptions {
  url: string;
  /** An API key, or a member's token. */
  key: string;
  /** Milliseconds for each attempt; 30,000 unless given. */
  timeout?: number;
  /** Attempts of a call in all; 5 unless given. */
  attempts?: number;
}

/** One server and one key. */
export class Transport {
  private readonly base: string;

  constructor(private readonly options: TransportOptions) {
    const url = new URL(options.url);
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new TypeError(`the URL must begin with http:// or https://: ${options.url}`);
    }
    this.base = url.href.replace(/\/+$/, "");
  }

  /** Makes the call; what failed for a while is repeated when the server asks for it, or when a second call changes nothing. */
  call<Answer>(method: string, request: object, repeatable: boolean): Promise<Answer> {
    return retrying(() => this.once<Answer>(method, request), this.options.attempts ?? 5, repeatable);
  }

  /** The stream of a team's events. */
  events(team: string, options: StreamOptions): AsyncGenerator<StreamedEvent, void, undefined> {
    return events(this.base, this.options.key, team, options, (failures) => sleep(delay(failures, undefined)));
  }

  private async once<Answer>(method: string, request: object): Promise<Answer> {
    const timeout = this.options.timeout ?? 30_000;
    let answer: Response;
    let text: string;
    try {
      answer = await fetch(`${this.base}/${method}`, {
        method: "POST",
        body: JSON.stringify(request),
        headers: {
          authorization: `Bearer ${this.options.key}`,
          "content-type": "application/json",
          "connect-protocol-version": "1",
          "connect-timeout-ms": String(timeout),
        },
        signal: AbortSignal.timeout(timeout),
      });
      text = await answer.text();
    } catch (error) {
      const timedOut = error instanceof DOMException && error.name === "TimeoutError";
      throw new WatchbellError(timedOut ? "deadline_exceeded" : "unavailable", reasonOf(error));
    }
    if (!answer.ok) throw errorOfBody(answer.status, text);
    return JSON.parse(text) as Answer;
  }
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  return [message, cause?.message].filter(Boolean).join(": ");
}

export const sleep = (milliseconds: number) => new Promise<void>((done) => setTimeout(done, milliseconds));

/** Repeats `call` up to so many attempts in all. */
export async function retrying<Answer>(
  call: () => Promise<Answer>,
  attempts: number,
  repeatable: boolean,
  wait: (milliseconds: number) => Promise<void> = sleep,
): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof WatchbellError)) throw error;
      // A call over a limit was refused before it did anything.
      const safe = repeatable || error.code === "resource_exhausted";
      if (attempt >= attempts || !safe || !error.isTransient) throw error;
      await wait(delay(attempt, error.retryAfter));
    }
  }
}

/** Milliseconds until the next attempt: never earlier than the server asks, and spread, so that callers do not come all at once. */
export function delay(attempt: number, asked: number | undefined): number {
  const longest = Math.min(10_000, 100 * 2 ** (attempt - 1));
  return (asked ?? 0) * 1000 + (longest * (1 + Math.random())) / 2;
}
