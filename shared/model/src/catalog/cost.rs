//! What checking data against a team's schema costs, in steps that are known before the validator runs. A schema is a
//! program by a tenant over input by a tenant; alone neither has to be large to make the two together cost minutes.
//! A step is one keyword on one value, sixteen bytes of text, or sixteen tests of a character by a pattern: some tens of
//! nanoseconds.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::data::Data;
use crate::pattern_cost::PatternCost;

/// The dearest check that is made at all.
pub(super) const MOST: u64 = 2_000_000;
/// The dearest check whose violations are named one by one: the validator builds them all before the first is taken, with
/// those of every branch of an `anyOf`, at some 400 bytes each.
pub(super) const NAMED: u64 = 100_000;
/// The most ranges of characters of a schema's patterns together: compiled they take some hundred bytes each.
const MAX_COMPILED: u64 = 20_000;
/// What a pattern takes besides its ranges, as so many of them.
const PATTERN: u64 = 50;
/// The dearest check that may run on a thread that serves others.
pub(super) const LIGHT: u64 = 50_000;

/// What a schema costs, whatever the data.
#[derive(Debug, Default)]
pub(super) struct Cost {
    /// Values in the schema with all references written out: each may be compared with each value of the data.
    pub(super) weight: u64,
    /// Positions of all patterns with all references written out.
    pub(super) positions: u64,
    /// `uniqueItems` and formats, which may cost more than is proportional to the data.
    pub(super) dear: u64,
    /// Positions of each pattern.
    patterns: HashMap<String, u64>,
    /// Ranges of characters of all patterns.
    compiled: u64,
}

/// Counts the steps of one check by walking schema and data as the validator does.
struct Meter<'a> {
    root: &'a Value,
    patterns: &'a HashMap<String, u64>,
    left: u64,
}

/// More steps than there were left.
struct Exhausted;

// === impl Cost ===

impl Cost {
    /// Whether the check surely takes at most so many steps, by sizes alone.
    fn surely_within(&self, limit: u64, data: &Data) -> bool {
        let size = data.size();
        let values = size.nodes + size.bytes / 16;
        let dear = size
            .longest
            .saturating_mul(values)
            .saturating_add(format_steps(size.bytes, true));
        let texts = self.positions.saturating_mul(size.bytes + size.nodes) / 16;
        self.weight
            .saturating_mul(values)
            .saturating_add(texts)
            .saturating_add(self.dear.saturating_mul(dear))
            <= limit
    }

    /// Whether checking the data against `schema`, whose cost this is, takes at most so many steps.
    pub(super) fn is_within(&self, limit: u64, schema: &Value, data: &Data) -> bool {
        if self.surely_within(limit, data) {
            return true;
        }
        let mut meter = Meter {
            root: schema,
            patterns: &self.patterns,
            left: limit,
        };
        meter.check(schema, data.value(), 1).is_ok()
    }

    /// Memory of the compiled patterns, in ranges of characters.
    pub(super) fn pattern_weight(&self) -> u64 {
        let patterns = self.patterns.len() as u64;
        self.compiled.saturating_add(patterns.saturating_mul(PATTERN))
    }

    /// Takes in what costs more than its weight in one object of the schema, which is gone over so many times; how often
    /// what is inside of it is.
    pub(super) fn count(&mut self, schema: &Map<String, Value>, times: u64) -> Result<u64, String> {
        let times = times_within(schema, times);
        for keyword in ["uniqueItems", "format", "contentMediaType"] {
            self.dear = self
                .dear
                .saturating_add(if schema.contains_key(keyword) { times } else { 0 });
        }
        let single = schema.get("pattern").and_then(Value::as_str);
        let several = schema.get("patternProperties").and_then(Value::as_object);
        for pattern in single
            .into_iter()
            .chain(several.into_iter().flat_map(Map::keys).map(String::as_str))
        {
            let positions = match self.patterns.get(pattern) {
                Some(positions) => *positions,
                None => {
                    let translated = jsonschema_regex::to_rust_regex(pattern);
                    let cost = PatternCost::of(translated.as_deref().unwrap_or(pattern));
                    self.compiled = self.compiled.saturating_add(cost.compiled);
                    if self.compiled > MAX_COMPILED {
                        return Err("has patterns that are too large together".to_owned());
                    }
                    self.patterns.insert(pattern.to_owned(), cost.positions);
                    cost.positions
                }
            };
            self.positions = self.positions.saturating_add(positions.saturating_mul(times));
        }
        Ok(times)
    }
}

/// How often the parts of a schema are gone over that itself is gone over so many times: to find out what is left
/// unevaluated, all that is beside it is checked once more.
fn times_within(schema: &Map<String, Value>, times: u64) -> u64 {
    let again = schema.contains_key("unevaluatedProperties") || schema.contains_key("unevaluatedItems");
    if again { times.saturating_mul(2) } else { times }
}

