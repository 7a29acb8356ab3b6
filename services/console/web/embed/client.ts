// A member's inbox: what is in it, what comes in, and what the member does with it.

import { type Call, type Fields, Refused, UNAUTHENTICATED, ask, isFinal, bytesOf, call, decode, encode, numberOf, textOf } from "./wire";

export interface Notification {
  readonly id: string;
  readonly eventId: string;
  readonly type: string;
  readonly severity: number;
  readonly title: string;
  readonly url: string;
  readonly source: string;
  readonly subject: string;
  /** Milliseconds. */
  readonly made: number;
  readonly read: boolean;
}

export interface Settings {
  /** The origin of the API. */
  readonly base: string;
  /** Empty for the token's own. */
  readonly team: string;
  /** Empty for the token's own. */
  readonly member: string;
  /** A credential that is good now; `renew` after one was refused. */
  readonly token: (renew: boolean) => Promise<string>;
}

export interface Listener {
  added(notification: Notification): void;
  /** What was shown may be out of date: list again. */
  reset(): void;
  /** The server does not answer, or refuses; null when all is well. After a refusal that is final nothing is followed. */
  trouble(error: unknown): void;
}

const SERVICE = "watchbell.dispatcher.v1.InboxService";
const PAGE = 30;
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;

function notificationOf(fields: Fields): Notification {
  return {
    id: textOf(fields, 1),
    eventId: textOf(fields, 3),
    type: textOf(fields, 4),
    severity: numberOf(fields, 5),
    title: textOf(fields, 6),
    url: textOf(fields, 7),
    source: textOf(fields, 8),
    subject: textOf(fields, 9),
    made: numberOf(decode(bytesOf(fields, 10)), 1) * 1_000,
    read: numberOf(fields, 11) === 1,
  };
}

export class Inbox {
  private readonly settings: Settings;
  private readonly end = new AbortController();
  private token = "";
  private who: Promise<readonly [string, string]> | null = null;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  close(): void {
    this.end.abort();
  }

  get isClosed(): boolean {
    return this.end.signal.aborted;
  }

  async unread(): Promise<number> {
    return numberOf(await this.ask("GetUnreadCount", []), 1);
  }

  async list(after: string): Promise<{ readonly rows: readonly Notification[]; readonly next: string }> {
    const answer = await this.ask("ListNotifications", [[3, PAGE], [4, after]]);
    const rows = (answer.get(1) ?? []).flatMap((row) => (row instanceof Uint8Array ? [notificationOf(decode(row))] : []));
    return { rows, next: textOf(answer, 2) };
  }

  async mark(rpc: "MarkRead" | "MarkUnread" | "Archive", id: string): Promise<void> {
    await this.ask(rpc, [[3, id]]);
  }

  async readAll(): Promise<void> {
    await this.ask("MarkAllRead", []);
  }

  /** Follows what comes in until it is closed. */
  async follow(listener: Listener): Promise<void> {
    let position = "";
    let failures = 0;
    let renew = false;
    while (!this.isClosed) {
      try {
        const to = await this.to(`${SERVICE}/Watch`, renew);
        renew = false;
        let first = true;
        for await (const next of call(to, encode([...(await this.whose()), [4, position]]))) {
          if (first) {
            if (failures > 0 || position === "") listener.reset();
            listener.trouble(null);
          }
          first = false;
          failures = 0;
          position = textOf(next, 2) || position;
          if (numberOf(next, 3) === 1) listener.reset();
          const row = bytesOf(next, 1);
          if (row.length > 0) listener.added(notificationOf(decode(row)));
        }
      } catch (error) {
        if (this.isClosed) return;
        renew = error instanceof Refused && error.code === UNAUTHENTICATED;
        failures += 1;
        const isOver = isFinal(error);
        if (failures > 1 || renew || isOver) listener.trouble(error);
        // The same call is refused again: only another credential or other attributes help.
        if (isOver) return;
      }
      const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** failures) * (0.5 + Math.random());
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  private async to(rpc: string, renew = false): Promise<Call> {
    if (renew || this.token === "") this.token = await this.settings.token(renew);
    return { base: this.settings.base, rpc, token: this.token, signal: this.end.signal };
  }

  /** A credential that has ended is asked for once more. */
  private async ask(rpc: string, fields: readonly (readonly [number, string | number])[]): Promise<Fields> {
    const request = encode([...(await this.whose()), ...fields]);
    try {
      return await ask(await this.to(`${SERVICE}/${rpc}`), request);
    } catch (error) {
      if (!(error instanceof Refused) || error.code !== UNAUTHENTICATED) throw error;
      return ask(await this.to(`${SERVICE}/${rpc}`, true), request);
    }
  }

  /** Team and member; what the page does not say, the server knows of a signed-in member. */
  private async whose(): Promise<readonly (readonly [number, string])[]> {
    const { team, member } = this.settings;
    this.who ??=
      member === ""
        ? this.to("watchbell.config.v1.TeamService/GetSelf")
            .then((to) => ask(to, encode([])))
            .then((self) => [textOf(self, 3), textOf(decode(bytesOf(self, 2)), 1)] as const)
        : Promise.resolve([team, member] as const);
    try {
      const [ownTeam, ownMember] = await this.who;
      return [
        [1, team || ownTeam],
        [2, ownMember],
      ];
    } catch (error) {
      this.who = null;
      throw error;
    }
  }
}
