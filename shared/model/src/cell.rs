//! Cells: each a PostgreSQL with its Dispatchers. A team lives in one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use watchbell_contracts::config::v1 as wire;

use crate::violation::{Violations, reason};

/// The cell of the configured Dispatchers.
pub const MAIN: &str = "main";

/// Longest name.
const MAX_NAME: usize = 63;

/// A cell's name: 1 to 63 lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CellName(Arc<str>);

/// A text that names no cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 63 lower-case letters, digits and hyphens, and begin with a letter or digit")]
pub struct InvalidCellName;

/// The cell that a team lives in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamCell {
    /// Its name.
    pub name: CellName,
    /// Tells its database from those of other cells.
    pub database_id: Uuid,
    /// Addresses at which its Dispatchers are sought.
    pub addresses: Arc<[Arc<str>]>,
}

// === impl CellName ===

impl CellName {
    /// The cell of the configured Dispatchers.
    #[must_use]
    pub fn main() -> Self {
        Self(MAIN.into())
    }

    /// Whether it is [`MAIN`].
    #[must_use]
    pub fn is_main(&self) -> bool {
        &*self.0 == MAIN
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CellName {
    type Err = InvalidCellName;

    fn from_str(text: &str) -> Result<Self, InvalidCellName> {
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits =
            (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_part) && !text.starts_with('-');
        fits.then(|| Self(text.into())).ok_or(InvalidCellName)
    }
}

impl TryFrom<String> for CellName {
    type Error = InvalidCellName;

    fn try_from(text: String) -> Result<Self, InvalidCellName> {
        text.parse()
    }
}

impl From<CellName> for String {
    fn from(name: CellName) -> Self {
        name.to_string()
    }
}

impl fmt::Display for CellName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl TeamCell ===

impl TryFrom<&wire::TeamCell> for TeamCell {
    type Error = Violations;

    fn try_from(message: &wire::TeamCell) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let name = violations.parse("name", reason::MALFORMED, &message.name);
        let database_id = violations.parse("database_id", reason::MALFORMED, &message.database_id);
        match (name, database_id) {
            (Some(name), Some(database_id)) => Ok(Self {
                name,
                database_id,
                addresses: message
                    .addresses
                    .iter()
                    .map(|address| address.as_str().into())
                    .collect(),
            }),
            _ => Err(violations),
        }
    }
}

impl From<&TeamCell> for wire::TeamCell {
    fn from(cell: &TeamCell) -> Self {
        Self {
            name: cell.name.to_string(),
            database_id: cell.database_id.to_string(),
            addresses: cell.addresses.iter().map(ToString::to_string).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_hosts_in_lower_case() {
        for name in ["main", "eu-1", "7", &"a".repeat(63)] {
            assert_eq!(name.parse::<CellName>().unwrap().as_str(), name);
        }
        for wrong in ["", "-a", "EU", "a b", "a.b", "ä", &"a".repeat(64)] {
            assert_eq!(wrong.parse::<CellName>(), Err(InvalidCellName), "{wrong}");
        }
    }

    #[test]
    fn a_teams_cell_travels_and_comes_back() {
        let cell = TeamCell {
            name: CellName::main(),
            database_id: Uuid::from_u128(7),
            addresses: Arc::from(["http://a:7700".into(), "http://b:7700".into()]),
        };
        assert_eq!(TeamCell::try_from(&wire::TeamCell::from(&cell)), Ok(cell));
        let wrong = TeamCell::try_from(&wire::TeamCell::default()).unwrap_err();
        assert!(
            wrong.to_string().contains("name") && wrong.to_string().contains("database_id"),
            "{wrong}"
        );
    }
}
