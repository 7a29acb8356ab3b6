//! All settings as they are in effect, defaults included, for `--check` and `--print-config`. What is shown has no secrets
//! and, apart from them, reads back.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;
use watchbell_config::sealing::{Keyring, SealingSettings};
use watchbell_console::ConsoleSettings;
use watchbell_dispatcher::MailSettings;
use watchbell_model::unsubscribe::UnsubscribeKeys;
use watchbell_runtime::server;
use watchbell_runtime::settings::{SettingsError, Shared};
use watchbell_runtime::telemetry;

use super::egress::{authorities, guard};
use super::first_start::KeySection;
use super::members;
use super::plan::Plan;

/// Every section.
#[derive(Serialize)]
pub(super) struct EffectiveSettings {
    #[serde(flatten)]
    shared: Shared,
    keys: KeySection,
    mail: MailSettings,
    config: watchbell_config::Settings,
    dispatcher: watchbell_dispatcher::Settings,
    digest: watchbell_digest::Settings,
    edge: watchbell_edge::Settings,
    console: ConsoleSettings,
}

// === impl EffectiveSettings ===

impl EffectiveSettings {
    pub(super) fn read(plan: &Plan) -> Result<Self, SettingsError> {
        let settings = &plan.settings;
        Ok(Self {
            shared: plan.shared.clone(),
            keys: KeySection::read(settings)?,
            mail: settings.section("mail")?,
            config: settings.required("config")?,
            dispatcher: settings.required("dispatcher")?,
            digest: settings.required("digest")?,
            edge: settings.section("edge")?,
            console: settings.section("console")?,
        })
    }

    /// Checks what a start would check before it opens anything.
    pub(super) async fn check(&self) -> Result<(), SettingsError> {
        let shared = &self.shared;
        telemetry::filter(&shared.telemetry)
            .map_err(|error| SettingsError::new("telemetry.filter", error.to_string()))?;
        self.check_files().await?;
        for (owner, database) in [
            ("config", &self.config.database),
            ("dispatcher", &self.dispatcher.database),
            ("digest", &self.digest.database),
        ] {
            database
                .location()
                .map_err(|error| SettingsError::new(format!("{owner}.database"), error.to_string()))?;
        }
        if let Some(key) = &self.keys.sealing {
            let settings = SealingSettings {
                key: key.clone(),
                older_keys: Vec::new(),
            };
            Keyring::new(&settings).map_err(|error| SettingsError::new("keys.sealing", error.to_string()))?;
        }
        if let Some(key) = &self.keys.unsubscribe {
            UnsubscribeKeys::new([key.clone()])
                .map_err(|error| SettingsError::new("keys.unsubscribe", error.to_string()))?;
        }
        self.console.check()
    }

    /// Reads the files that the settings name.
    async fn check_files(&self) -> Result<(), SettingsError> {
        let shared = &self.shared;
        let authorities = authorities(&shared.egress)?;
        let guard = guard(&shared.egress, authorities.as_deref())?;
        if let Some(jwt) = &shared.auth.jwt {
            members::source(jwt, guard).await?;
        }
        for (key, tls) in [
            ("server.tls", &shared.server.tls),
            ("peers.tls", &shared.peers.tls),
        ] {
            if let Some(tls) = tls {
                server::check_tls(tls).map_err(|error| SettingsError::new(key, error.to_string()))?;
            }
        }
        Ok(())
    }

    /// As TOML; what is not set is a comment.
    pub(super) fn to_toml(&self) -> Result<String, SettingsError> {
        let failed = |error: serde_json::Error| SettingsError::new("", error.to_string());
        let Value::Object(sections) = serde_json::to_value(self).map_err(failed)? else {
            return Ok(String::new());
        };
        let mut toml = String::new();
        table(&mut toml, "", &sections);
        Ok(toml.trim_start().to_owned())
    }
}

/// A table: first its own values, then the tables below. Texts, numbers and lists of JSON are those of TOML.
fn table(toml: &mut String, path: &str, values: &Map<String, Value>) {
    let (tables, own): (Vec<_>, Vec<_>) = values.iter().partition(|(_, value)| value.is_object());
    if !own.is_empty() {
        let _ = writeln!(toml, "\n[{path}]");
    }
    for (key, value) in own {
        let _ = match value {
            Value::Null => writeln!(toml, "# {key} ="),
            Value::String(text) => writeln!(toml, "{key} = {}", Value::from(without_password(text))),
            value => writeln!(toml, "{key} = {value}"),
        };
    }
    for (key, value) in tables {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        if let Some(values) = value.as_object() {
            table(toml, &path, values);
        }
    }
}

