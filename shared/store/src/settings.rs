//! Database settings of a service: URL, schema and pool size. Parsed once; a password in the URL is never printed.

use std::fmt;
use std::path::PathBuf;

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};
use url::{Position, Url};

use crate::StoreError;

/// The longest schema name accepted: a change-bus channel carries it, and PostgreSQL names end at 63 bytes.
const MAX_SCHEMA: usize = 48;

/// libpq's parameter for the kind of server that is wanted.
const SESSION_ATTRS: &str = "target_session_attrs";
/// Port of PostgreSQL where a URL names none.
const POSTGRES_PORT: u16 = 5432;

/// A service's database, as configured.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `sqlite:PATH` (relative paths are relative to the working directory) or `postgres://user:password@host/database`.
    /// As with `psql`, there may be several hosts, `a:5432,b:5432`, of which the one that takes writes is used, and
    /// `?sslmode=` says whether TLS is used; unless it does, a server on loopback is spoken to without.
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

/// A validated [`DatabaseSettings`].
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database and the schema in it.
    Postgres {
        /// One URL for each host, in the order in which they are tried, password included.
        urls: Vec<String>,
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

    /// Validates the URL and the schema name.
    ///
    /// # Errors
    /// [`StoreError::Settings`], without the URL's password.
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
        let urls = postgres_urls(&self.url)?;
        if !is_plain_identifier(&self.schema) {
            return Err(StoreError::Settings(format!(
                "the schema name must be 1 to {MAX_SCHEMA} characters of a-z, 0-9 and _, not beginning with a digit"
            )));
        }
        Ok(Location::Postgres {
            urls,
            schema: self.schema.clone(),
        })
    }

    /// The first host of a PostgreSQL URL and its port; `None` for SQLite.
    pub fn first_host(&self) -> Option<(String, u16)> {
        let urls = postgres_urls(&self.url).ok()?;
        let url = Url::parse(urls.first()?).ok()?;
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let host = host.trim_matches(['[', ']']).to_owned();
        Some((host, url.port().unwrap_or(POSTGRES_PORT)))
    }

    /// The URL as it may be shown: without the password.
    pub fn shown_url(&self) -> String {
        match self.url.strip_prefix("sqlite:") {
            Some(_) => self.url.clone(),
            None => postgres_urls(&self.url).map_or_else(|_| "[not a URL]".to_owned(), |urls| shown(&urls)),
        }
    }
}

/// The first of the URLs without its password, with the hosts of all.
fn shown(urls: &[String]) -> String {
    let urls = urls.iter().filter_map(|url| Url::parse(url).ok());
    let urls: Vec<Url> = urls.collect();
    let hosts: Vec<&str> = urls
        .iter()
        .map(|url| &url[Position::BeforeHost..Position::AfterPort])
        .collect();
    let Some(first) = urls.first() else {
        return String::new();
    };
    let user = &first[Position::BeforeUsername..Position::AfterUsername];
    let secret = if first.password().is_some() { ":***" } else { "" };
    let at = if user.is_empty() && secret.is_empty() {
        ""
    } else {
        "@"
    };
    let (scheme, hosts, rest) = (
        first.scheme(),
        hosts.join(","),
        &first[Position::BeforePath..Position::AfterPath],
    );
    format!("{scheme}://{user}{secret}{at}{hosts}{rest}")
}

/// One URL for each host. `target_session_attrs` is dropped: it is Watchbell's behaviour anyway, and the driver does
/// not know it.
fn postgres_urls(text: &str) -> Result<Vec<String>, StoreError> {
    let wrong = |why: &str| StoreError::Settings(why.to_owned());
    let unusable = || wrong("the database URL must be `sqlite:PATH` or `postgres://…`");
    let (scheme, rest) = text.split_once("://").ok_or_else(unusable)?;
    if !matches!(scheme, "postgres" | "postgresql") {
        return Err(unusable());
    }
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority);
    let (user, hosts) = authority
        .rsplit_once('@')
        .map_or(("", authority), |(user, hosts)| (user, hosts));
    let at = if user.is_empty() { "" } else { "@" };
    let mut urls = Vec::new();
    for host in hosts.split(',') {
        let mut url = Url::parse(&format!("{scheme}://{user}{at}{host}{rest}")).map_err(|_| unusable())?;
        let wanted = url.query_pairs().find(|(name, _)| name == SESSION_ATTRS);
        if wanted.is_some_and(|(_, value)| !matches!(&*value, "read-write" | "primary")) {
            return Err(wrong(
                "Watchbell writes: `target_session_attrs` must be absent, `read-write` or `primary`",
            ));
        }
        let pairs = url.query().unwrap_or_default().split('&');
        let kept: Vec<_> = pairs.filter(|pair| !pair.starts_with(SESSION_ATTRS)).collect();
        let kept = kept.join("&");
        url.set_query((!kept.is_empty()).then_some(&kept));
        urls.push(url.into());
    }
    Ok(urls)
}

/// Shows no password.
impl Serialize for DatabaseSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut section = serializer.serialize_struct("DatabaseSettings", 3)?;
        section.serialize_field("url", &self.shown_url())?;
        section.serialize_field("schema", &self.schema)?;
        section.serialize_field("pool_size", &self.pool_size)?;
        section.end()
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
    fn the_first_host_is_found_in_a_url() {
        for (url, expected) in [
            (
                "postgres://user:p@ss@db.internal:6432/watchbell",
                Some(("db.internal", 6432)),
            ),
            ("postgres://a,b:5433/watchbell?sslmode=require", Some(("a", 5432))),
            ("postgresql://[::1]:5434/x", Some(("::1", 5434))),
            ("postgres://[::1]/x", Some(("::1", 5432))),
            ("postgres:///x", None),
            ("sqlite:watchbell.db", None),
        ] {
            let found = DatabaseSettings::postgres(url, "x").first_host();
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(found, expected, "{url}");
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
    fn each_host_of_a_url_is_a_server_and_only_writers_are_asked_for() {
        let located = |url: &str| match DatabaseSettings::postgres(url, "config").location() {
            Ok(Location::Postgres { urls, .. }) => urls,
            Ok(Location::Sqlite(_)) => panic!("{url}"),
            Err(error) => vec![error.to_string()],
        };
        assert_eq!(
            located("postgres://u:p%40@a:1,[::1]:2,c/db?target_session_attrs=primary&sslmode=disable"),
            [
                "postgres://u:p%40@a:1/db?sslmode=disable",
                "postgres://u:p%40@[::1]:2/db?sslmode=disable",
                "postgres://u:p%40@c/db?sslmode=disable",
            ]
        );
        assert_eq!(located("postgres:///db?host=/run/postgresql").len(), 1);
        let standby = located("postgres://a,b/db?target_session_attrs=prefer-standby");
        assert!(standby[0].contains("target_session_attrs"), "{standby:?}");
    }

    #[test]
    fn a_password_is_never_printed() {
        let settings = DatabaseSettings::postgres("postgres://u:hunter2@h/db", "config");
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(format!("{settings:?}").contains("postgres://u:***@h/db"));
        let hosts = DatabaseSettings::postgres("postgres://u:hunter2@a:1,b:2/db?password=hunter2", "config");
        assert_eq!(hosts.shown_url(), "postgres://u:***@a:1,b:2/db");
    }
}
