import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ExplainResponseSchema } from "../src/api/gen/watchbell/router/v1/router_service_pb";
import { StepOutcome } from "../src/api/gen/watchbell/router/v1/explanation_pb";
import { difference, draftVerdict, verdict } from "../src/domain/verdict";

const to = (channelId: string) => ({ kind: 1, target: { case: "channel" as const, value: { channelId } } });
const answer = (...channels: string[]) => create(ExplainResponseSchema, { routes: channels.map(to) });

describe("a draft beside what is saved", () => {
  it("says who would get the event besides, and who no longer", () => {
    const { gained, lost } = difference(answer("chn_1", "chn_2"), answer("chn_2", "chn_3"));
    expect(gained.map(({ target }) => target.channelId)).toEqual(["chn_3"]);
    expect(lost.map(({ target }) => target.channelId)).toEqual(["chn_1"]);
    expect(difference(answer("chn_1"), answer("chn_1"))).toEqual({ gained: [], lost: [] });
  });

  it("has its own sentence, by the id that it stands in for or as the one that nobody has saved", () => {
    const step = (subjectId: string, subjectName: string, sentence: string) => ({ stage: "rule", subjectId, subjectName, sentence, outcome: StepOutcome.PASSED_OVER });
    const { steps } = create(ExplainResponseSchema, { steps: [step("rul_1", "Scans", "of the first"), step("rul_new", "Scans", "of the new")] });
    const saved = new Set(["rul_1"]);
    expect(draftVerdict(steps, "draft-1", "Scans", saved)).toEqual({ outcome: "passed", sentences: ["of the new"] });
    expect(draftVerdict(steps, "draft-1", "Other", saved).outcome).toBe("unknown");
    expect(draftVerdict(steps, "rul_1", "Other", saved).sentences).toEqual(["of the first"]);
  });
});

describe("a repeat of an alert", () => {
  it("is counted where a step says so, and sent elsewhere", () => {
    const { routes } = answer("chn_1", "chn_2");
    const steps = [{ stage: "alert", subjectId: "chn_1", sentence: "Seen before.", outcome: StepOutcome.COUNTED }];
    const repeat = create(ExplainResponseSchema, { routes, steps });
    const said = (channelId: string) => verdict(repeat, { kind: "slack", target: { channelId, address: "" } });
    expect(said("chn_1")).toEqual({ outcome: "counted", sentence: "Seen before.", heldUntil: null });
    expect(said("chn_2").outcome).toBe("now");
  });
});
