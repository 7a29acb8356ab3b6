//! Settings: defaults, then the process's own values, then a TOML file, then environment variables
//! (`WATCHBELL__SERVER__ADDRESS` sets `server.address`), then the command line; later sources win. Each service owns
//! a section and its type; common sections are in [`Shared`]. Errors name the key and its source, and never the
//! value, which may be a secret.

mod error;
pub mod read;
mod shared;
pub mod write;

use std::path::PathBuf;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use serde::de::DeserializeOwned;

pub use error::{Origin, SettingsError};
pub use shared::{
    AuthSettings, ClaimNames, EgressSettings, JwtSettings, LimitSettings, LogFormat, PeerSettings,
    ServerSettings, Shared, TelemetrySettings, TlsSettings,
};

/// Prefix of environment variables.
const ENV_PREFIX: &str = "WATCHBELL__";

const FROM_PROCESS: &str = "process";
const FROM_ENV: &str = "environment";
const FROM_COMMAND_LINE: &str = "command line";

/// Loader of settings from several sources.
#[derive(Debug, Clone, Default)]
pub struct Loader {
    proposed: Dict,
    file: Option<PathBuf>,
    env: Dict,
    overrides: Dict,
}

/// All sources, merged; sections are read from it.
#[derive(Debug, Clone)]
pub struct Settings {
    figment: Figment,
}

// === impl Loader ===

impl Loader {
    /// A loader without sources.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads this TOML file, which must exist.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Reads the variables that begin with `WATCHBELL__`. Use [`Loader::process_env`] outside of tests.
    #[must_use]
    pub fn env(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in variables {
            if let Some(key) = name.strip_prefix(ENV_PREFIX) {
                put(&mut self.env, &key.to_ascii_lowercase().replace("__", "."), value);
            }
        }
        self
    }

    /// Reads the process's environment.
    #[must_use]
    pub fn process_env(self) -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        self.env(variables)
    }

    /// Proposes one key, `config.database.url`, which every other source may set otherwise.
    #[must_use]
    pub fn propose(mut self, key: &str, value: impl Into<String>) -> Self {
        put(&mut self.proposed, key, value.into());
        self
    }

    /// Sets one key, `server.address`, over everything else.
    #[must_use]
    pub fn set(mut self, key: &str, value: impl Into<String>) -> Self {
        put(&mut self.overrides, key, value.into());
        self
    }

    /// Merges the sources.
    ///
    /// # Errors
    /// When the file cannot be read or is not TOML.
    pub fn load(self) -> Result<Settings, SettingsError> {
        let mut figment = Figment::new().merge(Layer {
            name: FROM_PROCESS.to_owned(),
            values: self.proposed,
        });
        if let Some(path) = &self.file {
            let text =
                std::fs::read_to_string(path).map_err(|error| SettingsError::unreadable(path, &error))?;
            let name = path.display().to_string();
            let values =
                Toml::from_str::<Dict>(&text).map_err(|error| SettingsError::syntax(path, &error))?;
            figment = figment.merge(Layer { name, values });
        }
        let env = Layer {
            name: FROM_ENV.to_owned(),
            values: self.env,
        };
        let overrides = Layer {
            name: FROM_COMMAND_LINE.to_owned(),
            values: self.overrides,
        };
        Ok(Settings {
            figment: figment.merge(env).merge(overrides),
        })
    }
}

