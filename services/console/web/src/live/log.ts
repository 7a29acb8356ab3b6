// The delivery log of one filter, page by page. A page is held while it is on the screen and shortly after; the tokens
// of all pages are kept, so that a page can be asked for again. What the stream tells goes into the same cache.

import { type QueryClient, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useApp, useSession } from "../api/context";
import type { Delivery } from "../api/gen/watchbell/dispatcher/v1/delivery_pb";
import { type Ahead, PAGE, aheadOf, askPage } from "./ahead";
import { useHear } from "./context";
import { type Filter, matches, mayMatch } from "./filter";
import { type Head, NOTHING, type Place, patch, release, settle, tell } from "./merge";
import { type Row, toRow } from "./row";
import { Throttle } from "./throttle";

/** How often a list is made anew for what only the server can judge, in milliseconds. */
const RENEW = 3_000;
/** The most that gathers above the first page before the list is made anew. */
const MOST_HEAD = 1_000;

interface Page {
  readonly rows: readonly Row[];
  readonly next: string;
}

let books = 0;

/**
 * One list: what is asked, and where each page begins, as far as it is known. Each has pages of its own: those of a list that was left
 * have not been told what happened since.
 */
class Book {
  readonly tokens: string[] = [""];
  readonly sizes: number[] = [];
  readonly number = (books += 1);
  private readonly filterAt: (now: number) => Filter;
  private fixed: Filter | null;
  private readonly ahead: Ahead | null;

  constructor(filterAt: (now: number) => Filter, ahead: Ahead | null = null) {
    this.filterAt = filterAt;
    this.ahead = ahead;
    this.fixed = ahead?.filter ?? null;
  }

  /** The first page, where it was asked for before. */
  takeAhead(page: number) {
    return page === 0 ? (this.ahead?.take() ?? null) : null;
  }

  /** Fixed when it is first asked for, so that all pages are of one list. */
  get filter(): Filter {
    this.fixed ??= this.filterAt(Date.now());
    return this.fixed;
  }

  /** The last row of the first page, where others follow. */
  last: Place | null = null;

  learn(page: number, rows: readonly Row[], next: string): void {
    this.sizes[page] = rows.length;
    if (page === 0) this.last = next === "" ? null : (rows.at(-1) ?? null);
    if (next === "") this.tokens.length = page + 1;
    else this.tokens[page + 1] = next;
  }

  /** Rows of the pages that were read. */
  get length(): number {
    return this.sizes.reduce((sum, size) => sum + size, 0);
  }

  get hasMore(): boolean {
    return this.tokens.length > this.sizes.length;
  }
}

export interface Log {
  /** Rows known so far, those that are not in memory included. */
  readonly length: number;
  readonly hasMore: boolean;
  /** Undefined while its page is being read. */
  at(index: number): Row | undefined;
  /** Says which rows are on the screen. */
  show(first: number, last: number): void;
  /** How many have come in that are not on the screen. */
  readonly fresh: number;
  /** Lets them onto the screen. */
  release(): void;
  readonly isLoading: boolean;
  readonly error: unknown;
  /** What was asked for, with the period of when the list was made. */
  readonly filter: Filter;
  /** Whether the row still is what was asked for. */
  fits(row: Row): boolean;
  /** Makes the list anew; what is on the screen stays until it is there. */
  again(): void;
}

