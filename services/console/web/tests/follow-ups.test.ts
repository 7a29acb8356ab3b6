import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { Repeat } from "../src/api/gen/watchbell/config/v1/event_type_pb";
import { RuleSchema } from "../src/api/gen/watchbell/config/v1/rule_pb";
import { NO_FOLLOW_UPS, followUpsInit, followUpsOf } from "../src/domain/follow-ups";

test("what a rule does beyond sending comes back from its form as it was", () => {
  const rule = create(RuleSchema, {
    repeat: Repeat.NOTIFY,
    remind: { every: { seconds: 14_400n }, atMost: 5 },
    escalate: { after: { seconds: 3_600n }, channelIds: ["chn_1", "chn_2"] },
    group: { by: ["type", "data.scan_id"], wait: { seconds: 120n }, atMost: 40 },
  });
  expect(followUpsOf(rule)).toEqual({
    tellsRepeats: true,
    remind: { every: 14_400, atMost: 5 },
    escalate: { after: 3_600, channels: ["chn_1", "chn_2"] },
    group: { by: "type, data.scan_id", wait: 120, atMost: 40 },
  });
  expect(create(RuleSchema, followUpsInit(followUpsOf(rule)))).toEqual(rule);
});

test("a rule that only sends has nothing of it, and saving takes away what was there", () => {
  expect(followUpsOf(create(RuleSchema))).toEqual(NO_FOLLOW_UPS);
  expect(followUpsInit(NO_FOLLOW_UPS)).toEqual({});
});