/// Sets a dotted key to a text. Texts stay texts: a password of digits keeps its leading zero, and typed fields
/// convert the text.
fn put(dict: &mut Dict, key: &str, value: String) {
    match key.split_once('.') {
        None => {
            dict.insert(key.to_owned(), Value::from(value));
        }
        Some((head, rest)) => {
            let entry = dict
                .entry(head.to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            if !matches!(entry, Value::Dict(..)) {
                *entry = Value::from(Dict::new());
            }
            if let Value::Dict(_, inner) = entry {
                put(inner, rest, value);
            }
        }
    }
}

/// A source, as figment wants it.
struct Layer {
    name: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

// === impl Settings ===

impl Settings {
    /// The section at a dotted key, `dispatcher`; its default when no source mentions it.
    ///
    /// # Errors
    /// When a value is not of its key's type, or a key is not known there.
    pub fn section<T: DeserializeOwned + Default>(&self, key: &str) -> Result<T, SettingsError> {
        if self.figment.find_value(key).is_err() {
            return Ok(T::default());
        }
        self.required(key)
    }

    /// The section at a dotted key, which has no default as a whole.
    ///
    /// # Errors
    /// As for [`Settings::section`], and when a key that must be given is not.
    pub fn required<T: DeserializeOwned>(&self, key: &str) -> Result<T, SettingsError> {
        self.figment
            .extract_inner_lossy(key)
            .map_err(|error| SettingsError::value(key, error))
    }

    /// The sections that all services share, checked.
    ///
    /// # Errors
    /// As for [`Settings::section`], and when a value makes no sense.
    pub fn shared(&self) -> Result<Shared, SettingsError> {
        Shared::read(self)
    }

    /// Refuses unknown top-level keys, so that a misspelt section is not ignored. `services` are the sections besides
    /// those of [`Shared`].
    ///
    /// # Errors
    /// Names the first unknown key.
    pub fn refuse_unknown(&self, services: &[&str]) -> Result<(), SettingsError> {
        let known: Vec<&str> = Shared::SECTIONS.iter().chain(services).copied().collect();
        let all: Dict = self
            .figment
            .extract()
            .map_err(|error| SettingsError::value("", error))?;
        match all.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(SettingsError::unknown(key, &known)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::time::Duration;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn what_the_process_proposes_yields_to_every_other_source() {
        let loader = Loader::new()
            .propose("a.x", "proposed")
            .propose("a.y", "proposed");
        let settings = loader
            .env([("WATCHBELL__A__X".to_owned(), "set".to_owned())])
            .load()
            .unwrap();
        let section: std::collections::BTreeMap<String, String> = settings.required("a").unwrap();
        assert_eq!(
            (section["x"].as_str(), section["y"].as_str()),
            ("set", "proposed")
        );
    }

    #[test]
    fn the_command_line_beats_the_environment_beats_the_file_beats_the_default() {
        let file = file(
            r#"
            [server]
            address = "127.0.0.1:1"
            shutdown_grace = "7s"
            [brand]
            name = "QorTrace"
            [limits]
            calls_per_second = 10
            "#,
        );
        let loader = Loader::new().file(file.path());
        let shared = loader.clone().load().unwrap().shared().unwrap();
        assert_eq!(shared.server.address.port(), 1);
        assert_eq!(shared.server.shutdown_grace, Duration::from_secs(7));
        assert_eq!(shared.brand.signature_header(), "X-QorTrace-Signature");
        assert_eq!(shared.limits.calls_per_second.get(), 10);
        assert_eq!(shared.telemetry.log, LogFormat::Auto, "the default");

        let loader = loader.env(env(&[
            ("WATCHBELL__SERVER__ADDRESS", "127.0.0.1:2"),
            ("PATH", "/bin"),
        ]));
        assert_eq!(
            loader
                .clone()
                .load()
                .unwrap()
                .shared()
                .unwrap()
                .server
                .address
                .port(),
            2
        );
        let loader = loader.set("server.address", "127.0.0.1:3");
        let shared = loader.load().unwrap().shared().unwrap();
        assert_eq!(shared.server.address.port(), 3);
        assert_eq!(shared.brand.name, "QorTrace", "other keys of other sources stay");
    }

    #[test]
    fn texts_of_the_environment_become_what_the_key_needs() {
        let variables = env(&[
            ("WATCHBELL__AUTH__SERVICE_TOKEN", "0012345678901234"),
            ("WATCHBELL__EGRESS__ALLOW", "10.0.0.0/8, 127.0.0.1/32"),
            ("WATCHBELL__LIMITS__BURST", "17"),
            ("WATCHBELL__LIMITS__MAX_STREAM_AGE", "90m"),
            ("WATCHBELL__TELEMETRY__LOG", "json"),
        ]);
        let shared = Loader::new().env(variables).load().unwrap().shared().unwrap();
        assert_eq!(shared.auth.service_token.unwrap().expose(), "0012345678901234");
        assert_eq!(shared.egress.allow.len(), 2);
        assert_eq!(shared.limits.burst.get(), 17);
        assert_eq!(shared.limits.max_stream_age, Duration::from_secs(5400));
        assert_eq!(shared.telemetry.log, LogFormat::Json);
    }

    /// What is said of a wrong setting.
    fn complaint(loader: Loader) -> String {
        let failed = loader.load().and_then(|settings| {
            settings.refuse_unknown(&["dispatcher"])?;
            settings.shared()
        });
        failed.unwrap_err().to_string()
    }

    #[test]
    fn an_error_names_the_key_and_its_source_and_not_the_value() {
        let from_env = complaint(Loader::new().env(env(&[("WATCHBELL__LIMITS__BURST", "hunter2")])));
        assert!(
            from_env.starts_with("`limits.burst` from WATCHBELL__LIMITS__BURST: "),
            "{from_env}"
        );
        let deep = complaint(Loader::new().env(env(&[("WATCHBELL__AUTH__JWT__CLAIMS", "hunter2")])));
        assert!(
            deep.starts_with("`auth.jwt.claims` from WATCHBELL__AUTH__JWT__CLAIMS: "),
            "{deep}"
        );
        let from_flag = complaint(Loader::new().set("server.address", "hunter2"));
        assert!(
            from_flag.starts_with("`server.address` from the command line: "),
            "{from_flag}"
        );
        let toml = file("[telemetry]\nlog = \"hunter2\"\n");
        let from_file = complaint(Loader::new().file(toml.path()));
        let place = format!("`telemetry.log` in {}: ", toml.path().display());
        assert!(from_file.starts_with(&place), "{from_file}");
        assert!(from_file.contains("json"), "says what would do: {from_file}");
        for said in [from_env, from_flag, from_file] {
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn a_file_that_is_not_toml_is_refused_without_repeating_it() {
        let toml = file("[auth]\nservice_token = \"hunter2\n");
        let said = complaint(Loader::new().file(toml.path()));
        assert!(said.contains("line 2") && !said.contains("hunter2"), "{said}");
        let typo = file("[auth]\nservice_token = hunter2\n");
        let said = complaint(Loader::new().file(typo.path()));
        assert!(said.contains("line 2") && !said.contains("hunter2"), "{said}");
        assert!(complaint(Loader::new().file("/nowhere/watchbell.toml")).contains("/nowhere/watchbell.toml"));
    }

    #[test]
    fn a_misspelt_key_is_refused_at_every_level() {
        let said = complaint(Loader::new().set("sever.address", "x"));
        assert!(said.contains("sever") && said.contains("server"), "{said}");
        for (variable, key) in [
            ("WATCHBELL__SERVER__ADRESS", "server.adress"),
            ("WATCHBELL__AUTH__JWT__CLAIMS__TIM", "auth.jwt.claims.tim"),
        ] {
            let said = complaint(Loader::new().env(env(&[(variable, "x")])));
            let expected = format!("`{key}` from {variable}: unknown; known are ");
            assert!(said.starts_with(&expected), "{said}");
        }
        assert!(
            Loader::new()
                .set("dispatcher.lanes", "1")
                .load()
                .unwrap()
                .refuse_unknown(&["dispatcher"])
                .is_ok()
        );
    }

    #[test]
    fn a_brand_that_cannot_be_used_is_refused_when_starting() {
        let said = complaint(Loader::new().set("brand.primary_color", "blue"));
        assert!(said.contains("brand.primary_color"), "{said}");
    }

    #[test]
    fn a_service_reads_its_own_section_or_gets_its_default() {
        #[derive(Debug, Default, PartialEq, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Dispatcher {
            lanes: u32,
            #[serde(deserialize_with = "read::duration")]
            tick: Duration,
        }
        let settings = Loader::new()
            .set("dispatcher.lanes", "8")
            .set("dispatcher.tick", "250ms")
            .load()
            .unwrap();
        let expected = Dispatcher {
            lanes: 8,
            tick: Duration::from_millis(250),
        };
        assert_eq!(settings.section::<Dispatcher>("dispatcher").unwrap(), expected);
        assert_eq!(
            settings.section::<Dispatcher>("router").unwrap(),
            Dispatcher::default()
        );
    }
}
