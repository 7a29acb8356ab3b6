import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { BacktestResultSchema } from "../src/api/gen/watchbell/router/v1/backtest_pb";
import { shifts, worse } from "../src/domain/backtest";

const target = (displayName: string, before: number, after: number) => ({
  displayName,
  target: { case: "address" as const, value: displayName },
  before: { messageCount: BigInt(before) },
  after: { messageCount: BigInt(after) },
});

it("lists whose messages change, the largest change first", () => {
  const result = create(BacktestResultSchema, { targets: [target("same", 4, 4), target("few", 3, 2), target("many", 0, 28)] });
  expect(shifts(result).map(({ target: { displayName }, before, after }) => [displayName, before, after])).toEqual([
    ["many", 0, 28],
    ["few", 3, 2],
  ]);
});

it("warns of what gets worse, and not of what gets better", () => {
  const result = create(BacktestResultSchema, { unreachedBefore: 2n, unreachedAfter: 5n, failedExpressionsBefore: 4n, failedExpressionsAfter: 1n });
  expect(worse(result)).toEqual({ unreached: 3, failing: 0 });
});
