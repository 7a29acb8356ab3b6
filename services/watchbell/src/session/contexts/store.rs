//! The file of contexts: JSON under the user's configuration directory, which only the user may read.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use watchbell_model::secret::Secret;

use crate::failure::{Failure, Outcome};

const FILE: &str = "contexts.json";

/// A server, and as whom to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) server: String,
    /// By id or name; may be empty.
    pub(crate) team: String,
    pub(crate) key: Option<Secret>,
    /// A PEM file.
    pub(crate) authority: Option<String>,
}

/// All contexts of this user.
#[derive(Debug)]
pub(super) struct Contexts {
    file: PathBuf,
    in_use: Option<String>,
    contexts: BTreeMap<String, Context>,
}

/// The file's content.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    in_use: Option<String>,
    contexts: BTreeMap<String, WrittenContext>,
}

/// Has no `Debug`: the key is written out here.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenContext {
    server: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    team: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca: Option<String>,
}

// === impl Contexts ===

impl Contexts {
    pub(super) fn read() -> Outcome<Self> {
        let directory = directory(|name| std::env::var_os(name).filter(|value| !value.is_empty()));
        match directory {
            Some(directory) => Self::of(directory.join(FILE)),
            // Without a home nothing is kept.
            None => Ok(Self::empty(PathBuf::new())),
        }
    }

    fn empty(file: PathBuf) -> Self {
        Self {
            file,
            in_use: None,
            contexts: BTreeMap::new(),
        }
    }

    fn of(file: PathBuf) -> Outcome<Self> {
        let failed = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", file.display()));
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::empty(file)),
            Err(error) => return Err(failed(&error)),
        };
        let mode = fs::metadata(&file)
            .map_err(|error| failed(&error))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            let why = format!(
                "others may read it, and it holds keys: chmod 600 {}",
                file.display()
            );
            return Err(failed(&why));
        }
        // The parser's own words may quote a key.
        let written: Written = serde_json::from_str(&text)
            .map_err(|error| failed(&format!("is not understood, at line {}", error.line())))?;
        let context = |written: WrittenContext| Context {
            server: written.server,
            team: written.team,
            key: written.key.map(Secret::new),
            authority: written.ca,
        };
        let contexts = written.contexts.into_iter();
        Ok(Self {
            in_use: written.in_use,
            contexts: contexts.map(|(name, written)| (name, context(written))).collect(),
            file,
        })
    }

    /// Writes the file anew: a reader sees the former one or this one.
    pub(super) fn write(&self) -> Outcome {
        let directory = self.file.parent().filter(|directory| *directory != Path::new(""));
        let Some(directory) = directory else {
            return Err(Failure::usage(
                "neither XDG_CONFIG_HOME nor HOME says where to keep contexts",
            ));
        };
        let written = |context: &Context| WrittenContext {
            server: context.server.clone(),
            team: context.team.clone(),
            key: context.key.as_ref().map(|key| key.expose().to_owned()),
            ca: context.authority.clone(),
        };
        let contexts = self.contexts.iter();
        let all = Written {
            in_use: self.in_use.clone(),
            contexts: contexts
                .map(|(name, context)| (name.clone(), written(context)))
                .collect(),
        };
        let text = serde_json::to_string_pretty(&all).map_err(anyhow::Error::from)?;
        let replaced = || -> io::Result<()> {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            let new = directory.join(format!("{FILE}.{}", std::process::id()));
            // Whatever a former process left may have other permissions.
            let _ = fs::remove_file(&new);
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &self.file)
        };
        replaced().map_err(|error| Failure::message(format!("{}: {error}", self.file.display())))
    }

    /// Returns whether it is the first, which is then in use.
    pub(super) fn add(&mut self, name: &str, context: Context) -> Outcome<bool> {
        let good = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if name.is_empty() || name.len() > 64 || !name.chars().all(good) {
            return Err(Failure::usage(
                "a context's name has up to 64 letters, digits, dashes, dots and underscores",
            ));
        }
        let is_url = ["http://", "https://"]
            .iter()
            .any(|scheme| context.server.starts_with(scheme));
        if !is_url {
            let why = format!(
                "--server: `{}` does not begin with http:// or https://",
                context.server
            );
            return Err(Failure::usage(why));
        }
        if self.contexts.contains_key(name) {
            return Err(Failure::usage(format!(
                "there is a context `{name}`; `watchbell context remove {name}` forgets it"
            )));
        }
        let is_first = self.contexts.is_empty();
        if is_first {
            self.in_use = Some(name.to_owned());
        }
        self.contexts.insert(name.to_owned(), context);
        Ok(is_first)
    }

    pub(super) fn choose(&mut self, name: &str) -> Outcome {
        self.get(name)?;
        self.in_use = Some(name.to_owned());
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> Outcome {
        self.get(name)?;
        self.contexts.remove(name);
        self.in_use.take_if(|in_use| in_use == name);
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Outcome<Context> {
        let missing = || {
            let names: Vec<_> = self.contexts.keys().map(String::as_str).collect();
            let known = match names.as_slice() {
                [] => "there are none".to_owned(),
                names => format!("there are {}", names.join(", ")),
            };
            Failure::usage(format!("there is no context `{name}`; {known}"))
        };
        self.contexts.get(name).cloned().ok_or_else(missing)
    }

    /// The one in use.
    pub(super) fn current(&self) -> Option<Context> {
        self.contexts.get(self.in_use.as_ref()?).cloned()
    }

    /// Each with its name and whether it is in use.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Context, bool)> {
        let in_use = self.in_use.as_ref();
        let all = self.contexts.iter();
        all.map(move |(name, context)| (name.as_str(), context, in_use == Some(name)))
    }
}

