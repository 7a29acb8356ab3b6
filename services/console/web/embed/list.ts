// What the component shows: the newest notifications, and how many are unread. The count is the server's: a step is taken on
// the screen at once, and what is true is asked for after it.

import { Throttle } from "../src/live/throttle";
import type { Inbox, Notification } from "./client";

/** What is held in memory at most. */
const MOST = 500;
const INTERVAL = 1_000;

export type Mark = "MarkRead" | "MarkUnread" | "Archive";

export class InboxList {
  rows: readonly Notification[] = [];
  /** Of the next page; empty on the last. */
  next = "";
  count = 0;
  trouble: unknown = null;
  private readonly inbox: Inbox;
  private readonly changed: () => void;
  /** Of the newest reading: an older one that is answered later says nothing. */
  private reading = 0;
  /** What has come in since the newest reading began. */
  private news: Notification[] = [];
  private readonly counting: Throttle;

  constructor(inbox: Inbox, changed: () => void) {
    this.inbox = inbox;
    this.changed = changed;
    this.counting = new Throttle(() => this.recount(), INTERVAL);
  }

  close(): void {
    this.inbox.close();
    this.counting.clear();
  }

  /** Reads the first page and the count anew. */
  async read(): Promise<void> {
    this.reading += 1;
    const own = this.reading;
    this.news = [];
    try {
      const [count, page] = await Promise.all([this.inbox.unread(), this.inbox.list("")]);
      if (!this.isNewest(own)) return;
      const listed = new Set(page.rows.map(({ id }) => id));
      const news = this.news.filter(({ id }) => !listed.has(id));
      this.rows = [...news, ...page.rows];
      this.next = page.next;
      this.count = count;
      this.trouble = null;
      if (this.news.length > 0) this.counting.ask();
    } catch (error) {
      if (!this.isNewest(own)) return;
      this.trouble = error;
    }
    this.changed();
  }

  async older(): Promise<void> {
    const own = this.reading;
    try {
      const page = await this.inbox.list(this.next);
      if (!this.isNewest(own)) return;
      const known = new Set(this.rows.map(({ id }) => id));
      this.rows = [...this.rows, ...page.rows.filter(({ id }) => !known.has(id))];
      this.next = page.next;
    } catch (error) {
      if (!this.isNewest(own)) return;
      this.trouble = error;
    }
    this.changed();
  }

  /** Whether it was new. */
  add(notification: Notification): boolean {
    if (this.rows.some(({ id }) => id === notification.id)) return false;
    this.news = [notification, ...this.news];
    this.rows = [notification, ...this.rows].slice(0, MOST);
    this.count += 1;
    this.counting.ask();
    this.changed();
    return true;
  }

  async mark(rpc: Mark, { id, read }: Notification): Promise<void> {
    const wasUnread = read ? 0 : 1;
    const isUnread = rpc === "MarkUnread" ? 1 : 0;
    const show = () => {
      if (rpc === "Archive") this.rows = this.rows.filter((row) => row.id !== id);
      else this.rows = this.rows.map((row) => (row.id === id ? { ...row, read: isUnread === 0 } : row));
    };
    show();
    this.count = Math.max(0, this.count + isUnread - wasUnread);
    this.changed();
    await this.settle(() => this.inbox.mark(rpc, id), show);
  }

  async readAll(): Promise<void> {
    const show = () => {
      this.rows = this.rows.map((row) => ({ ...row, read: true }));
    };
    show();
    this.count = 0;
    this.changed();
    await this.settle(() => this.inbox.readAll(), show);
  }

  /** What the server refuses is read again. What was read meanwhile does not know of the step yet. */
  private async settle(act: () => Promise<void>, show: () => void): Promise<void> {
    try {
      await act();
      show();
      this.counting.ask();
      this.changed();
    } catch {
      if (!this.inbox.isClosed) await this.read();
    }
  }

  private async recount(): Promise<void> {
    const count = await this.inbox.unread();
    if (this.inbox.isClosed || count === this.count) return;
    this.count = count;
    this.changed();
  }

  private isNewest(reading: number): boolean {
    return reading === this.reading && !this.inbox.isClosed;
  }
}
