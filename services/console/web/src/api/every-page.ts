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

/** The most that a list answers at once. */
export const LARGEST_PAGE = 1_000;