/// A URL without the password that it may have.
fn without_password(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.password().is_some() => {
            // Fails for URLs without a host, which have no password.
            let _ = url.set_password(Some("***"));
            url.into()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use watchbell_runtime::settings::Loader;

    use super::super::ServeArgs;
    use super::super::plan::{DEFAULT_SCHEMA, schema_of};
    use super::*;

    const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
    const INTRODUCTION: &str = "\
# Settings

What `watchbell serve` reads, section by section: from a TOML file (`--config`), then from environment variables, then from
flags, of which later ones win. `WATCHBELL__SERVER__ADDRESS` sets `address` of `[server]`, and a list is one text with commas
there. `watchbell serve --check` says whether settings are good; `--print-config` prints those in effect, without secrets.
A duration is a number with a unit: `250ms`, `30s`, `5m`, `2h`, `90d`. A key that is not known is an error. On SIGHUP
the files of `[server.tls]` and `telemetry.filter` are read again; everything else takes another start. In a terminal SIGHUP
ends the process, since it tells that the terminal was closed.

This page is written from the source by `UPDATE_DOCS=1 cargo test -p watchbell effective_settings`, and a test fails when the
two differ.
";

    /// A field of a section, as the source has it.
    struct Field {
        name: String,
        type_name: String,
        docs: String,
    }

    /// Sections, their types, and the files where these are.
    const SECTIONS: [(&str, &str, &str); 15] = [
        (
            "server",
            "ServerSettings",
            "shared/runtime/src/settings/shared.rs",
        ),
        ("brand", "Brand", "shared/model/src/brand.rs"),
        (
            "telemetry",
            "TelemetrySettings",
            "shared/runtime/src/settings/shared.rs",
        ),
        (
            "egress",
            "EgressSettings",
            "shared/runtime/src/settings/shared.rs",
        ),
        ("limits", "LimitSettings", "shared/runtime/src/settings/shared.rs"),
        ("auth", "AuthSettings", "shared/runtime/src/settings/shared.rs"),
        ("peers", "PeerSettings", "shared/runtime/src/settings/shared.rs"),
        (
            "database",
            "DatabaseSection",
            "services/watchbell/src/serve/plan.rs",
        ),
        (
            "keys",
            "KeySection",
            "services/watchbell/src/serve/first_start.rs",
        ),
        ("mail", "MailSettings", "services/dispatcher/src/settings.rs"),
        ("config", "Settings", "services/config/src/settings.rs"),
        ("dispatcher", "Settings", "services/dispatcher/src/settings.rs"),
        ("digest", "Settings", "services/digest/src/settings.rs"),
        ("edge", "Settings", "services/edge/src/settings.rs"),
        ("console", "ConsoleSettings", "services/console/src/settings.rs"),
    ];
    /// Types of sections within sections.
    const NESTED: [(&str, &str); 7] = [
        ("TlsSettings", "shared/runtime/src/settings/shared.rs"),
        ("JwtSettings", "shared/runtime/src/settings/shared.rs"),
        ("ClaimNames", "shared/runtime/src/settings/shared.rs"),
        ("DatabaseSettings", "shared/store/src/settings.rs"),
        ("SealingSettings", "services/config/src/sealing.rs"),
        ("SlackSettings", "services/config/src/slack.rs"),
        ("OidcSettings", "services/console/src/settings.rs"),
    ];

    fn read(variables: &[(&str, &str)]) -> Result<EffectiveSettings, SettingsError> {
        let mut plan = Plan::read(&ServeArgs::default())?;
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut loader = Loader::new().env(variables);
        for owner in ["config", "dispatcher", "digest"] {
            loader = loader
                .propose(
                    &format!("{owner}.database.url"),
                    format!("sqlite:watchbell-data/{owner}.db"),
                )
                .propose(
                    &format!("{owner}.database.schema"),
                    schema_of(DEFAULT_SCHEMA, owner),
                );
        }
        plan.settings = loader.load()?;
        plan.shared = plan.settings.shared()?;
        EffectiveSettings::read(&plan)
    }

    fn fields(file: &str, type_name: &str) -> Vec<Field> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let source = std::fs::read_to_string(root.join(file)).unwrap();
        let (_, body) = source.split_once(&format!("struct {type_name} {{\n")).unwrap();
        let (body, _) = body.split_once("\n}").unwrap();
        let (mut fields, mut docs, mut is_skipped) = (Vec::new(), String::new(), false);
        for line in body.lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("///") {
                docs = format!("{docs} {}", text.trim()).trim().to_owned();
            } else if line.starts_with("#[serde(skip") {
                is_skipped = true;
            } else if let Some((name, type_name)) = line.split_once(": ")
                && !line.starts_with('#')
            {
                let name = name.rsplit(' ').next().unwrap_or(name).to_owned();
                let type_name = type_name.trim_end_matches(',').to_owned();
                let docs = std::mem::take(&mut docs);
                if !std::mem::take(&mut is_skipped) {
                    fields.push(Field {
                        name,
                        type_name,
                        docs,
                    });
                }
            }
        }
        fields
    }

    fn section(page: &mut String, path: &str, file: &str, type_name: &str, defaults: Option<&Value>) {
        let mut nested = Vec::new();
        let mut rows = String::new();
        for field in fields(file, type_name) {
            assert!(!field.docs.is_empty(), "{path}.{} has no description", field.name);
            let below = field
                .type_name
                .trim_start_matches("Option<")
                .trim_end_matches('>')
                .to_owned();
            let default = defaults.and_then(|defaults| defaults.get(&field.name));
            if let Some((type_name, file)) = NESTED.iter().find(|(name, _)| *name == below) {
                nested.push((
                    format!("{path}.{}", field.name),
                    *file,
                    *type_name,
                    default.cloned(),
                ));
                continue;
            }
            let shown = match default {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) if text.is_empty() => String::new(),
                Some(value) => format!("`{value}`"),
            };
            let docs = field.docs.replace('|', "\\|");
            let _ = writeln!(rows, "| `{}` | {shown} | {docs} |", field.name);
        }
        if !rows.is_empty() {
            let _ = write!(
                page,
                "\n## `[{path}]`\n\n| key | default | meaning |\n| --- | --- | --- |\n{rows}"
            );
        }
        for (path, file, type_name, defaults) in nested {
            section(page, &path, file, type_name, defaults.as_ref());
        }
    }

    #[test]
    fn the_page_of_settings_is_that_of_the_source() {
        let defaults = serde_json::to_value(read(&[]).unwrap()).unwrap();
        let mut page = INTRODUCTION.to_owned();
        for (path, type_name, file) in SECTIONS {
            section(&mut page, path, file, type_name, defaults.get(path));
        }
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(DOCS, &page).unwrap();
        }
        let committed = std::fs::read_to_string(DOCS).unwrap_or_default();
        assert!(
            committed == page,
            "docs/settings.md is not what the source says: UPDATE_DOCS=1 cargo test -p watchbell effective_settings"
        );
        for section in defaults.as_object().unwrap().keys() {
            assert!(
                SECTIONS.iter().any(|(known, ..)| known == section),
                "{section} is not on the page"
            );
        }
    }

    #[test]
    fn what_is_printed_has_no_secret_and_reads_back() {
        let read = read(&[
            ("WATCHBELL__AUTH__SERVICE_TOKEN", "hunter2-hunter2-hunter2"),
            (
                "WATCHBELL__AUTH__ACCEPTED_SERVICE_TOKENS",
                "hunter2-hunter2-hunter2",
            ),
            (
                "WATCHBELL__CONFIG__DATABASE__URL",
                "postgres://u:hunter2@db/watchbell",
            ),
            ("WATCHBELL__CONFIG__SEALING__KEY", "hunter2"),
            ("WATCHBELL__CONFIG__UNSUBSCRIBE_KEYS", "hunter2,hunter2"),
            ("WATCHBELL__CONFIG__SLACK__CLIENT_ID", "1"),
            ("WATCHBELL__CONFIG__SLACK__CLIENT_SECRET", "hunter2"),
            ("WATCHBELL__KEYS__SEALING", "hunter2"),
            ("WATCHBELL__MAIL__PASSWORD", "hunter2"),
            (
                "WATCHBELL__TELEMETRY__OTLP_ENDPOINT",
                "https://u:hunter2@collector/",
            ),
            ("WATCHBELL__SERVER__SHUTDOWN_GRACE", "90s"),
        ])
        .unwrap();
        let toml = read.to_toml().unwrap();
        assert!(!toml.contains("hunter2"), "{toml}");
        for line in [
            "[config.slack]",
            "client_secret = \"[secret]\"",
            "url = \"postgres://u:***@db/watchbell\"",
            "shutdown_grace = \"90s\"",
            "# admin_address =",
        ] {
            assert!(toml.contains(line), "{line} is not in:\n{toml}");
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let given = toml.replace("[secret]", "hunter2-hunter2-hunter2");
        std::io::Write::write_all(&mut file, given.as_bytes()).unwrap();
        let again = Loader::new().file(file.path()).load().unwrap();
        assert_eq!(again.shared().unwrap().server.shutdown_grace.as_secs(), 90);
        assert!(
            again
                .required::<watchbell_dispatcher::Settings>("dispatcher")
                .is_ok()
        );
    }

    #[tokio::test]
    async fn a_check_makes_nothing_and_names_what_is_wrong() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("data");
        let args = ServeArgs {
            data_dir: data_dir.clone(),
            ..ServeArgs::default()
        };
        let effective = EffectiveSettings::read(&Plan::read(&args).unwrap()).unwrap();
        effective.check().await.unwrap();
        assert!(!data_dir.exists());
        for (variable, value, key) in [
            ("WATCHBELL__TELEMETRY__FILTER", "info=what=", "telemetry.filter"),
            ("WATCHBELL__EGRESS__CA_FILE", "/nowhere.pem", "egress.ca_file"),
            ("WATCHBELL__CONSOLE__API_BASE", "ftp://x", "console.api_base"),
            (
                "WATCHBELL__DIGEST__DATABASE__URL",
                "mysql://x/y",
                "digest.database",
            ),
            ("WATCHBELL__KEYS__SEALING", "c2hvcnQ=", "keys.sealing"),
            ("WATCHBELL__KEYS__UNSUBSCRIBE", "c2hvcnQ=", "keys.unsubscribe"),
        ] {
            let error = read(&[(variable, value)]).unwrap().check().await.unwrap_err();
            assert_eq!(error.key, key, "{error}");
        }
    }
}
