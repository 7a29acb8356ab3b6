//! What a process is to run, from flags, file and environment: which services, where their rows are, where the others
//! are.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Deserialize;
use watchbell_runtime::settings::{Loader, Settings, SettingsError, Shared};

use super::ServeArgs;
use super::first_start::Keys;
use super::service_name::ServiceName;

/// What a process is to run.
pub(crate) struct Plan {
    pub(crate) services: Vec<ServiceName>,
    pub(crate) data_dir: PathBuf,
    pub(crate) shared: Shared,
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
}

/// `[database]`: one for all services, each with its own file or schema in it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DatabaseSection {
    /// `postgres://…`; SQLite files in the data directory when absent.
    url: Option<String>,
    /// What schemas begin with; `watchbell` when absent.
    schema: Option<String>,
}

/// What the schemas of an installation begin with unless told otherwise.
pub(crate) const DEFAULT_SCHEMA: &str = "watchbell";

/// The services that have a database, by the name of their section.
const OWNERS: [&str; 3] = ["config", "dispatcher", "digest"];

/// The sections besides the shared ones.
const SECTIONS: [&str; 8] = [
    "database",
    "keys",
    "mail",
    "config",
    "dispatcher",
    "digest",
    "edge",
    "console",
];

// === impl Plan ===

impl Plan {
    /// Reads every source. On a first start it makes the keys that the services need.
    pub(crate) fn from_args(args: &ServeArgs) -> Result<Self, SettingsError> {
        Self::with_keys(args, Keys::read_or_make)
    }

    /// Reads every source, and makes nothing.
    pub(super) fn read(args: &ServeArgs) -> Result<Self, SettingsError> {
        Self::with_keys(args, Keys::read)
    }

    fn with_keys(
        args: &ServeArgs,
        keys: impl FnOnce(&Settings, &Path, &[ServiceName]) -> Result<Keys, SettingsError>,
    ) -> Result<Self, SettingsError> {
        let loader = loader(args);
        let database: DatabaseSection = loader.clone().load()?.section("database")?;
        let services = if args.services.is_empty() {
            ServiceName::value_variants().to_vec()
        } else {
            args.services.clone()
        };
        let keys = keys(&loader.clone().load()?, &args.data_dir, &services)?;
        let settings = propose(loader, args, &database).load()?;
        let shared = settings.shared()?;
        settings.refuse_unknown(&SECTIONS)?;
        let plan = Self {
            services,
            data_dir: args.data_dir.clone(),
            shared,
            settings,
            keys,
        };
        plan.check()?;
        Ok(plan)
    }

    /// Whether the service runs in this process.
    pub(crate) fn has(&self, service: ServiceName) -> bool {
        self.services.contains(&service)
    }

    fn check(&self) -> Result<(), SettingsError> {
        let peers = &self.shared.peers;
        if !self.has(ServiceName::Config) && peers.config.is_none() {
            return Err(SettingsError::new(
                "peers.config",
                "must say where Config is, since it is not in this process",
            ));
        }
        let wants_dispatcher = [ServiceName::Router, ServiceName::Digest, ServiceName::Edge];
        if wants_dispatcher.iter().any(|service| self.has(*service))
            && !self.has(ServiceName::Dispatcher)
            && peers.dispatcher.is_empty()
        {
            let why = "must say where a Dispatcher is, since none is in this process";
            return Err(SettingsError::new("peers.dispatcher", why));
        }
        Ok(())
    }
}

fn loader(args: &ServeArgs) -> Loader {
    let mut loader = Loader::new().process_env();
    if let Some(file) = &args.config {
        loader = loader.file(file);
    }
    let lists = [
        ("peers.dispatcher", &args.dispatcher_url),
        ("egress.allow", &args.egress_allow),
    ];
    for (key, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        loader = loader.set(key, values.join(","));
    }
    let texts = [
        ("server.address", &args.listen),
        ("database.schema", &args.schema),
        ("peers.config", &args.config_url),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            loader = loader.set(key, value);
        }
    }
    if let Some(url) = &args.database {
        loader = loader.set("database.url", url.expose());
    }
    loader
}

fn propose(mut loader: Loader, args: &ServeArgs, database: &DatabaseSection) -> Loader {
    let schema = database.schema.as_deref().unwrap_or(DEFAULT_SCHEMA);
    for owner in OWNERS {
        let url = database
            .url
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", sqlite_file(&args.data_dir, owner).display()));
        loader = loader
            .propose(&format!("{owner}.database.url"), url)
            .propose(&format!("{owner}.database.schema"), schema_of(schema, owner));
    }
    loader
}

/// Where a service keeps its rows without PostgreSQL.
pub(crate) fn sqlite_file(data_dir: &Path, service: &str) -> PathBuf {
    data_dir.join(format!("{service}.db"))
}

/// Where a service keeps its rows in PostgreSQL.
pub(crate) fn schema_of(beginning: &str, service: &str) -> String {
    format!("{beginning}_{service}")
}
