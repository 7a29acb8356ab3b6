// One of all tabs that show the same does the work for the others. Web Locks choose it where they exist: on pages that came
// by HTTPS or from this machine. Elsewhere the tabs elect one over a BroadcastChannel, by heartbeats.

/** Sent by tabs that elect. `leader`: a heartbeat; `claim`: wants to lead; `bye`: leads no more. */
export interface Vote {
  readonly type: "leader" | "claim" | "bye";
  readonly id: string;
}

const BEAT = 1_000;
/** Hidden tabs wake once a second at most; a leader that is silent for so long is gone. */
const TIMEOUT = 3_500;
/** How long others may object to a claim. */
const OBJECTION = 250;

/** What a tab does in an election, apart from the clock and the channel. */
export class Election {
  readonly id: string;
  private heard: number;
  private claimed: number | null = null;
  private beaten = 0;
  leads = false;

  constructor(id: string, now: number) {
    this.id = id;
    // A tab that has just come asks at once.
    this.heard = now - TIMEOUT;
  }

  /** Takes the others' word; answers what to send. */
  hear(vote: Vote, now: number): Vote | null {
    if (vote.type === "bye") {
      this.heard = now - TIMEOUT;
      return null;
    }
    if (this.leads) {
      // Of two that lead, the smaller id goes on.
      if (vote.type === "leader" && vote.id < this.id) this.follow(now);
      else return this.beat(now);
    } else if (vote.type === "leader" || (this.claimed !== null && vote.id < this.id)) this.follow(now);
    return null;
  }

  /** Called from time to time; answers what to send. */
  tick(now: number): Vote | null {
    if (this.leads) return now - this.beaten < BEAT ? null : this.beat(now);
    if (this.claimed !== null) {
      if (now - this.claimed < OBJECTION) return null;
      this.claimed = null;
      this.leads = true;
      return this.beat(now);
    }
    if (now - this.heard < TIMEOUT) return null;
    this.claimed = now;
    return this.say("claim");
  }

  private follow(now: number): void {
    this.heard = now;
    this.claimed = null;
    this.leads = false;
  }

  private beat(now: number): Vote {
    this.beaten = now;
    return this.say("leader");
  }

  private say(type: Vote["type"]): Vote {
    return { type, id: this.id };
  }
}

export type Channel = Pick<BroadcastChannel, "postMessage" | "close"> & {
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
};

const NOBODY: Channel = { postMessage: () => {}, addEventListener: () => {}, close: () => {} };

/** The way to the other tabs. Where the browser blocks it there are none. */
export function channelOf(name: string): Channel {
  try {
    return new BroadcastChannel(name);
  } catch {
    return NOBODY;
  }
}

/** Runs `lead` whenever this tab is the one; its signal ends when another is, or `signal` does. */
export function whenLeader(name: string, signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): void {
  if ("locks" in navigator) {
    navigator.locks
      .request(name, { signal }, () => lead(signal))
      .catch(() => {
        // It ended before its turn; or this is a frame whose browser blocks what sites keep, locks too.
        if (!signal.aborted) elect(name, signal, lead);
      });
  } else elect(name, signal, lead);
}

function elect(name: string, signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): void {
  const votes = channelOf(`${name}.election`);
  const election = new Election(crypto.getRandomValues(new Uint32Array(4)).join("."), Date.now());
  let term: AbortController | null = null;
  const settle = (vote: Vote | null) => {
    if (vote) votes.postMessage(vote);
    if (election.leads && term === null) {
      term = new AbortController();
      void lead(term.signal);
    } else if (!election.leads && term !== null) {
      term.abort();
      term = null;
    }
  };
  const tick = () => settle(election.tick(Date.now()));
  votes.addEventListener("message", ({ data }: MessageEvent<Vote>) => {
    settle(election.hear(data, Date.now()));
    if (data.type === "bye") tick();
  });
  const timer = setInterval(tick, OBJECTION);
  const end = () => {
    clearInterval(timer);
    if (election.leads) votes.postMessage({ type: "bye", id: election.id } satisfies Vote);
    votes.close();
    term?.abort();
  };
  signal.addEventListener("abort", end);
  tick();
}
