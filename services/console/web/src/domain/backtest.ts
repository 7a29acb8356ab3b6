// What a backtest says, as a person reads it.

import type { BacktestResult, BacktestTarget } from "../api/gen/watchbell/router/v1/backtest_pb";

/** Who would get more or fewer messages. */
export interface Shift {
  readonly target: BacktestTarget;
  readonly before: number;
  readonly after: number;
}

/** Those whose messages change, the largest change first. */
export function shifts({ targets }: BacktestResult): readonly Shift[] {
  return targets
    .map((target) => ({ target, before: Number(target.before?.messageCount ?? 0n), after: Number(target.after?.messageCount ?? 0n) }))
    .filter(({ before, after }) => before !== after)
    .toSorted((one, other) => Math.abs(other.after - other.before) - Math.abs(one.after - one.before));
}

/** What gets worse: how many more events reach nobody, and fail an expression. */
export function worse(result: BacktestResult): { readonly unreached: number; readonly failing: number } {
  return {
    unreached: Math.max(0, Number(result.unreachedAfter - result.unreachedBefore)),
    failing: Math.max(0, Number(result.failedExpressionsAfter - result.failedExpressionsBefore)),
  };
}
