//! Pages as AIP-158 describes them. A page token is opaque to the caller, says where the last page ended, and is
//! bound to the query it came from (method, team and filters): used with another query, or altered, it is a
//! violation of `page_token` and never a page of something else. It holds no secret and grants nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use watchbell_model::violation::{Violations, reason};

/// Bytes of the checksum in front of a token's cursor.
const CHECK: usize = 12;

/// Bytes of the rows of a page: gRPC clients accept messages of up to 4 MiB by default.
pub const MAX_PAGE_BYTES: usize = 2 * 1024 * 1024;

/// How many items a page may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimits {
    /// When the request names none.
    pub default: u32,
    /// At most; a request for more gets this many (AIP-158).
    pub max: u32,
}

/// Identifies a query: its method, its team and everything that narrows or orders it.
#[derive(Debug, Clone)]
pub struct FiltersHash(Sha256);

/// A checked request for a page whose position is a `C`: usually the sort key and the id of the last item.
#[derive(Debug, Clone)]
pub struct PageRequest<C> {
    /// Items wanted: between 1 and the maximum.
    pub size: u32,
    /// The end of the last page; `None` for the first page.
    pub after: Option<C>,
    filters: FiltersHash,
}

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the query's order.
    pub items: Vec<T>,
    /// Token of the next page; empty on the last page.
    pub next_page_token: String,
}

// === impl PageLimits ===

impl PageLimits {
    /// Limits with a `default` and a `max` number of items.
    pub const fn new(default: u32, max: u32) -> Self {
        Self { default, max }
    }
}

impl Default for PageLimits {
    fn default() -> Self {
        Self::new(50, 1000)
    }
}

// === impl FiltersHash ===

impl FiltersHash {
    /// Begins with the name of the method: `FiltersHash::for_method("ListChannels").with(team).with(kind)`.
    pub fn for_method(method: &str) -> Self {
        Self(Sha256::new()).with(method)
    }

    /// Adds a filter of the query, always in the same order, absent filters included.
    #[must_use]
    pub fn with(mut self, filter: impl std::fmt::Display) -> Self {
        let text = filter.to_string();
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
        self
    }

    fn check(&self, cursor: &[u8]) -> [u8; CHECK] {
        let digest = self.0.clone().chain_update(cursor).finalize();
        let mut check = [0; CHECK];
        check
            .iter_mut()
            .zip(digest.iter())
            .for_each(|(to, from)| *to = *from);
        check
    }
}

// === impl PageRequest ===

impl<C: Serialize + DeserializeOwned> PageRequest<C> {
    /// Checks a request's `page_size` and `page_token`.
    ///
    /// # Errors
    /// A negative size is a violation of `page_size`; a token that this very query did not give, of `page_token`.
    pub fn parse(
        page_size: i32,
        page_token: &str,
        limits: PageLimits,
        filters: FiltersHash,
    ) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let size = match u32::try_from(page_size) {
            Ok(0) => limits.default,
            Ok(size) => size.min(limits.max),
            Err(_) => {
                violations.add("page_size", reason::OUT_OF_RANGE, "must not be negative");
                limits.default
            }
        };
        let after = if page_token.is_empty() {
            None
        } else {
            let after = read_token(page_token, &filters);
            if after.is_none() {
                violations.add(
                    "page_token",
                    reason::MALFORMED,
                    "must be a token that the same request, with the same filters, has returned",
                );
            }
            after
        };
        violations.into_result(Self { size, after, filters })
    }

    /// Number of rows to query: one more than wanted, which shows whether another page follows.
    pub fn limit(&self) -> u64 {
        u64::from(self.size) + 1
    }

    /// Shortens the page to `rows` rows, but at least one: large rows make shorter pages (allowed by AIP-158).
    pub fn shorten(&mut self, rows: usize) {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        self.size = self.size.min(rows.max(1));
    }

    /// Shortens the page to the first rows that fit into [`MAX_PAGE_BYTES`], by their size in the answer.
    #[must_use]
    pub fn within(&self, sizes: impl IntoIterator<Item = usize>) -> Self
    where
        C: Clone,
    {
        let mut page = self.clone();
        let mut bytes = 0;
        let fitting = sizes.into_iter().take_while(|size| {
            bytes += size;
            bytes <= MAX_PAGE_BYTES
        });
        page.shorten(fitting.count());
        page
    }

    /// Makes the page of up to [`Self::limit`] rows; `cursor` says where a row stands in the order.
    ///
    /// # Errors
    /// When a cursor cannot be written as JSON, which plain keys always can.
    pub fn page<T>(&self, rows: Vec<T>, cursor: impl FnOnce(&T) -> C) -> Result<Page<T>, serde_json::Error> {
        self.page_of_scan(rows, cursor, None)
    }

    /// As [`Self::page`], of a scan that may have stopped before the page was full: the next page goes on from there, so that
    /// this one is short or even empty (allowed by AIP-158).
    ///
    /// # Errors
    /// When a cursor cannot be written as JSON, which plain keys always can.
    pub fn page_of_scan<T>(
        &self,
        mut rows: Vec<T>,
        cursor: impl FnOnce(&T) -> C,
        stopped_at: Option<C>,
    ) -> Result<Page<T>, serde_json::Error> {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let is_full = rows.len() > size;
        rows.truncate(size);
        let end = match rows.last() {
            Some(last) if is_full => Some(cursor(last)),
            _ => stopped_at,
        };
        let next_page_token = match end {
            Some(end) => token(&end, &self.filters)?,
            None => String::new(),
        };
        Ok(Page {
            items: rows,
            next_page_token,
        })
    }
}