/// Of this program, by the XDG base directories.
fn directory(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let base = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    // A relative one is to be ignored.
    let base = base.filter(|base| base.is_absolute());
    let base = base.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")))?;
    Some(base.join("watchbell"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(key: &str) -> Context {
        Context {
            server: "https://alerts.example.com".to_owned(),
            team: "Acme".to_owned(),
            key: Some(Secret::new(key.to_owned())),
            authority: None,
        }
    }

    fn message(failure: &Failure) -> String {
        failure.render(crate::text::Style::new(false))
    }

    #[test]
    fn what_is_kept_is_read_again_and_is_the_users_alone() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("a/watchbell").join(FILE);
        let mut contexts = Contexts::of(file.clone()).unwrap();
        assert!(contexts.add("staging", context("wbk_1")).unwrap());
        assert!(!contexts.add("production", context("wbk_2")).unwrap());
        contexts.choose("production").unwrap();
        contexts.write().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        let again = Contexts::of(file.clone()).unwrap();
        assert_eq!(again.current(), Some(context("wbk_2")));
        assert_eq!(again.get("staging").unwrap(), context("wbk_1"));
        assert!(!format!("{again:?}").contains("wbk_"), "no Debug shows a key");

        contexts.remove("production").unwrap();
        contexts.write().unwrap();
        let again = Contexts::of(file.clone()).unwrap();
        assert_eq!((again.current(), again.all().count()), (None, 1));
        assert_eq!(
            fs::read_dir(file.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left behind"
        );
    }

    #[test]
    fn a_file_that_others_may_read_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(FILE);
        fs::write(&file, r#"{"contexts":{}}"#).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let said = message(&Contexts::of(file).unwrap_err());
        assert!(said.contains("chmod 600"), "{said}");
    }

    #[test]
    fn a_broken_file_is_named_and_not_quoted() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(FILE);
        fs::write(&file, "{\"contexts\":\n{\"a\": \"wbk_secret\"}}").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let said = message(&Contexts::of(file.clone()).unwrap_err());
        assert!(
            said.contains(file.to_str().unwrap()) && said.contains("line 2"),
            "{said}"
        );
        assert!(!said.contains("wbk_secret"), "{said}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let mut contexts = Contexts::empty(PathBuf::new());
        contexts.add("a", context("k")).unwrap();
        for (name, server, expected) in [
            ("a", "http://x", "there is a context `a`"),
            ("", "http://x", "letters, digits"),
            ("a b", "http://x", "letters, digits"),
            ("b", "alerts.example.com", "--server"),
        ] {
            let context = Context {
                server: server.to_owned(),
                ..context("k")
            };
            let said = message(&contexts.add(name, context).unwrap_err());
            assert!(said.contains(expected), "{said}");
        }
        let said = message(&contexts.choose("b").unwrap_err());
        assert!(said.contains("there is no context `b`; there are a"), "{said}");
        assert!(contexts.write().is_err(), "there is no home");
    }

    #[test]
    fn the_directory_is_the_users() {
        let of = |variables: &[(&str, &str)]| {
            directory(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.into())
            })
        };
        assert_eq!(
            of(&[("HOME", "/home/a")]),
            Some("/home/a/.config/watchbell".into())
        );
        let both = [("HOME", "/home/a"), ("XDG_CONFIG_HOME", "/cfg")];
        assert_eq!(of(&both), Some("/cfg/watchbell".into()));
        let relative = [("HOME", "/home/a"), ("XDG_CONFIG_HOME", "cfg")];
        assert_eq!(of(&relative), Some("/home/a/.config/watchbell".into()));
        assert_eq!(of(&[]), None);
    }
}
