import { describe, expect, it } from "vitest";
import { around, earlier, later, wider } from "../src/domain/period";

const NOW = 10_000;

describe("a period", () => {
  it("is followed and preceded by those of its length", () => {
    expect(earlier({ from: 8_000, to: null }, NOW)).toEqual({ from: 6_000, to: 8_000 });
    expect(earlier({ from: 4_000, to: 5_000 }, NOW)).toEqual({ from: 3_000, to: 4_000 });
    expect(later({ from: 4_000, to: 5_000 }, NOW)).toEqual({ from: 5_000, to: 6_000 });
  });

  it("ends now at the latest, and then goes on with it", () => {
    expect(later({ from: 6_000, to: 8_500 }, NOW)).toEqual({ from: 7_500, to: null });
    expect(later({ from: 7_500, to: null }, NOW)).toBeNull();
    // There and back, a moment later.
    expect(later(earlier({ from: 8_000, to: null }, NOW - 50), NOW)).toEqual({ from: 8_050, to: null });
    expect(wider({ from: 8_000, to: null }, NOW)).toEqual({ from: 6_000, to: null });
    expect(wider({ from: 8_000, to: 9_900 }, NOW)).toEqual({ from: 6_200, to: null });
    expect(around(9_000, 4_000, NOW)).toEqual({ from: 6_000, to: null });
  });

  it("is as wide as asked for around a moment", () => {
    expect(wider({ from: 4_000, to: 5_000 }, NOW)).toEqual({ from: 3_500, to: 5_500 });
    expect(around(5_000, 1_000, NOW)).toEqual({ from: 4_500, to: 5_500 });
  });
});
