import { describe, expect, it } from "vitest";
import { begin, changed, discarded, put, rebased, settled } from "../src/domain/draft";

interface Settings {
  readonly cron: string;
  readonly recipients: readonly string[];
  readonly paused: boolean;
}

const READ: Settings = { cron: "", recipients: [], paused: false };

describe("what is typed into a form", () => {
  it("stays when what was read changes meanwhile, and what only others changed is taken over", () => {
    const typed = put(begin("1", READ), "recipients", ["ann@acme.example"]);
    const now = rebased(typed, "2", { ...READ, cron: "0 9 * * FRI" });
    expect(now.mine).toEqual({ cron: "0 9 * * FRI", recipients: ["ann@acme.example"], paused: false });
    expect(changed(now.base, now.mine)).toEqual(["recipients"]);
    expect([now.taken, now.conflicts, now.version]).toEqual([["cron"], [], "2"]);
  });

  it("is asked about when others changed the same, until it is decided", () => {
    const typed = put(begin("1", READ), "cron", "0 8 * * *");
    const now = rebased(typed, "2", { ...READ, cron: "0 9 * * *" });
    expect([now.mine.cron, now.conflicts]).toEqual(["0 8 * * *", ["cron"]]);
    expect(settled(now, "cron", "theirs")).toMatchObject({ mine: { cron: "0 9 * * *" }, conflicts: [] });
    expect(settled(now, "cron", "mine")).toMatchObject({ mine: { cron: "0 8 * * *" }, conflicts: [] });
    expect(rebased(now, "3", { ...READ, cron: "0 8 * * *" }).conflicts).toEqual([]);
  });

  it("is what was read once it was saved or discarded", () => {
    const typed = put(begin("1", READ), "paused", true);
    const saved = rebased(discarded(typed), "2", { ...READ, paused: true });
    expect(changed(saved.base, saved.mine)).toEqual([]);
    expect([saved.mine.paused, saved.taken]).toEqual([true, []]);
  });
});
