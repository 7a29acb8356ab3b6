import { describe, expect, it } from "vitest";
import { fragmentOf, isAskable, playOf, playOfFragment } from "../src/pages/routing/play";

describe("an event that was made up", () => {
  it("comes back from the link that it was copied into, to the byte", () => {
    const play = { ...playOf({ type: "a.b", severity: "high" }), title: "100 % #1", data: '{"n": 12345678901234567890.10}', at: "2026-03-04T12:00" };
    expect(playOfFragment(fragmentOf(play))).toEqual(play);
  });

  it("takes nothing from a link that it does not understand", () => {
    expect(playOfFragment("")).toBeNull();
    expect(playOfFragment("#event=%7B")).toBeNull();
    expect(playOfFragment("#event=%E0%A4%A")).toBeNull();
    expect(playOfFragment("#event=null")).toBeNull();
    expect(playOfFragment(`#event=${encodeURIComponent('{"type":7,"severity":"worst","data":{}}')}`)).toEqual(playOf({}));
  });

  it("is asked about with an object, or without data", () => {
    expect(["", " ", "{}", "[]", "{"].map(isAskable)).toEqual([true, true, true, false, false]);
  });
});
