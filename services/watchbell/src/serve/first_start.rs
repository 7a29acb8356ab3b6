//! The keys of an installation. Given by settings, or made on the first start and kept in the data directory, readable
//! for the user of the process alone.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::{fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use watchbell_config::keys;
use watchbell_model::secret::Secret;
use watchbell_runtime::settings::{Settings, SettingsError, write};

use super::service_name::ServiceName;

/// The keys of an installation.
pub(crate) struct Keys {
    /// Seals secrets at rest; only Config has it.
    pub(crate) sealing: Option<Secret>,
    /// Signs the links in emails; Config and every Dispatcher share it.
    pub(crate) unsubscribe: Secret,
    /// A platform key that the operator chose. None: the first start makes one.
    pub(crate) admin: Option<Secret>,
}

/// `[keys]`: an API key, and 32 random bytes in base64 each.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct KeySection {
    /// The platform key of the first start, `wbk_…`; made when absent.
    #[serde(serialize_with = "write::secret")]
    admin: Option<Secret>,
    /// Seals secrets in the database. Config alone needs it; made in the data directory when absent.
    #[serde(serialize_with = "write::secret")]
    pub(super) sealing: Option<Secret>,
    /// Signs the links in emails. Config and every Dispatcher need the same one; made in the data directory of Config when
    /// absent.
    #[serde(serialize_with = "write::secret")]
    pub(super) unsubscribe: Option<Secret>,
}

/// The file that holds the admin key of the first start.
pub(crate) const ADMIN_KEY: &str = "admin.key";
const SEALING_KEY: &str = "sealing.key";
const UNSUBSCRIBE_KEY: &str = "unsubscribe.key";

// === impl Keys ===

impl Keys {
    /// Keys from the settings, else from the data directory, where they are made when Config has none yet.
    pub(crate) fn read_or_make(
        settings: &Settings,
        data_dir: &Path,
        services: &[ServiceName],
    ) -> Result<Self, SettingsError> {
        if services.contains(&ServiceName::Config) {
            let section = KeySection::read(settings)?;
            for (is_given, name, key) in [
                (section.sealing.is_some(), SEALING_KEY, "keys.sealing"),
                (section.unsubscribe.is_some(), UNSUBSCRIBE_KEY, "keys.unsubscribe"),
            ] {
                if !is_given {
                    let random: [u8; 32] = rand::random();
                    let kept = keep(data_dir, name, &STANDARD.encode(random));
                    kept.map_err(|error| in_file(data_dir, name, key, &error))?;
                }
            }
        }
        Self::read(settings, data_dir, services)
    }

    /// Keys from the settings, else from the data directory. One that a first start would make is empty.
    pub(crate) fn read(
        settings: &Settings,
        data_dir: &Path,
        services: &[ServiceName],
    ) -> Result<Self, SettingsError> {
        let section = KeySection::read(settings)?;
        let makes = services.contains(&ServiceName::Config);
        let sealing = match section.sealing {
            Some(key) => Some(key),
            None if makes => key_file(data_dir, SEALING_KEY, "keys.sealing")?,
            None => None,
        };
        let unsubscribe = match section.unsubscribe {
            Some(key) => Some(key),
            None => key_file(data_dir, UNSUBSCRIBE_KEY, "keys.unsubscribe")?,
        };
        let unsubscribe = unsubscribe.or_else(|| makes.then(|| Secret::new("")));
        Ok(Self {
            sealing,
            unsubscribe: unsubscribe.ok_or_else(|| {
                SettingsError::new(
                    "keys.unsubscribe",
                    "must be the key that Config has, since Config is not in this process",
                )
            })?,
            admin: section.admin,
        })
    }
}

// === impl KeySection ===

impl KeySection {
    /// The section of the settings.
    pub(super) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let section: Self = settings.section("keys")?;
        if section
            .admin
            .as_ref()
            .is_some_and(|key| !keys::is_well_formed(key))
        {
            let message = "must be `wbk_`, then at least 43 random letters, digits, `-` or `_`";
            return Err(SettingsError::new("keys.admin", message));
        }
        Ok(section)
    }
}

