// The client of a Watchbell server.

import { type Event, Services } from "./contracts.js";
import { Emitter, type EmitterOptions } from "./emitter.js";
import { Emits } from "./events.js";
import type { StreamedEvent, StreamOptions } from "./stream.js";
import { Transport, type TransportOptions } from "./transport.js";

export interface WatchbellOptions extends TransportOptions {
  /** Id of the team that events are of. A team's own key knows its team. */
  team?: string;
}

/** Calls a server. The services have every public RPC that does not stream. */
export class Watchbell extends Emits<Promise<string>> {
  readonly services: Services;
  private readonly transport: Transport;
  private readonly team: string;

  constructor(options: WatchbellOptions) {
    super();
    this.transport = new Transport(options);
    this.services = new Services(this.transport);
    this.team = options.team ?? "";
  }

  /** Accepts one event, which is on disk when its id is there. An id is made unless one is given, so that the call can be repeated. */
  protected override async send(event: Event & { id: string }): Promise<string> {
    await this.services.router.emit({ team_id: this.team, event });
    return event.id;
  }

  /** Events as they are accepted, each once, until it is aborted. Throws `out_of_range` when events after the cursor are not kept any more. */
  streamEvents(options: StreamOptions = {}): AsyncGenerator<StreamedEvent, void, undefined> {
    return this.transport.events(this.team, options);
  }

  /** Sends events in batches in the background. */
  emitter(options: EmitterOptions = {}): Emitter {
    return new Emitter(this.services.router, this.team, options);
  }
}
