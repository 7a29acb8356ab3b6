import { describe, expect, it } from "vitest";
import { fullPage } from "../src/api/every-page";

/** Pages of a log of which each looks at three numbers and answers the even ones. */
function asked(sizes: number[]) {
  return async (pageSize: number, pageToken: string) => {
    sizes.push(pageSize);
    const from = pageToken === "" ? 0 : Number(pageToken);
    const found = [from, from + 1, from + 2].filter((number) => number % 2 === 0).slice(0, pageSize);
    return { found, nextPageToken: from + 3 < 12 ? String(from + 3) : "" };
  };
}

describe("a page of what is rare", () => {
  it("is put together of short ones until it is full", async () => {
    const sizes: number[] = [];
    const page = await fullPage(3, "", asked(sizes), ({ found }) => found);
    expect(page).toEqual({ items: [0, 2, 4], nextPageToken: "6" });
    expect(sizes).toEqual([3, 1]);
  });

  it("goes on over empty ones to the end", async () => {
    const pages = [[], [], [7], []];
    const ask = async (_: number, token: string) => {
      const at = Number(token || "0");
      return { found: pages[at] ?? [], nextPageToken: at + 1 < pages.length ? String(at + 1) : "" };
    };
    expect(await fullPage<{ found: number[]; nextPageToken: string }, number>(2, "", ask, ({ found }) => found)).toEqual({
      items: [7],
      nextPageToken: "",
    });
  });
});
