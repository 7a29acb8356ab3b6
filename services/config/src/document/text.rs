//! The text of a document: YAML or JSON in, YAML out. What comes in is bounded before and while it unfolds, since an
//! alias of a few bytes can stand for megabytes; and no key may be given twice, since one of the two would be lost.

use std::cell::Cell;
use std::fmt;

use serde::Serialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::problem::Problem;

/// The longest document, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// The most that a document may unfold to, in bytes of texts and about as many for each value.
const MAX_UNFOLDED: usize = 16 * MAX_BYTES;
const VALUE_BYTES: usize = 32;
const MAX_DEPTH: usize = 64;
const TOO_MUCH: &str = "unfolds to too much";

/// Reads a document.
///
/// # Errors
/// One violation of `document`, which says the line and never repeats what stands there.
pub(super) fn parse(document: &str) -> Result<Value, Violations> {
    if document.len() > MAX_BYTES {
        let why = format!("must have at most {MAX_BYTES} bytes");
        return Err(Violations::one("document", reason::TOO_LONG, why));
    }
    // Not every JSON text is YAML to every parser: `\ud83d\ude00` is one letter in JSON only.
    if document.trim_start().starts_with('{')
        && let Ok(value) = json(document)
    {
        return Ok(value);
    }
    yaml(document).map_err(|why| Violations::one("document", reason::MALFORMED, why))
}

fn json(document: &str) -> Result<Value, serde_json::Error> {
    let left = Cell::new(MAX_UNFOLDED);
    let mut deserializer = serde_json::Deserializer::from_str(document);
    let value = Bounded(&left).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

fn yaml(document: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 500_000,
            max_nodes: 250_000,
            max_aliases: 10_000,
            max_anchors: 1_000,
            max_merge_keys: 1_000,
            max_depth: MAX_DEPTH,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 250_000,
            max_replay_stack_depth: 16,
        },
        strict_booleans: true,
        with_snippet: false,
    };
    let left = Cell::new(MAX_UNFOLDED);
    serde_saphyr::with_deserializer_from_str_with_options(document, options, |deserializer| {
        Bounded(&left).deserialize(deserializer)
    })
    .map_err(|error| {
        let why = if left.get() == 0 { TOO_MUCH } else { why(&error) };
        match error.location() {
            Some(at) => format!("{why}, at line {}, column {}", at.line(), at.column()),
            None => why.to_owned(),
        }
    })
}

/// The words of the parser may quote the text; the place is enough to find it, and tells no secret.
fn why(error: &serde_saphyr::Error) -> &'static str {
    use serde_saphyr::Error;
    use serde_saphyr::budget::BudgetBreach;
    match error {
        Error::AliasError { error, .. } => why(error),
        Error::DuplicateMappingKey { .. } => "gives a key twice",
        Error::Budget {
            breach: BudgetBreach::Documents { .. },
            ..
        } => "is more than one document",
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => TOO_MUCH,
        _ => "is neither YAML nor JSON",
    }
}

/// A document as YAML.
///
/// # Errors
/// None that is known: the values are JSON's.
pub(super) fn print(document: &impl Serialize) -> Result<String, Problem> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(document, options).map_err(Problem::internal)
}

/// A value as long as something is left of the bound.
#[derive(Clone, Copy)]
struct Bounded<'b>(&'b Cell<usize>);

// === impl Bounded ===