// === impl Page ===

impl<T> Page<T> {
    /// Converts the items.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(convert).collect(),
            next_page_token: self.next_page_token,
        }
    }

    /// Converts the items.
    ///
    /// # Errors
    /// The first of the conversion's.
    pub fn try_map<U, E>(self, convert: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        Ok(Page {
            items: self.items.into_iter().map(convert).collect::<Result<_, _>>()?,
            next_page_token: self.next_page_token,
        })
    }
}

/// A token that stands for a cursor, bound to what `filters` identifies.
///
/// # Errors
/// A cursor that is no JSON.
pub fn token<C: Serialize>(cursor: &C, filters: &FiltersHash) -> Result<String, serde_json::Error> {
    let cursor = serde_json::to_vec(cursor)?;
    let mut token = filters.check(&cursor).to_vec();
    token.extend(cursor);
    Ok(URL_SAFE_NO_PAD.encode(token))
}

/// The cursor of a token; `None` when it was altered, or given for something else.
pub fn read_token<C: DeserializeOwned>(token: &str, filters: &FiltersHash) -> Option<C> {
    let token = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (check, cursor) = token.split_at_checked(CHECK)?;
    if check != filters.check(cursor) {
        return None;
    }
    serde_json::from_slice(cursor).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PageLimits = PageLimits::new(2, 3);

    fn parse(size: i32, token: &str, filters: FiltersHash) -> Result<PageRequest<u32>, Violations> {
        PageRequest::parse(size, token, LIMITS, filters)
    }

    fn filters(team: &str) -> FiltersHash {
        FiltersHash::for_method("List").with(team)
    }

    fn numbers(request: &PageRequest<u32>, of: u32) -> Page<u32> {
        let first = request.after.map_or(1, |after| after + 1);
        let rows = (first..=of)
            .take(usize::try_from(request.limit()).unwrap())
            .collect();
        request.page(rows, |number| *number).unwrap()
    }

    #[test]
    fn pages_follow_one_another_until_an_empty_token() {
        for of in 0..8 {
            let mut seen = Vec::new();
            let mut token = String::new();
            loop {
                let page = numbers(&parse(0, &token, filters("a")).unwrap(), of);
                assert!(page.items.len() <= 2);
                seen.extend(page.items);
                if page.next_page_token.is_empty() {
                    break;
                }
                token = page.next_page_token;
            }
            assert_eq!(seen, (1..=of).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_page_ends_before_it_is_too_large_and_the_next_goes_on() {
        let request = parse(3, "", filters("a")).unwrap();
        let half = MAX_PAGE_BYTES / 2;
        for (sizes, fitting) in [
            (vec![half, half, 1], 2),
            (vec![3 * half, 1, 1], 1),
            (vec![1, 1, 1], 3),
        ] {
            let page = request
                .within(sizes)
                .page(vec![1, 2, 3, 4], |number| *number)
                .unwrap();
            assert_eq!(page.items.len(), fitting);
            assert!(!page.next_page_token.is_empty());
        }
    }

    #[test]
    fn a_page_of_a_scan_that_stopped_is_short_and_the_next_goes_on_from_there() {
        let request = parse(2, "", filters("a")).unwrap();
        let next = |rows, stopped_at| {
            let page = request.page_of_scan(rows, |number| *number, stopped_at).unwrap();
            parse(2, &page.next_page_token, filters("a")).unwrap().after
        };
        assert_eq!(next(vec![], Some(9)), Some(9));
        assert_eq!(next(vec![1], Some(9)), Some(9));
        assert_eq!(next(vec![1, 2], Some(9)), Some(9));
        assert_eq!(next(vec![1, 2, 3], None), Some(2));
        assert_eq!(next(vec![1, 2], None), None);
    }

    #[test]
    fn a_page_is_never_larger_than_the_maximum() {
        assert_eq!(parse(1000, "", filters("a")).unwrap().size, 3);
        assert_eq!(parse(1, "", filters("a")).unwrap().size, 1);
    }

    #[test]
    fn a_negative_size_and_a_foreign_token_are_both_told() {
        let violations = parse(-1, "x", filters("a")).unwrap_err();
        assert_eq!(
            violations
                .iter()
                .map(|violation| violation.field.as_str())
                .collect::<Vec<_>>(),
            ["page_size", "page_token"]
        );
    }

    #[test]
    fn a_token_serves_only_the_query_that_gave_it() {
        let token = numbers(&parse(1, "", filters("a")).unwrap(), 5).next_page_token;
        assert!(parse(1, &token, filters("a")).is_ok());
        assert!(parse(1, &token, filters("b")).is_err(), "another team");
        assert!(
            parse(1, &token, filters("a").with("SLACK")).is_err(),
            "another filter"
        );
        let mut altered = URL_SAFE_NO_PAD.decode(&token).unwrap();
        *altered.last_mut().unwrap() = b'4';
        assert!(
            parse(1, &URL_SAFE_NO_PAD.encode(altered), filters("a")).is_err(),
            "another place"
        );
    }

    #[test]
    fn filters_do_not_run_into_one_another() {
        let token = numbers(&parse(1, "", filters("ab").with("c")).unwrap(), 5).next_page_token;
        assert!(parse(1, &token, filters("a").with("bc")).is_err());
    }
}
