//! Where a service keeps its rows: one URL, one schema, one pool size. Parsed once, so that the rest
//! of the crate never looks at a URL again; a password in it is never printed.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use crate::StoreError;

/// The longest schema name accepted: a change-bus channel carries it, and PostgreSQL names end at 63 bytes.
const MAX_SCHEMA: usize = 48;

/// A service's database, as configured.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `sqlite:PATH` (relative paths are relative to the working directory) or `postgres://user:password@host/database`.
    /// As with `psql`, `?sslmode=` says whether TLS is used; unless it does, a server on loopback is spoken to without.
    pub url: String,
    /// The PostgreSQL schema of this service; created when absent. SQLite has none and ignores it.
    #[serde(default = "default_schema")]
    pub schema: String,
    /// PostgreSQL: connections in the pool. SQLite: read connections (there is one writer at a time).
    #[serde(default = "default_pool_size")]
    pub pool_size: u32,
}

fn default_schema() -> String {
    "public".to_owned()
}

fn default_pool_size() -> u32 {
    10
}

/// A checked [`DatabaseSettings`].
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database and the schema in it.
    Postgres {
        /// The URL, password included.
        url: String,
        /// A plain lower-case identifier; safe inside double quotes.
        schema: String,
    },
}

// === impl DatabaseSettings ===

impl DatabaseSettings {
    /// A SQLite file with the default number of readers.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self {
            url: format!("sqlite:{}", path.into().display()),
            schema: default_schema(),
            pool_size: default_pool_size(),
        }
    }

    /// A PostgreSQL schema with the default pool.
    pub fn postgres(url: impl Into<String>, schema: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: schema.into(),
            pool_size: default_pool_size(),
        }
    }

    /// The same database with another pool size.
    #[must_use]
    pub fn with_pool_size(mut self, pool_size: u32) -> Self {
        self.pool_size = pool_size;
        self
    }

    /// Checks the URL and the schema name.
    ///
    /// # Errors
    /// [`StoreError::Settings`] says what is wrong, without the URL's password.
    pub fn location(&self) -> Result<Location, StoreError> {
        if self.pool_size == 0 {
            return Err(StoreError::Settings(
                "the pool size must be at least 1".to_owned(),
            ));
        }
        if let Some(path) = self.url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.starts_with(":memory:") {
                return Err(StoreError::Settings(
                    "`sqlite:` needs the path of a file; a database in memory cannot be shared by a writer and readers"
                        .to_owned(),
                ));
            }
            return Ok(Location::Sqlite(PathBuf::from(path)));
        }
        match Url::parse(&self.url) {
            Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => {}
            _ => {
                return Err(StoreError::Settings(
                    "the database URL must be `sqlite:PATH` or `postgres://…`".to_owned(),
                ));
            }
        }
        if !is_plain_identifier(&self.schema) {
            return Err(StoreError::Settings(format!(
                "the schema name must be 1 to {MAX_SCHEMA} characters of a-z, 0-9 and _, not beginning with a digit"
            )));
        }
        Ok(Location::Postgres {
            url: self.url.clone(),
            schema: self.schema.clone(),
        })
    }

    /// The URL as it may be shown: without the password.
    pub fn shown_url(&self) -> String {
        match Url::parse(&self.url) {
            Ok(mut url) if url.password().is_some() => {
                // Fails only for URLs that cannot have a password, and this one has one.
                let _ = url.set_password(Some("***"));
                url.to_string()
            }
            Ok(_) => self.url.clone(),
            Err(_) => "[not a URL]".to_owned(),
        }
    }
}

impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseSettings")
            .field("url", &self.shown_url())
            .field("schema", &self.schema)
            .field("pool_size", &self.pool_size)
            .finish()
    }
}

fn is_plain_identifier(name: &str) -> bool {
    name.len() <= MAX_SCHEMA
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_url_is_a_path_with_or_without_slashes() {
        for url in ["sqlite:data/w.db", "sqlite://data/w.db"] {
            let settings = DatabaseSettings {
                url: url.to_owned(),
                ..DatabaseSettings::sqlite("x")
            };
            assert!(
                settings.location().unwrap() == Location::Sqlite("data/w.db".into()),
                "{url}"
            );
        }
        assert!(
            DatabaseSettings::sqlite("/var/lib/w.db").location().unwrap()
                == Location::Sqlite("/var/lib/w.db".into())
        );
    }

    #[test]
    fn what_is_no_database_is_refused() {
        for url in ["", "sqlite:", "sqlite::memory:", "mysql://h/db", "w.db"] {
            let settings = DatabaseSettings {
                url: url.to_owned(),
                ..DatabaseSettings::sqlite("x")
            };
            assert!(settings.location().is_err(), "{url}");
        }
    }

    #[test]
    fn a_schema_name_cannot_carry_sql() {
        for schema in ["", "Public", "1st", "a\"b", "a;drop", "é", &"x".repeat(49)] {
            assert!(
                DatabaseSettings::postgres("postgres://h/db", schema)
                    .location()
                    .is_err(),
                "{schema}"
            );
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let settings = DatabaseSettings::postgres("postgres://u:hunter2@h/db", "config");
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(format!("{settings:?}").contains("postgres://u:***@h/db"));
    }
}
