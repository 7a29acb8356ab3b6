import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const ORIGIN = "https://app.example.com";

const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;

/** A page in a frame, and what it asks of the page around. */
class Frame extends EventTarget {
  readonly asked: unknown[] = [];
  readonly parent = { postMessage: (message: unknown) => this.asked.push(message) };
  readonly location = { search: "?embed=1&theme=dark" };

  give(token: unknown, origin = ORIGIN, source: unknown = this.parent): void {
    const event = Object.assign(new Event("message"), { data: { type: "watchbell.token", token }, origin, source });
    this.dispatchEvent(event);
  }
}

let frame: Frame;

async function begin() {
  vi.resetModules();
  vi.stubGlobal("window", frame);
  const session = await import("../src/api/session");
  const host = await import("../src/api/host");
  host.beginHosted([ORIGIN]);
  return { ...session, ...host };
}

beforeEach(() => {
  vi.useFakeTimers();
  frame = new Frame();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("a console in a frame", () => {
  it("takes tokens from the page around, if it is one that the settings name, and from nobody else", async () => {
    const { current, isBare, hostTheme } = await begin();
    expect([isBare, hostTheme, frame.asked]).toEqual([true, "dark", [{ type: "watchbell.token-needed", renew: false }]]);
    frame.give("wbk_evil", "https://evil.example.com");
    frame.give("wbk_evil", ORIGIN, {});
    frame.give(7);
    frame.give("");
    expect(current().key).toBeNull();
    frame.give("wbk_1");
    expect(current()).toMatchObject({ key: "wbk_1", refused: false, epoch: 1 });
  });

  it("asks before a token ends, and keeps what was read with it for the next one of the same member", async () => {
    const { current } = await begin();
    const claims = { sub: "olga", team_id: "team_1", role: "OWNER" };
    frame.give(jwt({ ...claims, exp: Date.now() / 1_000 + 600 }));
    await vi.advanceTimersByTimeAsync(530_000);
    expect(frame.asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(frame.asked.slice(1)).toEqual([{ type: "watchbell.token-needed", renew: true }]);
    const next = jwt({ ...claims, exp: Date.now() / 1_000 + 600, jti: "2" });
    frame.give(next);
    expect(current()).toMatchObject({ key: next, epoch: 1 });
    frame.give(jwt({ ...claims, sub: "adam" }));
    expect(current().epoch).toBe(2);
  });

  it("asks again for what was refused, but not all the time, and not for what was refused before", async () => {
    const { current, refuse } = await begin();
    frame.give("wbk_1");
    refuse("wbk_0");
    expect(current().refused).toBe(false);
    for (let second = 0; second < 20; second += 1) {
      refuse(current().key);
      frame.give(`wbk_${second + 2}`);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(frame.asked.length - 1).toBeLessThanOrEqual(5);
    expect(frame.asked.length - 1).toBeGreaterThanOrEqual(3);
  });
});
