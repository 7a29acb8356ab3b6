import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Inbox, type Listener, type Notification } from "../embed/client";
import { InboxList } from "../embed/list";

const row = (id: string, read = false): Notification => ({
  id,
  eventId: "evt_1",
  type: "finding.created",
  severity: 5,
  title: id,
  url: "",
  source: "",
  subject: "",
  made: 0,
  read,
});

/** A server whose answers come when the test lets them. */
class Server {
  rows: Notification[] = [];
  readonly open: (() => void)[] = [];
  refuses = false;

  private answer<T>(value: () => T): Promise<T> {
    // What is answered is what was so when it was asked.
    const now = value();
    return new Promise((resolve) => this.open.push(() => resolve(now)));
  }

  unread = () => this.answer(() => this.rows.filter(({ read }) => !read).length);
  list = () => this.answer(() => ({ rows: [...this.rows], next: "" }));
  mark = (rpc: string, id: string) => {
    if (this.refuses) return Promise.reject(new Error("no"));
    this.rows = rpc === "Archive" ? this.rows.filter((one) => one.id !== id) : this.rows.map((one) => (one.id === id ? { ...one, read: rpc === "MarkRead" } : one));
    return this.answer(() => undefined);
  };
  close = () => {};
  isClosed = false;

  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) {
      while (this.open.length > 0) this.open.shift()?.();
      await vi.advanceTimersByTimeAsync(1_000);
    }
  }
}

const begin = () => {
  const server = new Server();
  return { server, list: new InboxList(server as unknown as Inbox, () => {}) };
};

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("the list of the inbox component", () => {
  it("keeps what comes in while it is being read", async () => {
    const { server, list } = begin();
    server.rows = [row("one")];
    const reading = list.read();
    server.rows = [row("two"), row("one")];
    list.add(row("two"));
    await server.settle();
    await reading;
    expect(list.rows.map(({ id }) => id)).toEqual(["two", "one"]);
    expect(list.count).toBe(2);
  });

  it("does not take an older answer for a newer one", async () => {
    const { server, list } = begin();
    server.rows = [row("one")];
    void list.read();
    const old = server.open.splice(0);
    server.rows = [];
    void list.read();
    await server.settle();
    for (const late of old) late();
    await server.settle();
    expect([list.rows, list.count]).toEqual([[], 0]);
  });

  it("counts what the server counts, whatever others mark meanwhile", async () => {
    const { server, list } = begin();
    server.rows = [row("one"), row("two"), row("three")];
    void list.read();
    await server.settle();
    // Another tab has read two of them.
    server.rows = [row("one"), row("two", true), row("three", true)];
    void list.mark("MarkRead", row("one"));
    expect(list.count).toBe(2);
    await server.settle();
    expect(list.count).toBe(0);
    expect(list.rows[0]).toMatchObject({ id: "one", read: true });
  });

  it("shows again what could not be marked", async () => {
    const { server, list } = begin();
    server.rows = [row("one")];
    void list.read();
    await server.settle();
    server.refuses = true;
    void list.mark("Archive", row("one"));
    expect(list.rows).toEqual([]);
    await server.settle();
    expect([list.rows.map(({ id }) => id), list.count]).toEqual([["one"], 1]);
  });
});

describe("following the inbox", () => {
  const follow = async (status: string, seconds: number) => {
    const fetched = vi.fn(() => Promise.resolve(new Response(null, { headers: { "grpc-status": status } })));
    vi.stubGlobal("fetch", fetched);
    const inbox = new Inbox({ base: "https://bell.example.com", team: "team_1", member: "mbr_1", token: () => Promise.resolve("t") });
    const listener: Listener = { added: () => {}, reset: () => {}, trouble: vi.fn() };
    void inbox.follow(listener);
    await vi.advanceTimersByTimeAsync(seconds * 1_000);
    inbox.close();
    return { calls: fetched.mock.calls.length, trouble: listener.trouble };
  };

  it("ends with a refusal that is final, and says so", async () => {
    const { calls, trouble } = await follow("7", 600);
    expect(calls).toBe(1);
    expect(trouble).toHaveBeenCalledWith(expect.objectContaining({ code: 7 }));
  });

  it("goes on while the server is away", async () => {
    expect((await follow("14", 600)).calls).toBeGreaterThan(10);
  });
});
