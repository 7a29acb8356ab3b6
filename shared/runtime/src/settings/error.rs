//! Errors of settings: the key, its source, and what is expected. Values are omitted, because any may be a secret.

use std::fmt;
use std::path::{Path, PathBuf};

use figment::error::{Actual, Kind};

use super::{ENV_PREFIX, FROM_COMMAND_LINE, FROM_ENV, FROM_PROCESS};

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{origin}: {message}", key_and_space(key))]
pub struct SettingsError {
    /// The dotted key, `server.address`; empty when a whole file is meant.
    pub key: String,
    /// Where it was set.
    pub origin: Origin,
    /// The error. Never holds the value.
    pub message: String,
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A flag.
    CommandLine,
    /// Several sources together, or none.
    Settings,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Variable(name) => write!(f, "from {name}"),
            Self::CommandLine => f.write_str("from the command line"),
            Self::Settings => f.write_str("in the settings"),
        }
    }
}

fn key_and_space(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("`{key}` ")
    }
}

// === impl SettingsError ===

impl SettingsError {
    /// An invalid value of a key.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            origin: Origin::Settings,
            message: message.into(),
        }
    }

    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self {
            key: String::new(),
            origin: Origin::File(path.to_owned()),
            message: error.to_string(),
        }
    }

    /// The parser's message without its excerpt of the file, whose lines all have a bar.
    pub(super) fn syntax(path: &Path, error: &impl fmt::Display) -> Self {
        let complaint = error.to_string();
        let place = complaint
            .lines()
            .next()
            .filter(|line| !line.contains('|'))
            .unwrap_or("not TOML");
        Self {
            key: String::new(),
            origin: Origin::File(path.to_owned()),
            message: place.to_owned(),
        }
    }

    pub(super) fn unknown(key: &str, known: &[&str]) -> Self {
        Self::new(key, format!("unknown; known are {}", known.join(", ")))
    }

    pub(super) fn value(section: &str, error: figment::Error) -> Self {
        // Figment puts the section behind the path within it, which ends with the name of an unknown field.
        let mut path: Vec<&str> = section.split('.').filter(|part| !part.is_empty()).collect();
        let within = error.path.len().saturating_sub(path.len());
        path.extend(error.path.iter().take(within).map(String::as_str));
        let key = path.join(".");
        let origin = match error.metadata.as_ref().map(|metadata| metadata.name.as_ref()) {
            Some(FROM_ENV) => {
                Origin::Variable(format!("{ENV_PREFIX}{}", key.to_uppercase().replace('.', "__")))
            }
            Some(FROM_COMMAND_LINE) => Origin::CommandLine,
            Some(FROM_PROCESS) => Origin::Settings,
            Some(path) => Origin::File(path.into()),
            None => Origin::Settings,
        };
        Self {
            key,
            origin,
            message: message(error.kind),
        }
    }
}

fn message(kind: Kind) -> String {
    match kind {
        Kind::InvalidType(actual, expected) | Kind::InvalidValue(actual, expected) => {
            format!("must be {expected}, not {}", sort(&actual))
        }
        Kind::InvalidLength(_, expected) => format!("must be {expected}"),
        Kind::UnknownVariant(_, known) => format!("must be one of {}", known.join(", ")),
        Kind::UnknownField(_, known) => format!("unknown; known are {}", known.join(", ")),
        Kind::MissingField(name) => format!("`{name}` must be given"),
        Kind::DuplicateField(name) => format!("`{name}` is given twice"),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "is out of range".to_owned(),
        Kind::Unsupported(actual) | Kind::UnsupportedKey(actual, _) => {
            format!("{} cannot be used here", sort(&actual))
        }
        Kind::Message(text) => text,
    }
}

/// What sort of value it is, without the value.
const fn sort(actual: &Actual) -> &'static str {
    match actual {
        Actual::Bool(_) => "a boolean",
        Actual::Unsigned(_) | Actual::Signed(_) => "an integer",
        Actual::Float(_) => "a number",
        Actual::Char(_) | Actual::Str(_) => "this text",
        Actual::Bytes(_) => "bytes",
        Actual::Seq => "a list",
        Actual::Map | Actual::Enum => "a table",
        _ => "this",
    }
}
