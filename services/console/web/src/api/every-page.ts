/** All of a list. One page after another: each is found by the one before. */
export async function everyPage<Page extends { readonly nextPageToken: string }, Item>(
  ask: (pageToken: string) => Promise<Page>,
  itemsOf: (page: Page) => readonly Item[],
): Promise<readonly Item[]> {
  const items: Item[] = [];
  let pageToken = "";
  do {
    // oxlint-disable-next-line no-await-in-loop
    const page = await ask(pageToken);
    items.push(...itemsOf(page));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return items;
}

/** A page that is full unless it is the last. What is rare comes in short or even empty pages, which name the next. */
export async function fullPage<Page extends { readonly nextPageToken: string }, Item>(
  size: number,
  from: string,
  ask: (pageSize: number, pageToken: string) => Promise<Page>,
  itemsOf: (page: Page) => readonly Item[],
): Promise<{ readonly items: readonly Item[]; readonly nextPageToken: string }> {
  const items: Item[] = [];
  let nextPageToken = from;
  do {
    // oxlint-disable-next-line no-await-in-loop
    const page = await ask(size - items.length, nextPageToken);
    items.push(...itemsOf(page));
    nextPageToken = page.nextPageToken;
  } while (nextPageToken !== "" && items.length < size);
  return { items, nextPageToken };
}

/** The most that a list answers at once. */
export const LARGEST_PAGE = 1_000;