fn format_steps(bytes: u64, may_be_pattern: bool) -> u64 {
    let each = if may_be_pattern { 100 } else { 1 };
    each * bytes + bytes.saturating_mul(bytes) / 10_000
}

/// How many values there are in a value.
fn weight(value: &Value) -> u64 {
    match value {
        Value::Array(items) => 1 + items.iter().map(weight).sum::<u64>(),
        Value::Object(members) => 1 + members.values().map(weight).sum::<u64>(),
        Value::String(text) => 1 + text.len() as u64 / 16,
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
    }
}

// === impl Meter ===

impl<'a> Meter<'a> {
    fn spend(&mut self, steps: u64, times: u64) -> Result<(), Exhausted> {
        self.left = self
            .left
            .checked_sub(steps.saturating_mul(times))
            .ok_or(Exhausted)?;
        Ok(())
    }

    fn pattern(&mut self, pattern: &str, text: &str, times: u64) -> Result<(), Exhausted> {
        let positions = self.patterns.get(pattern).copied().unwrap_or(u64::MAX);
        self.spend(1 + positions.saturating_mul(text.len() as u64) / 16, times)
    }

    fn check(&mut self, schema: &'a Value, data: &Value, times: u64) -> Result<(), Exhausted> {
        self.spend(1, times)?;
        let Value::Object(schema) = schema else {
            return Ok(());
        };
        let times = times_within(schema, times);
        for (keyword, value) in schema {
            self.spend(1, times)?;
            self.keyword(keyword, value, data, times)?;
        }
        Ok(())
    }

    fn keyword(
        &mut self,
        keyword: &str,
        value: &'a Value,
        data: &Value,
        times: u64,
    ) -> Result<(), Exhausted> {
        match (keyword, value, data) {
            ("$ref", Value::String(reference), _) => {
                match pointer(reference).and_then(|pointer| self.root.pointer(&pointer)) {
                    Some(target) => self.check(target, data, times),
                    None => Ok(()),
                }
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas), _) => schemas
                .iter()
                .try_for_each(|schema| self.check(schema, data, times)),
            ("not" | "if" | "then" | "else", schema, _) => self.check(schema, data, times),
            ("dependentSchemas" | "dependencies", Value::Object(schemas), _) => schemas
                .values()
                .try_for_each(|schema| self.check(schema, data, times)),
            ("properties", Value::Object(schemas), Value::Object(members)) => {
                self.spend(schemas.len() as u64, times)?;
                schemas
                    .iter()
                    .try_for_each(|(name, schema)| match members.get(name) {
                        Some(member) => self.check(schema, member, times),
                        None => Ok(()),
                    })
            }
            ("patternProperties", Value::Object(schemas), Value::Object(members)) => {
                schemas.iter().try_for_each(|(pattern, schema)| {
                    members.iter().try_for_each(|(name, member)| {
                        self.pattern(pattern, name, times)?;
                        self.check(schema, member, times)
                    })
                })
            }
            ("additionalProperties" | "unevaluatedProperties", schema, Value::Object(members)) => members
                .values()
                .try_for_each(|member| self.check(schema, member, times)),
            ("propertyNames", schema, Value::Object(members)) => members
                .keys()
                .try_for_each(|name| self.check(schema, &Value::String(name.clone()), times)),
            ("items" | "prefixItems", Value::Array(schemas), Value::Array(items)) => schemas
                .iter()
                .zip(items)
                .try_for_each(|(schema, item)| self.check(schema, item, times)),
            ("items" | "additionalItems" | "unevaluatedItems" | "contains", schema, Value::Array(items)) => {
                items.iter().try_for_each(|item| self.check(schema, item, times))
            }
            ("uniqueItems", Value::Bool(true), Value::Array(items)) => {
                let one_by_one = items.len() as u64;
                self.spend(one_by_one.saturating_mul(weight(data)), times)
            }
            ("pattern", Value::String(pattern), Value::String(text)) => self.pattern(pattern, text, times),
            ("format", Value::String(format), Value::String(text)) => {
                self.spend(format_steps(text.len() as u64, format == "regex"), times)
            }
            ("enum" | "const" | "required" | "dependentRequired", value, _) => {
                self.spend(weight(value), times)
            }
            ("minLength" | "maxLength", _, Value::String(text)) => self.spend(text.len() as u64 / 16, times),
            ("contentMediaType" | "contentEncoding", _, Value::String(text)) => {
                self.spend(text.len() as u64, times)
            }
            _ => Ok(()),
        }
    }
}

/// The JSON pointer of a reference inside of the schema, which is percent-encoded (RFC 6901 §6).
pub(super) fn pointer(reference: &str) -> Option<String> {
    let fragment = reference.strip_prefix('#')?;
    let pointer = percent_decode_str(fragment).decode_utf8().ok()?;
    pointer.starts_with('/').then(|| pointer.into_owned())
}
