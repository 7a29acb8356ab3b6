import { describe, expect, it } from "vitest";
import { Scope } from "../src/api/gen/watchbell/config/v1/api_key_pb";
import { type Self, maySeeAllOf } from "../src/api/self";

const self = (part: Partial<Self>): Self => ({ name: "", member: null, team: "team_1", scopes: new Set([Scope.CONFIG_READ]), administers: false, expires: null, readOnly: false, ...part });

describe("whoever comes after a credential that has ended", () => {
  it("sees what was read before with as much permission in the same team, and else does not", () => {
    expect(maySeeAllOf(self({}), self({ scopes: new Set([Scope.CONFIG_READ, Scope.CONFIG_WRITE]), administers: true }))).toBe(true);
    expect(maySeeAllOf(self({}), self({ team: "team_2" }))).toBe(false);
    expect(maySeeAllOf(self({}), self({ scopes: new Set([Scope.DELIVERIES_READ]) }))).toBe(false);
    expect(maySeeAllOf(self({ administers: true }), self({}))).toBe(false);
    expect(maySeeAllOf(self({}), self({ member: { id: "mbr_1" } as unknown as Self["member"] }))).toBe(false);
  });
});
