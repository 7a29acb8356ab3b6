// Sends events in batches in the background, and loses none when the program ends in an orderly way.

import type { EmitBatchResponse, Event, RouterService } from "./contracts.js";
import { WatchbellError, errorOfStatus } from "./errors.js";
import { Emits } from "./events.js";
import { delay, sleep } from "./transport.js";

const BATCH = 500;
/** A batch may have 4 MiB. */
const BATCH_BYTES = 3 * 1024 * 1024;

export interface EmitterOptions {
  /** Milliseconds that a batch waits for more events; 50 unless given. */
  linger?: number;
  /** Events that may wait; `emit` waits while there are more. 10,000 unless given. */
  capacity?: number;
  /** Gets each event that the server refuses for good, or that is left when `close` gives up; logs it unless given. */
  onRefused?: (event: Event, error: WatchbellError) => void;
}

/**
 * Queue of events. Batches are repeated until the server has answered for each event: an outage delays events and loses none.
 * The timer of what waits keeps the program alive, so it ends when all has been accepted; before `process.exit()`, await `close()`.
 */
export class Emitter extends Emits<Promise<string>> {
  private readonly waiting: { event: Event & { id: string }; size: number }[] = [];
  private readonly room: (() => void)[] = [];
  private readonly empty: (() => void)[] = [];
  private closed = false;
  private stopped = false;
  private sending = false;

  constructor(
    private readonly router: RouterService,
    private readonly team: string,
    private readonly options: EmitterOptions = {},
  ) {
    super();
  }

  /** Queues an event; its id. Waits while the queue is full. */
  protected override async send(event: Event & { id: string }): Promise<string> {
    const size = JSON.stringify(event).length;
    while (!this.closed && this.waiting.length >= (this.options.capacity ?? 10_000)) {
      await new Promise<void>((free) => this.room.push(free));
    }
    if (this.closed) throw new Error("the emitter is closed");
    this.waiting.push({ event, size });
    if (!this.sending) void this.run();
    return event.id;
  }

  /** Waits until every event so far has been answered. */
  async flush(): Promise<void> {
    if (this.waiting.length > 0) await new Promise<void>((done) => this.empty.push(done));
  }

  /** Takes no more events and waits until all have been answered. After `timeout` milliseconds what is left goes to `onRefused`. */
  async close(timeout = Number.POSITIVE_INFINITY): Promise<void> {
    this.closed = true;
    for (const free of this.room.splice(0)) free();
    if (timeout === Number.POSITIVE_INFINITY) return this.flush();
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeout);
    await Promise.race([this.flush(), new Promise((done) => late.signal.addEventListener("abort", done))]);
    clearTimeout(timer);
    if (this.waiting.length === 0) return;
    this.stopped = true;
    const error = new WatchbellError("deadline_exceeded", "the emitter was closed before the server had answered");
    for (const { event } of this.waiting.splice(0)) this.refused(event, error);
  }

  private async run(): Promise<void> {
    this.sending = true;
    let failures = 0;
    await sleep(this.options.linger ?? 50);
    while (this.waiting.length > 0 && !this.stopped) {
      const again = await this.sendBatch(this.nextBatch());
      failures = again === undefined ? 0 : failures + 1;
      if (again !== undefined) await sleep(delay(failures, again));
    }
    this.sending = false;
    for (const done of this.empty.splice(0)) done();
  }

  private nextBatch(): (Event & { id: string })[] {
    let size = 0;
    const fits = this.waiting.slice(0, BATCH).findIndex((each, index) => index > 0 && (size += each.size) > BATCH_BYTES);
    return this.waiting.slice(0, fits === -1 ? BATCH : fits).map(({ event }) => event);
  }

  /** Undefined when all of it has been answered; otherwise after how many seconds the server wants the rest again. */
  private async sendBatch(batch: (Event & { id: string })[]): Promise<number | undefined> {
    let answer: EmitBatchResponse;
    try {
      answer = await this.router.emitBatch({ team_id: this.team, events: batch });
    } catch (error) {
      if (!(error instanceof WatchbellError)) throw error;
      if (error.isTransient) return error.retryAfter ?? 0;
      this.settle(batch, batch.map((event) => ({ event, error })));
      return undefined;
    }
    const errors = batch.flatMap((event, index) => {
      const status = answer.results?.[index]?.refused;
      return status ? [{ event, error: errorOfStatus(status) }] : [];
    });
    const again = errors.filter(({ error }) => error.isTransient);
    const answered = batch.filter((event) => !again.some((each) => each.event === event));
    this.settle(answered, errors.filter(({ error }) => !error.isTransient));
    return again.length === 0 ? undefined : Math.max(...again.map(({ error }) => error.retryAfter ?? 0));
  }

  private settle(answered: Event[], refused: { event: Event; error: WatchbellError }[]): void {
    const gone = new Set(answered);
    const left = this.waiting.filter(({ event }) => !gone.has(event));
    this.waiting.splice(0, this.waiting.length, ...left);
    for (const free of this.room.splice(0)) free();
    for (const { event, error } of refused) this.refused(event, error);
  }

  private refused(event: Event, error: WatchbellError): void {
    const report = this.options.onRefused ?? ((each) => console.error(`event ${each.id} was refused: ${error.message}`));
    report(event, error);
  }
}
