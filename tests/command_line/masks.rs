//! What differs from run to run, written in a form that does not.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

static ID: LazyLock<Regex> = LazyLock::new(|| regex(r"\b([a-z]{3,4})_[0-7][0-9a-hjkmnp-tv-z]{25}\b"));
static SECRET: LazyLock<Regex> = LazyLock::new(|| regex(r"\b(wbk|whsec|whpk)_[A-Za-z0-9+/_=-]{20,}"));
static JSON_TIME: LazyLock<Regex> = LazyLock::new(|| regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"));
static TIME: LazyLock<Regex> = LazyLock::new(|| regex(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC"));
static CLOCK: LazyLock<Regex> = LazyLock::new(|| regex(r"\b\d\d:\d\d:\d\d UTC"));
static SPAN: LazyLock<Regex> = LazyLock::new(|| regex(r"\b\d+(?:\.\d)? m?s\b( ago)?( *)"));
static PORT: LazyLock<Regex> = LazyLock::new(|| regex(r"(127\.0\.0\.1:|-port |port: )\d{5}\b"));
static DIRECTORY: LazyLock<Regex> = LazyLock::new(|| regex(r"/\S*/watchbell-blackbox-\w+"));
static FIELD: LazyLock<Regex> = LazyLock::new(|| regex(r#""(etag|latency|revision)": [^,\n]*"#));
static HEADER: LazyLock<Regex> =
    LazyLock::new(|| regex(r#""value": "(\d{10}|v1,[^"]*|[0-9a-f]{8}…|00-[0-9a-f]{32}-[^"]*)""#));
static REVISION: LazyLock<Regex> = LazyLock::new(|| regex(r"\brevision \d+"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern")
}

/// Ids get numbers in the order in which they are seen, so that one can follow them.
#[derive(Default)]
pub(super) struct Masks {
    ids: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
}

impl Masks {
    pub(super) fn apply(&mut self, said: &str) -> String {
        let said = ID.replace_all(said, |found: &Captures<'_>| self.id(&found[0], &found[1]));
        let said = SECRET.replace_all(&said, "${1}_SECRET");
        let said = JSON_TIME.replace_all(&said, "TIME");
        let said = TIME.replace_all(&said, |found: &Captures<'_>| digits(&found[0]));
        let said = CLOCK.replace_all(&said, |found: &Captures<'_>| digits(&found[0]));
        let said = SPAN.replace_all(&said, span);
        let said = PORT.replace_all(&said, "${1}00000");
        let said = DIRECTORY.replace_all(&said, "DIRECTORY");
        let said = FIELD.replace_all(&said, r#""$1": "MASKED""#);
        let said = HEADER.replace_all(&said, r#""value": "MASKED""#);
        REVISION.replace_all(&said, "revision N").into_owned()
    }

    /// As long as the id, so that columns stay where they are.
    fn id(&mut self, id: &str, prefix: &str) -> String {
        if let Some(known) = self.ids.get(id) {
            return known.clone();
        }
        let count = self.counts.entry(prefix.to_owned()).or_default();
        *count += 1;
        let mask = format!("{prefix}_{count}");
        let mask = mask.clone() + &".".repeat(id.len() - mask.len());
        self.ids.insert(id.to_owned(), mask.clone());
        mask
    }
}

fn digits(text: &str) -> String {
    text.replace(|letter: char| letter.is_ascii_digit(), "0")
}

/// In a column, as long as it was with the spaces behind it.
fn span(found: &Captures<'_>) -> String {
    let ago = found.get(1).map_or("", |ago| ago.as_str());
    let spaces = &found[2];
    let length = if spaces.len() < 3 { 0 } else { found[0].len() };
    format!(
        "{:length$}{}",
        format!("N s{ago}"),
        if length == 0 { spaces } else { "" }
    )
}