impl Bounded<'_> {
    fn spend<E: de::Error>(self, bytes: usize) -> Result<(), E> {
        match self.0.get().checked_sub(bytes + VALUE_BYTES) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => {
                self.0.set(0);
                Err(E::custom(TOO_MUCH))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        self.spend(0)?;
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        self.spend(0)?;
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.spend(0)?;
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.spend(0)?;
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        self.spend(0)?;
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("is not a number of JSON"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        self.spend(value.len())?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.spend(0)?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.spend(0)?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            self.spend(key.len())?;
            let value = entries.next_value_seed(self)?;
            if map.insert(key, value).is_some() {
                return Err(de::Error::custom("gives a key twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn refused(document: &str) -> String {
        parse(document).unwrap_err().to_string()
    }

    #[test]
    fn yaml_and_json_are_one_document() {
        let value = json!({"a": [1, 2.5, true, null, "x"], "b": {"c": "😀/"}});
        assert_eq!(parse("a: [1, 2.5, true, ~, x]\nb:\n  c: 😀/").unwrap(), value);
        assert_eq!(
            parse("{\"a\": [1, 2.5, true, null, \"x\"],\n\t\"b\": {\"c\": \"\\ud83d\\ude00\\/\"}}").unwrap(),
            value
        );
        assert_eq!(parse("{a: [1, 2.5, true, null, x], b: {c: 😀/}}").unwrap(), value);
    }

    #[test]
    fn words_of_old_yaml_stay_words() {
        assert_eq!(
            parse("[on, off, yes, no, y, 22:00]").unwrap(),
            json!(["on", "off", "yes", "no", "y", "22:00"])
        );
    }

    #[test]
    fn anchors_and_merges_spare_repetition() {
        let value = parse("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a").unwrap();
        assert_eq!(value["b"], json!({"x": 1, "y": 3}));
        assert_eq!(value["c"], value["a"]);
    }

    #[test]
    fn two_documents_are_one_too_many() {
        assert!(refused("a: 1\n---\nb: 2\n").contains("is more than one document"));
    }

    #[test]
    fn what_unfolds_without_end_is_refused() {
        let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..9 {
            let below = vec![format!("*a{}", level - 1); 10].join(",");
            laughs += &format!("a{level}: &a{level} [{below}]\n");
        }
        assert!(
            refused(&laughs).contains("unfolds to too much"),
            "{}",
            refused(&laughs)
        );
        let long = "x".repeat(100_000);
        let copies = vec!["*a"; 1_000].join(",");
        let wide = format!("a: &a {long}\nb: [{copies}]");
        assert!(
            refused(&wide).contains("unfolds to too much"),
            "{}",
            refused(&wide)
        );
        let deep = "[".repeat(5_000);
        assert!(refused(&deep).starts_with("document: "));
        assert!(refused(&format!("{{\"a\": {deep}")).starts_with("document: "));
        assert!(refused(&"x".repeat(MAX_BYTES + 1)).contains("1048576"));
    }

    #[test]
    fn an_error_says_where_and_shows_nothing() {
        for document in [
            "a: 1\nurl: 's3cret\nb: 2",
            "a: 1\nurl: s3cret: x",
            "a: 1\nurl: [s3cret",
            "a: 1\n--- \nb: s3cret",
        ] {
            let why = refused(document);
            assert!(!why.contains("s3cret") && why.starts_with("document: "), "{why}");
        }
        assert_eq!(
            refused("a: 1\na: 2"),
            "document: gives a key twice, at line 2, column 1"
        );
        assert!(refused("{\"a\": 1, \"a\": 2}").contains("twice"));
        assert!(refused("a: !!binary x%").starts_with("document: "));
        assert!(refused("a: .nan").starts_with("document: "));
    }

    fn values() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            any::<String>(),
            "[ -~\n\t]{0,40}",
            prop::sample::select(vec![
                "",
                " ",
                "~",
                "null",
                "true",
                "on",
                "off",
                "1",
                "1e3",
                "0x1f",
                "22:00",
                "<<",
                "=",
                "-",
                "- a",
                "a: b",
                "#x",
                "a #b",
                "*",
                "*a",
                "&a",
                "!x",
                "!!str",
                "|",
                ">",
                "%",
                "@",
                "`",
                "'",
                "\"",
                "---",
                "...",
                "a\n",
                "\n a",
                "  a\n b\n",
                "\u{85}",
                "\u{2028}",
                "\u{feff}",
                "a:",
                ":",
                "?",
                "? a",
                "{",
                "[",
                "}",
                ",",
            ])
            .prop_map(str::to_owned),
        ];
        let number = prop_oneof![
            any::<i64>().prop_map(|n| json!(n)),
            (-1e18..1e18f64).prop_map(|n| json!(n))
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            number,
            text.clone().prop_map(Value::String)
        ];
        leaf.prop_recursive(4, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::btree_map(text.clone(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn whatever_is_written_reads_back(value in values()) {
            let text = print(&value).unwrap();
            prop_assert_eq!(parse(&text).map_err(|why| format!("{why}\n{text}")), Ok(value));
        }
    }
}
