import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { ChannelSchema } from "../src/api/gen/watchbell/config/v1/channel_pb";
import { Repeat } from "../src/api/gen/watchbell/config/v1/event_type_pb";
import { RuleSchema } from "../src/api/gen/watchbell/config/v1/rule_pb";
import { Category, ChannelKind, Severity } from "../src/api/gen/watchbell/event/v1/vocabulary_pb";
import { valuesOfRule, ruleOf } from "../src/domain/rule";
import { rulesDocument } from "../src/domain/rules-document";

const channels = [
  create(ChannelSchema, { id: "chn_1", kind: ChannelKind.SLACK, displayName: "#alerts" }),
  create(ChannelSchema, { id: "chn_2", kind: ChannelKind.IN_APP, displayName: "Inbox ${x}" }),
];

const everything = create(RuleSchema, {
  id: "rul_1",
  displayName: "Scans",
  paused: true,
  match: { types: ["scan.*"], categories: [Category.SYSTEM_ERROR], severities: [Severity.CRITICAL], sources: ["cspm"], expression: 'event.data.cost == "${a}"' },
  action: { case: "send", value: { channelIds: ["chn_1", "chn_2"] } },
  continues: true,
  repeat: Repeat.NOTIFY,
  remind: { every: { seconds: 14_400n }, atMost: 5 },
  escalate: { after: { seconds: 1_800n }, channelIds: ["chn_1"] },
  group: { by: ["data.scan_id"], wait: { seconds: 1n, nanos: 500_000_000 }, atMost: 200 },
});

it("writes all that a rule says, in the document's words", () => {
  expect(JSON.parse(rulesDocument([everything], channels))).toEqual({
    version: 1,
    rules: [
      {
        name: "Scans",
        paused: true,
        match: { types: ["scan.*"], categories: ["system_error"], severity: ["critical"], sources: ["cspm"], expression: 'event.data.cost == "$${a}"' },
        send: [{ slack: "#alerts" }, { in_app: "Inbox $${x}" }],
        continue: true,
        repeat: "notify",
        remind: { every: "14400s", at_most: 5 },
        escalate: { after: "1800s", send: [{ slack: "#alerts" }] },
        group: { by: ["data.scan_id"], wait: "1500ms", at_most: 200 },
      },
    ],
  });
});

it("leaves out what a rule does not say, and writes both kinds where a silence names none", () => {
  const quiet = create(RuleSchema, { displayName: "Quiet", action: { case: "silence", value: {} } });
  expect(JSON.parse(rulesDocument([quiet], channels))).toEqual({ version: 1, rules: [{ name: "Quiet", silence: ["slack", "teams"] }] });
  expect(JSON.parse(rulesDocument([], channels))).toEqual({ version: 1, rules: [] });
});

it("calls a rule what it is known by", () => {
  const { rules } = JSON.parse(rulesDocument([everything], channels, () => "Before")) as { rules: { name: string }[] };
  expect(rules.map(({ name }) => name)).toEqual(["Before"]);
});

it("a rule comes back from its values as it was, and writes the same document", () => {
  const again = ruleOf("rul_1", valuesOfRule(everything));
  expect(valuesOfRule(again)).toEqual(valuesOfRule(everything));
  expect(rulesDocument([again], channels)).toBe(rulesDocument([everything], channels));
});
