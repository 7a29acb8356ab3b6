//! Bounded scan: a page of what no index finds examines so many rows at most, newest first, and says where it stopped. So a
//! request holds a connection briefly, however rare what it looks for is.

use sea_orm::DbErr;

/// The first window of a scan, in pages: what is frequent is found in it.
const FIRST_WINDOW: u64 = 4;

/// Rows that a scan found.
#[derive(Debug)]
pub(crate) struct Found<T, K> {
    pub(crate) rows: Vec<T>,
    /// The last row that was examined, when there are more behind it and the page is not full.
    pub(crate) stopped_at: Option<K>,
}

/// Rows in an order that an index has. All calls of a scan must see the same snapshot of them.
pub(super) trait Log {
    type Key;
    type Row;

    /// Up to `limit` of the `window` rows behind a key: those that the filter takes.
    async fn matches(
        &self,
        behind: Option<&Self::Key>,
        window: u64,
        limit: u64,
    ) -> Result<Vec<Self::Row>, DbErr>;

    /// The last of the `window` rows behind a key; `None` when there are fewer.
    async fn last_of(&self, behind: Option<&Self::Key>, window: u64) -> Result<Option<Self::Key>, DbErr>;
}

/// Looks for `limit` rows behind a key among the first `bound` ones.
pub(super) async fn scan<L: Log>(
    log: &L,
    mut behind: Option<L::Key>,
    limit: u64,
    bound: u64,
) -> Result<Found<L::Row, L::Key>, DbErr> {
    let mut rows = Vec::new();
    let mut left = bound;
    let mut window = limit.saturating_mul(FIRST_WINDOW).min(bound);
    loop {
        let missing = limit - rows.len() as u64;
        rows.extend(log.matches(behind.as_ref(), window, missing).await?);
        let is_full = rows.len() as u64 >= limit;
        let last = match is_full {
            true => None,
            false => log.last_of(behind.as_ref(), window).await?,
        };
        left -= window;
        if last.is_none() || left == 0 {
            return Ok(Found {
                rows,
                stopped_at: last,
            });
        }
        behind = last;
        window = left;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// The numbers from `of` down to 1, of which every `nth` matches.
    struct Numbers {
        of: u64,
        nth: u64,
        examined: Cell<u64>,
    }

    impl Log for Numbers {
        type Key = u64;
        type Row = u64;

        async fn matches(&self, behind: Option<&u64>, window: u64, limit: u64) -> Result<Vec<u64>, DbErr> {
            let first = behind.map_or(self.of, |key| key - 1);
            let last = first.saturating_sub(window);
            self.examined.set(self.examined.get() + first - last);
            let matching = (last + 1..=first).rev().filter(|n| n % self.nth == 0);
            Ok(matching.take(usize::try_from(limit).unwrap()).collect())
        }

        async fn last_of(&self, behind: Option<&u64>, window: u64) -> Result<Option<u64>, DbErr> {
            let first = behind.map_or(self.of, |key| key - 1);
            Ok((first >= window).then(|| first + 1 - window))
        }
    }

    fn numbers(of: u64, nth: u64) -> Numbers {
        Numbers {
            of,
            nth,
            examined: Cell::new(0),
        }
    }

    #[tokio::test]
    async fn a_scan_goes_on_from_where_it_stopped_and_finds_everything_once() {
        for of in [0, 1, 7, 24, 25, 100] {
            for nth in [1, 3, 40, 1000] {
                for (limit, bound) in [(1, 1), (3, 8), (3, 100), (20, 8)] {
                    let mut all = Vec::new();
                    let mut behind = None;
                    loop {
                        let log = numbers(of, nth);
                        let found = scan(&log, behind, limit, bound).await.unwrap();
                        assert!(log.examined.get() <= bound && found.rows.len() as u64 <= limit);
                        let full = found.rows.len() as u64 == limit;
                        behind = found.stopped_at.or(found.rows.last().copied().filter(|_| full));
                        all.extend(found.rows);
                        if behind.is_none() {
                            break;
                        }
                    }
                    let expected: Vec<_> = (1..=of).rev().filter(|n| n % nth == 0).collect();
                    assert_eq!(all, expected, "{of} {nth} {limit} {bound}");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_is_frequent_is_found_in_the_first_window() {
        let log = numbers(100_000, 2);
        assert_eq!(scan(&log, None, 50, 10_000).await.unwrap().rows.len(), 50);
        assert_eq!(log.examined.get(), 200);
    }
}
