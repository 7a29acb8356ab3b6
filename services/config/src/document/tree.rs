//! A part of the configuration as the document writes it: mappings in the order in which people read them, without
//! what is left at its default. The same tree is exported and compared, so that nothing can differ that an export
//! does not show.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;
use watchbell_contracts::config::v1::ConfigFieldChange;

use super::references;

/// A value of the document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// A scalar, or JSON that is the writer's own.
    Leaf(Value),
    /// A list.
    List(Vec<Tree>),
    /// A mapping in order.
    Map(Map),
}

/// A mapping in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Map(Vec<(String, Tree)>);

// === impl Map ===

impl Map {
    /// With one more entry.
    pub(super) fn with(mut self, key: impl Into<String>, value: impl Into<Tree>) -> Self {
        self.0.push((key.into(), value.into()));
        self
    }

    /// With one more entry, if there is a value.
    pub(super) fn with_some(self, key: &str, value: Option<impl Into<Tree>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// With a list that is not empty.
    pub(super) fn with_list<T: Into<Tree>>(self, key: &str, items: impl IntoIterator<Item = T>) -> Self {
        let list = Tree::list(items);
        self.with_some(key, (list != Tree::List(Vec::new())).then_some(list))
    }

    pub(super) fn without(mut self, keys: &[&str]) -> Self {
        self.0.retain(|(key, _)| !keys.contains(&key.as_str()));
        self
    }

    /// Escapes what looks like a reference, for a document.
    pub(super) fn escape(&mut self) {
        self.0.iter_mut().for_each(|(_, value)| value.escape());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, key: &str) -> Option<&Tree> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// The fields in which `after` differs, each at its path.
    pub(super) fn changes_to(&self, after: &Self) -> Vec<ConfigFieldChange> {
        let mut changes = Vec::new();
        compare("", self, after, &mut changes);
        changes
    }
}

fn compare(at: &str, before: &Map, after: &Map, changes: &mut Vec<ConfigFieldChange>) {
    let gone = before.0.iter().filter(|(key, _)| after.get(key).is_none());
    for (key, _) in after.0.iter().chain(gone) {
        let at = if at.is_empty() {
            key.clone()
        } else {
            format!("{at}.{key}")
        };
        match (before.get(key), after.get(key)) {
            (Some(Tree::Map(before)), Some(Tree::Map(after))) => compare(&at, before, after, changes),
            (before, after) if before != after => changes.push(ConfigFieldChange {
                field: at,
                before: before.map(Tree::json).unwrap_or_default(),
                after: after.map(Tree::json).unwrap_or_default(),
            }),
            _ => {}
        }
    }
}

// === impl Tree ===

impl Tree {
    pub(super) fn list<T: Into<Tree>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    pub(super) fn json(&self) -> String {
        // Writing texts, numbers and mappings with text keys cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn escape(&mut self) {
        match self {
            Self::Leaf(value) => references::escape(value),
            Self::List(items) => items.iter_mut().for_each(Self::escape),
            Self::Map(map) => map.escape(),
        }
    }
}

impl From<Map> for Tree {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::Leaf(text.into())
    }
}

impl From<String> for Tree {
    fn from(text: String) -> Self {
        Self::Leaf(text.into())
    }
}

impl From<bool> for Tree {
    fn from(flag: bool) -> Self {
        Self::Leaf(flag.into())
    }
}

impl From<u32> for Tree {
    fn from(number: u32) -> Self {
        Self::Leaf(number.into())
    }
}

impl From<i32> for Tree {
    fn from(number: i32) -> Self {
        Self::Leaf(number.into())
    }
}

impl From<f64> for Tree {
    fn from(number: f64) -> Self {
        Self::Leaf(number.into())
    }
}

impl From<Value> for Tree {
    fn from(value: Value) -> Self {
        Self::Leaf(value)
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(value) => value.serialize(serializer),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Map(map) => map.serialize(serializer),
        }
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_field_by_field() {
        let before = Map::default()
            .with("a", "x")
            .with("nested", Map::default().with("b", 1).with("c", true))
            .with("gone", "y");
        let after = Map::default()
            .with("a", "x")
            .with("nested", Map::default().with("b", 2).with("c", true))
            .with("new", Tree::list(["z"]));
        let changes: Vec<_> = before
            .changes_to(&after)
            .into_iter()
            .map(|change| (change.field, change.before, change.after))
            .collect();
        let expected = [
            ("nested.b", "1", "2"),
            ("new", "", "[\"z\"]"),
            ("gone", "\"y\"", ""),
        ];
        assert_eq!(
            changes,
            expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()))
        );
        assert!(before.changes_to(&before).is_empty());
    }
}
