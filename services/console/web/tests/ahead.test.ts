import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Clients } from "../src/api/clients";
import { aheadOf, askAhead } from "../src/live/ahead";
import { EVERYTHING } from "../src/live/filter";

const clients = (listDeliveries: () => Promise<unknown>) => ({ dispatcher: { listDeliveries } }) as unknown as Clients;
const page = { deliveries: [], nextPageToken: "" };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("a page that was asked for ahead is taken once, by the list that it is of", async () => {
  const filter = { ...EVERYTHING, start: 7 };
  askAhead(clients(() => Promise.resolve(page)), "team_1", "key", 1, filter);
  expect(aheadOf("team_2", "key", 1)).toBeNull();
  expect(aheadOf("team_1", "other", 1)).toBeNull();
  expect(aheadOf("team_1", "key", 2)).toBeNull();
  const [first, again] = [aheadOf("team_1", "key", 1), aheadOf("team_1", "key", 1)];
  expect(first?.filter).toBe(filter);
  expect(await first?.take()).toEqual(page);
  expect(again?.take()).toBeNull();
  expect(aheadOf("team_1", "key", 1)).toBeNull();
});

it("one that is old is asked for again, and one that failed says so to whoever takes it", async () => {
  askAhead(clients(() => Promise.reject(new Error("away"))), "team_1", "key", 1, EVERYTHING);
  await expect(aheadOf("team_1", "key", 1)?.take()).rejects.toThrow("away");
  askAhead(clients(() => Promise.resolve(page)), "team_1", "key", 1, EVERYTHING);
  vi.advanceTimersByTime(5_001);
  expect(aheadOf("team_1", "key", 1)).toBeNull();
});
