import { describe, expect, it } from "vitest";
import { membersOf, withMember } from "../src/domain/members";
import { fieldsOf, jsonOf, memberOf, mentioned, shown } from "../src/domain/schema-fields";

describe("the members of an object", () => {
  it("are their own texts, whatever they have inside", () => {
    const text = '{ "a": 12345678901234567890, "b\\"c": [1, {"d": "},:"}], "e": {}, "f" : "\\\\" }';
    expect([...(membersOf(text) ?? [])]).toEqual([
      ["a", "12345678901234567890"],
      ['b"c', '[1, {"d": "},:"}]'],
      ["e", "{}"],
      ["f", '"\\\\"'],
    ]);
    expect([...(membersOf("{ }") ?? ["none"])]).toEqual([]);
    for (const none of ["", "[]", "7", '{"a"', "null"]) expect(membersOf(none)).toBeNull();
  });

  it("change one at a time, and leave every number as it was", () => {
    const members = membersOf('{"a": 1.10, "b": true}') ?? new Map<string, string>();
    expect(JSON.parse(withMember(members, "c", '"x"'))).toEqual({ a: 1.1, b: true, c: "x" });
    expect(withMember(members, "b", null)).toBe('{\n  "a": 1.10\n}');
    expect(withMember(members, "a", "12345678901234567890")).toContain("12345678901234567890");
  });
});

describe("the fields of a schema", () => {
  const schema = {
    type: "object",
    required: ["id"],
    properties: {
      score: { type: "number", description: "0 to 10." },
      id: { type: "string" },
      until: { type: ["string", "null"], format: "date-time" },
      tier: { enum: ["a", 2] },
      fixed: { type: "boolean" },
      parts: { type: "array" },
    },
  };

  it("are what must be given, then the others, then what only the data has", () => {
    const fields = fieldsOf(schema, ["id", "more"]);
    expect(fields.map(({ name, kind }) => [name, kind])).toEqual([
      ["id", "text"],
      ["score", "number"],
      ["until", "time"],
      ["tier", "choice"],
      ["fixed", "boolean"],
      ["parts", "json"],
      ["more", "json"],
    ]);
    expect(fields[0]?.isRequired).toBe(true);
    expect(fields[1]?.description).toBe("0 to 10.");
    expect(fields[3]?.options).toEqual(['"a"', "2"]);
    expect(fieldsOf(undefined, ["x"]).map(({ name }) => name)).toEqual(["x"]);
  });

  it("have values that come back as they were typed", () => {
    for (const [kind, typed, json] of [
      ["text", "7", '"7"'],
      ["number", "9.10", "9.10"],
      ["number", "9.", '"9."'],
      ["boolean", "true", "true"],
      ["json", "[1", '"[1"'],
      ["json", "[1]", "[1]"],
      ["time", "", null],
    ] as const) {
      expect(jsonOf(kind, typed)).toBe(json);
      expect(shown(json ?? undefined)).toBe(typed);
    }
  });

  it("are known that expressions ask for", () => {
    expect([...mentioned(['event.data.env == "prod" && event.data.score > 7.0', "event.source == 'x'", "has(event.data.a_b.c)"])]).toEqual(["env", "score", "a_b"]);
  });

  it("take what the server says of them and of what is inside", () => {
    expect(memberOf("event.data.parts[0].name")).toBe("parts");
    expect(memberOf("event.data_json.id")).toBe("id");
    expect(memberOf("event.data")).toBe("");
    expect(memberOf("event.type")).toBe("");
  });
});