fn key_file(data_dir: &Path, name: &str, key: &str) -> Result<Option<Secret>, SettingsError> {
    match fs::read_to_string(data_dir.join(name)) {
        Ok(text) => Ok(Some(Secret::new(text.trim().to_owned()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(in_file(data_dir, name, key, &error)),
    }
}

fn in_file(data_dir: &Path, name: &str, key: &str, error: &io::Error) -> SettingsError {
    SettingsError::new(key, format!("{}: {error}", data_dir.join(name).display()))
}

/// The admin key of a first start. It is in its file before Config knows it, so that whoever dies between the two finds it
/// there at the next start.
pub(crate) fn admin_key(data_dir: &Path) -> io::Result<Secret> {
    keep(data_dir, ADMIN_KEY, keys::generate().expose())?;
    let text = fs::read_to_string(data_dir.join(ADMIN_KEY))?;
    let key = Secret::new(text.trim());
    if !keys::is_well_formed(&key) {
        let message = format!("{ADMIN_KEY} is there and holds no key");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok(key)
}

/// Removes an admin key that did not become one.
pub(crate) fn forget_admin_key(data_dir: &Path) -> io::Result<()> {
    fs::remove_file(data_dir.join(ADMIN_KEY))
}

/// Writes a secret into the data directory, unless one of that name is there. The file appears whole or not at all, so
/// that a process that starts at the same time cannot read half a key.
fn keep(data_dir: &Path, name: &str, secret: &str) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)?;
    let path = data_dir.join(name);
    if path.exists() {
        return Ok(());
    }
    let draft = data_dir.join(format!(".{name}.{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, &path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use watchbell_runtime::settings::Loader;

    use super::*;

    #[test]
    fn the_first_start_makes_keys_that_only_their_user_reads_and_the_next_finds_them() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        let settings = Loader::new().load().unwrap();
        let services = [ServiceName::Config, ServiceName::Dispatcher];
        let first = Keys::read_or_make(&settings, &data, &services).unwrap();
        let again = Keys::read_or_make(&settings, &data, &services).unwrap();
        assert_eq!(first.unsubscribe.expose(), again.unsubscribe.expose());
        assert_eq!(first.sealing.unwrap().expose(), again.sealing.unwrap().expose());
        let mode = fs::metadata(data.join("sealing.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 2, "no draft is left behind");
    }

    #[test]
    fn an_admin_key_that_its_start_did_not_live_to_tell_of_is_found_by_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let key = admin_key(directory.path()).unwrap();
        assert_eq!(admin_key(directory.path()).unwrap(), key);
        forget_admin_key(directory.path()).unwrap();
        assert_ne!(admin_key(directory.path()).unwrap(), key);
        fs::write(directory.path().join(ADMIN_KEY), "").unwrap();
        assert!(
            admin_key(directory.path()).is_err(),
            "anybody could show an empty one"
        );
    }

    #[test]
    fn an_admin_key_that_could_be_guessed_is_refused_without_being_shown() {
        let directory = tempfile::tempdir().unwrap();
        let settings = Loader::new().set("keys.admin", "wbk_hunter2").load().unwrap();
        let refused = Keys::read_or_make(&settings, directory.path(), &[ServiceName::Config]);
        let said = refused.err().unwrap().to_string();
        assert!(said.contains("keys.admin") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_dispatcher_alone_makes_no_key_of_its_own_that_config_would_not_know() {
        let directory = tempfile::tempdir().unwrap();
        let settings = Loader::new().load().unwrap();
        let refused = Keys::read_or_make(&settings, directory.path(), &[ServiceName::Dispatcher]);
        assert_eq!(
            refused.err().map(|error| error.key).as_deref(),
            Some("keys.unsubscribe")
        );
    }
}
