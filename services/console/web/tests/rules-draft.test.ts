import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { type Rule, RuleSchema } from "../src/api/gen/watchbell/config/v1/rule_pb";
import {
  type RulesDraft,
  beginRules,
  changesOf,
  isNew,
  moveRule,
  newId,
  putRule,
  rebased,
  removeRule,
  renamed,
  settledRule,
  undone,
} from "../src/domain/rules-draft";

const rule = (id: string, part: Partial<{ displayName: string; paused: boolean; continues: boolean }> = {}): Rule =>
  create(RuleSchema, { id, displayName: id.toUpperCase(), action: { case: "send", value: { channelIds: ["chn_1"] } }, ...part });
const rules = (ids: string) => [...ids].map((id) => rule(id));
const order = ({ mine }: RulesDraft) => mine.map(({ id }) => id).join("");
const told = (draft: RulesDraft) => changesOf(draft).map(({ what, id }) => `${what} ${id}`);

describe("a draft of all rules", () => {
  it("says what is made, changed, moved and removed, and nothing of what is as it was", () => {
    const begun = beginRules(rules("abcd"));
    expect(changesOf(begun)).toEqual([]);
    let draft = putRule(begun, rule(newId(begun), { displayName: "E" }));
    draft = putRule(draft, rule("b", { paused: true }));
    draft = removeRule(draft, "c");
    draft = moveRule(draft, "d", 1);
    expect(told(draft)).toEqual(["moved d", "changed b", "made draft-1", "removed c"]);
    expect(changesOf(draft).find(({ what }) => what === "changed")?.parts).toEqual(["paused"]);
    expect(changesOf(draft)[0]).toMatchObject({ from: 4, to: 1 });
    expect([isNew(draft, "draft-1"), isNew(draft, "b")]).toEqual([true, false]);
  });

  it("counts as moved as few as can be", () => {
    expect(told(moveRule(beginRules(rules("abcde")), "a", 5))).toEqual(["moved a"]);
    expect(told(moveRule(moveRule(beginRules(rules("abcde")), "a", 5), "a", 1))).toEqual([]);
    expect(told(moveRule(beginRules(rules("ab")), "b", 1))).toEqual(["moved b"]);
  });

  it("takes each change back by itself", () => {
    let draft = removeRule(moveRule(putRule(beginRules(rules("abcd")), rule("b", { continues: true })), "d", 1), "c");
    draft = putRule(draft, rule(newId(draft)));
    while (changesOf(draft).length > 0) {
      const before = changesOf(draft).length;
      draft = undone(draft, changesOf(draft)[0] as ReturnType<typeof changesOf>[number]);
      expect(changesOf(draft).length).toBe(before - 1);
    }
    expect(order(draft)).toBe("abcd");
  });

  it("never gives the id of one new rule to another", () => {
    let draft = beginRules([]);
    draft = putRule(draft, rule(newId(draft)));
    draft = putRule(draft, rule(newId(draft)));
    draft = removeRule(draft, "draft-1");
    expect(newId(draft)).toBe("draft-1");
    expect(order(putRule(draft, rule(newId(draft))))).toBe("draft-2draft-1");
  });

  it("knows which are called otherwise, and where they are", () => {
    const draft = moveRule(putRule(beginRules(rules("abc")), rule("c", { displayName: "Other" })), "c", 1);
    expect(renamed(draft)).toEqual([{ id: "c", before: "C", place: 1 }]);
  });
});

describe("what others do meanwhile", () => {
  it("is taken over where only they did something", () => {
    const draft = putRule(beginRules(rules("abc")), rule("a", { paused: true }));
    const next = rebased(draft, [rule("a"), rule("x"), rule("c", { continues: true }), rule("b")]);
    expect(order(next)).toBe("axcb");
    expect(told(next)).toEqual(["changed a"]);
    expect(next.conflicts).toEqual([]);
  });

  it("is merged part by part, and a conflict where both did the same part otherwise", () => {
    const draft = putRule(beginRules(rules("ab")), rule("a", { displayName: "Mine" }));
    const merged = rebased(draft, [rule("a", { paused: true }), rule("b")]);
    expect(merged.conflicts).toEqual([]);
    expect(merged.mine[0]).toMatchObject({ displayName: "Mine", paused: true });
    const both = rebased(draft, [rule("a", { displayName: "Theirs", paused: true }), rule("b")]);
    expect(both.conflicts).toEqual(["a"]);
    expect(both.mine[0]).toMatchObject({ displayName: "Mine", paused: true });
    expect(told(settledRule(both, "a", "theirs"))).toEqual([]);
    const mine = settledRule(both, "a", "mine");
    expect([mine.conflicts, told(mine)]).toEqual([[], ["changed a"]]);
  });

  it("keeps the order that was made here, and puts theirs into it", () => {
    const draft = moveRule(beginRules(rules("abc")), "c", 1);
    expect(order(rebased(draft, [...rules("abc"), rule("x")]))).toBe("cabx");
    expect(order(rebased(draft, rules("xabc")))).toBe("xcab");
    expect(order(rebased(draft, rules("axbc")))).toBe("caxb");
  });

  it("keeps the place of a new rule, and of a removed one what was removed", () => {
    let draft = beginRules(rules("abc"));
    draft = moveRule(putRule(draft, rule("draft-1")), "draft-1", 2);
    expect(order(rebased(draft, rules("bca")))).toBe("bcadraft-1");
    draft = removeRule(draft, "b");
    expect(order(rebased(draft, rules("abc")))).toBe("adraft-1c");
  });

  it("is a conflict when they change what is removed here, and a rule made anew when they remove what is changed here", () => {
    const gone = rebased(removeRule(beginRules(rules("ab")), "a"), [rule("a", { paused: true }), rule("b")]);
    expect(gone.conflicts).toEqual(["a"]);
    expect(told(settledRule(gone, "a", "theirs"))).toEqual([]);
    expect(order(settledRule(gone, "a", "theirs"))).toBe("ab");
    const anew = rebased(putRule(beginRules(rules("ab")), rule("a", { paused: true })), rules("b"));
    expect(told(anew)).toEqual(["made a"]);
    expect(order(rebased(beginRules(rules("ab")), rules("b")))).toBe("b");
  });

  it("leaves nothing when they have saved the same", () => {
    const draft = putRule(beginRules(rules("ab")), rule("a", { paused: true }));
    expect(told(rebased(draft, [rule("a", { paused: true }), rule("b")]))).toEqual([]);
  });
});