/** `filterAt` has to be the same function as long as `key` is the same. */
export function useLog(team: string, key: string, filterAt: (now: number) => Filter, hold: boolean): Log {
  const { clients } = useApp();
  const { epoch } = useSession();
  const cache = useQueryClient();
  // Made anew whenever something else was listed meanwhile.
  // oxlint-disable-next-line react/exhaustive-deps
  const first = useMemo(() => new Book(filterAt, aheadOf(team, key, epoch)), [team, epoch, key, filterAt]);
  const [renewed, setRenewed] = useState<{ readonly first: Book; readonly book: Book } | null>(null);
  const book = renewed?.first === first ? renewed.book : first;
  const [range, setRange] = useState<readonly [number, number]>([0, 0]);

  const pageQuery = useCallback(
    (of: Book, page: number) => ({
      queryKey: ["log", team, of.number, page],
      queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Page> => {
        const early = await of.takeAhead(page)?.catch(() => null);
        const answer = early ?? (await askPage(clients, team, of.filter, of.tokens[page] ?? "", signal));
        const rows = answer.deliveries.map(toRow);
        of.learn(page, rows, answer.nextPageToken);
        const key = ["log-head", team, of.number];
        const before = cache.getQueryData<Head>(key) ?? NOTHING;
        const settled = settle(before, rows);
        if (settled.head !== before) cache.setQueryData<Head>(key, settled.head);
        return { rows: settled.page, next: answer.nextPageToken };
      },
      staleTime: Number.POSITIVE_INFINITY,
      gcTime: 60_000,
    }),
    [cache, clients, team],
  );
  const headKey = useMemo(() => ["log-head", team, book.number] as const, [team, book]);
  const { data: head = NOTHING } = useQuery<Head>({
    queryKey: headKey,
    queryFn: () => NOTHING,
    initialData: NOTHING,
    staleTime: Number.POSITIVE_INFINITY,
  });

  const last = book.tokens.length - 1;
  const pageOf = (index: number) => Math.min(last, Math.max(0, Math.floor((index - head.shown.length) / PAGE)));
  const from = pageOf(range[0]);
  const wanted = Array.from({ length: pageOf(range[1] + PAGE / 4) - from + 1 }, (_, index) => from + index);
  const pages = useQueries({
    queries: wanted.map((page) => ({ ...pageQuery(book, page), refetchOnWindowFocus: false, refetchOnMount: false })),
  });

  const renewing = useRef<Promise<void> | null>(null);
  const again = useCallback(() => {
    if (renewing.current) return;
    const next = new Book(filterAt);
    renewing.current = cache
      .fetchQuery(pageQuery(next, 0))
      .then(() => setRenewed({ first, book: next }))
      .catch(() => {
        // What is on the screen stays; the next sign of life asks again.
      })
      .finally(() => {
        renewing.current = null;
      });
  }, [cache, pageQuery, first, filterAt]);
  const latest = useRef(again);
  const renewal = useRef<Throttle | null>(null);
  useEffect(() => {
    latest.current = again;
  });
  useEffect(() => {
    const own = new Throttle(async () => latest.current(), RENEW);
    renewal.current = own;
    return () => own.clear();
  }, []);
  useHear({
    gap: again,
    batch: (deliveries) => {
      const listed = applyToPages(cache, ["log", team, book.number], deliveries);
      const rows = deliveries.map(toRow);
      const told = tell(cache.getQueryData<Head>(headKey) ?? NOTHING, rows, book.filter, listed, hold, book.last);
      cache.setQueryData<Head>(headKey, told);
      if (told.shown.length + told.waiting.length > MOST_HEAD) again();
      else if (!hold && rows.some((row) => !listed(row.id) && mayMatch(book.filter, row) && !matches(book.filter, row))) {
        // Its subject may have the text.
        renewal.current?.ask();
      }
    },
  });

  const top = pages[0];
  return {
    length: head.shown.length + book.length,
    hasMore: book.hasMore,
    at: (index) => {
      const above = head.shown[index];
      if (above) return above;
      const below = index - head.shown.length;
      const page = Math.floor(below / PAGE);
      return pages[page - from]?.data?.rows[below - page * PAGE];
    },
    show: useCallback((begin: number, end: number) => {
      setRange((before) => (before[0] === begin && before[1] === end ? before : [begin, end]));
    }, []),
    fresh: head.waiting.length,
    release: useCallback(() => {
      cache.setQueryData<Head>(headKey, (before = NOTHING) => release(before));
    }, [cache, headKey]),
    isLoading: from === 0 && top?.isPending === true,
    error: pages.find((page) => page.error)?.error ?? null,
    filter: book.filter,
    fits: (row) => matches(book.filter, row),
    again,
  };
}

/** Puts changes into the pages in memory; answers which deliveries these have. */
function applyToPages(cache: QueryClient, base: readonly unknown[], deliveries: readonly Delivery[]) {
  const told = new Map(deliveries.map((delivery) => [delivery.id, toRow(delivery)]));
  const listed = new Set<string>();
  for (const [queryKey, page] of cache.getQueriesData<Page>({ queryKey: base })) {
    if (!page) continue;
    for (const { id } of page.rows) if (told.has(id)) listed.add(id);
    const rows = patch(page.rows, told);
    if (rows !== page.rows) cache.setQueryData<Page>(queryKey, { ...page, rows });
  }
  return (id: string) => listed.has(id);
}
