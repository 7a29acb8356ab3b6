//! Where things are measured: a Watchbell started as `serve` starts it, callers and endpoints on threads of their own so
//! that the kernel tells their CPU time apart, and databases that are gone afterwards.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait as _, Database};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    Channel, CreateChannelRequest, DeliveryPolicy, EventFilter, Plan as TeamPlan, UpdateChannelRequest,
    WebhookDestination,
};
use watchbell_model::clock::{SharedClock, SystemClock};
use watchbell_model::secret::Secret;
use watchbell_testkit::{WebhookReceiver, WebhookReceiverBuilder};

use crate::failure::{Failure, Outcome, present};
use crate::local::{self, LocalServer};
use crate::serve::{ServeArgs, sqlite_file};
use crate::session::{Out, Session};

/// Names of threads, which the kernel cuts at 15 bytes.
pub(super) const LOAD_THREADS: &str = "bench-callers";
pub(super) const ENDPOINT_THREADS: &str = "bench-endpoints";

/// The most that one endpoint may be sent at a time; what a team with an endpoint of this speed would set.
pub(super) const AT_ONCE: u32 = 64;

/// See the module.
pub(super) struct Lab {
    pub(super) clock: SharedClock,
    pub(super) out: Out,
    pub(super) load: Aside,
    endpoints: Aside,
    pub(super) site: Site,
    platform: Session,
    server: LocalServer,
}

/// Where a Watchbell keeps its rows and listens.
pub(super) struct Site {
    pub(super) data: TempDir,
    pub(super) url: String,
    address: SocketAddr,
    database: Option<(String, String)>,
}

/// Where the Dispatcher keeps its rows.
pub(super) struct Store {
    pub(super) url: String,
    /// In PostgreSQL.
    schema: Option<String>,
}

/// A runtime of its own, whose threads have a name.
pub(super) struct Aside(Option<Runtime>);

/// A team with webhooks for everything.
pub(super) struct Team {
    admin: Session,
    /// May emit for it.
    pub(super) key: Secret,
    /// Where it is called.
    pub(super) url: String,
    channels: Vec<Channel>,
}

// === impl Site ===

impl Site {
    /// A new place under `directory`, or in the PostgreSQL database given.
    pub(super) fn new(directory: &Path, database: Option<&str>, name: &str) -> Outcome<Self> {
        let data = TempDir::with_prefix_in("watchbell-bench-", directory)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let schema = format!("bench_{}_{name}", std::process::id());
        // Loopback is where the endpoints are, and one key calls more often than any backend's.
        let settings = "[server]\nadmin_address = \"127.0.0.1:0\"\n\n\
                        [egress]\nallow = [\"127.0.0.0/8\"]\n\n\
                        [limits]\ncalls_per_second = 1000000\nburst = 1000000\n";
        std::fs::write(data.path().join("bench.toml"), settings)?;
        Ok(Self {
            data,
            url: format!("http://{address}"),
            address,
            database: database.map(|url| (url.to_owned(), schema)),
        })
    }

    /// How `serve` is told of it.
    pub(super) fn args(&self) -> ServeArgs {
        ServeArgs {
            config: Some(self.file()),
            data_dir: self.data.path().to_owned(),
            listen: Some(self.address.to_string()),
            database: self.database.as_ref().map(|(url, _)| Secret::new(url.clone())),
            schema: self.database.as_ref().map(|(_, schema)| schema.clone()),
            ..ServeArgs::default()
        }
    }

    /// Where its Dispatcher keeps its rows.
    pub(super) fn dispatcher_store(&self) -> Store {
        let schema = self
            .database
            .as_ref()
            .map(|(_, schema)| format!("{schema}_dispatcher"));
        let url = match (&self.database, self.dispatcher_file()) {
            (Some((url, _)), _) => url.clone(),
            (None, file) => format!("sqlite://{}", file.unwrap_or_default().display()),
        };
        Store { url, schema }
    }

    /// The settings.
    pub(super) fn file(&self) -> PathBuf {
        self.data.path().join("bench.toml")
    }

    /// The Dispatcher's database file; none in PostgreSQL.
    pub(super) fn dispatcher_file(&self) -> Option<PathBuf> {
        let file = sqlite_file(self.data.path(), "dispatcher");
        self.database.is_none().then_some(file)
    }

    /// Removes what is in PostgreSQL; files go by themselves.
    pub(super) async fn clear(&self) -> Outcome {
        let Some((url, schema)) = &self.database else {
            return Ok(());
        };
        let connection = Database::connect(url).await.map_err(anyhow::Error::from)?;
        for owner in ["config", "dispatcher", "digest"] {
            let sql = format!("DROP SCHEMA IF EXISTS \"{schema}_{owner}\" CASCADE");
            connection
                .execute_unprepared(&sql)
                .await
                .map_err(anyhow::Error::from)?;
        }
        connection.close().await.map_err(anyhow::Error::from)?;
        Ok(())
    }
}

// === impl Store ===

impl Store {
    /// A table as statements name it.
    pub(super) fn table(&self, name: &str) -> String {
        match &self.schema {
            Some(schema) => format!("\"{schema}\".{name}"),
            None => name.to_owned(),
        }
    }

    /// The query of the names of a table's columns.
    pub(super) fn columns_of(&self, table: &str) -> String {
        match &self.schema {
            Some(schema) => format!(
                "SELECT column_name::text AS name FROM information_schema.columns
                WHERE table_schema = '{schema}' AND table_name = '{table}'"
            ),
            None => format!("SELECT name FROM pragma_table_info('{table}')"),
        }
    }
}

// === impl Aside ===

impl Aside {
    fn new(name: &str) -> Outcome<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(name)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs something there.
    pub(super) async fn run<F>(&self, future: F) -> Outcome<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let runtime = self
            .0
            .as_ref()
            .ok_or_else(|| Failure::message("the runtime has ended"))?;
        Ok(runtime.spawn(future).await.map_err(anyhow::Error::from)?)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Waiting for it is not allowed within another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

// === impl Lab ===

impl Lab {
    /// Starts the Watchbell that is measured.
    pub(super) async fn start(site: Site, out: Out) -> Outcome<Self> {
        let server = LocalServer::start(&site.args()).await?;
        let platform = local::connect(&server.url, &server.admin_key, out).await?;
        Ok(Self {
            clock: SystemClock::shared(),
            out,
            load: Aside::new(LOAD_THREADS)?,
            endpoints: Aside::new(ENDPOINT_THREADS)?,
            site,
            platform,
            server,
        })
    }

    /// How often the Dispatcher has committed since its start.
    pub(super) fn commits(&self) -> Outcome<f64> {
        let text = self.server.metrics.encode().map_err(anyhow::Error::from)?;
        let counts = text
            .lines()
            .filter(|line| line.starts_with("watchbell_commit_size_count"));
        Ok(counts
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum())
    }

    /// An endpoint, on the endpoints' own threads.
    pub(super) async fn endpoint(&self, builder: WebhookReceiverBuilder) -> Outcome<WebhookReceiver> {
        Ok(self.endpoints.run(builder.start()).await??)
    }

    /// A team whose webhooks are at these URLs.
    pub(super) async fn team(&self, name: &str, urls: &[String]) -> Outcome<Team> {
        Team::set_up(&self.platform, &self.site.url, name, urls, 0.0).await
    }

    /// The same, its webhooks sent only one request a second.
    pub(super) async fn slow_team(&self, name: &str, urls: &[String]) -> Outcome<Team> {
        Team::set_up(&self.platform, &self.site.url, name, urls, 1.0).await
    }

    /// Stops it in order and removes what it kept.
    pub(super) async fn stop(self) -> Outcome {
        self.server.stop().await?;
        self.site.clear().await
    }
}

// === impl Team ===

impl Team {
    /// Makes it. `per_second` 0 is as fast as it goes.
    pub(super) async fn set_up(
        platform: &Session,
        url: &str,
        name: &str,
        urls: &[String],
        per_second: f64,
    ) -> Outcome<Self> {
        let admin = local::create_team(platform, name, TeamPlan::Team).await?;
        let mut channels = Vec::with_capacity(urls.len());
        for (index, url) in urls.iter().enumerate() {
            let request = CreateChannelRequest {
                team_id: admin.team(),
                channel: Some(channel(index, url, per_second)),
                validate_only: false,
            };
            let made = admin
                .channels()
                .create_channel(admin.ask(request))
                .await?
                .into_inner();
            channels.push(present(made.channel)?);
        }
        let key = local::create_emit_key(&admin, "bench").await?;
        Ok(Self {
            admin,
            key,
            url: url.to_owned(),
            channels,
        })
    }

    /// The platform's session for it.
    pub(super) fn admin(&self) -> &Session {
        &self.admin
    }

    /// The id of its first webhook.
    pub(super) fn first_channel(&self) -> String {
        let first = self.channels.first();
        first.map(|channel| channel.id.clone()).unwrap_or_default()
    }

    /// Lets its webhooks go as fast as they can.
    pub(super) async fn unleash(&self) -> Outcome {
        for channel in &self.channels {
            let request = UpdateChannelRequest {
                team_id: self.admin.team(),
                channel: Some(Channel {
                    id: channel.id.clone(),
                    delivery: Some(policy(0.0)),
                    ..Channel::default()
                }),
                update_mask: Some(prost_types::FieldMask {
                    paths: vec!["delivery".to_owned()],
                }),
                validate_only: false,
            };
            self.admin
                .channels()
                .update_channel(self.admin.ask(request))
                .await?;
        }
        Ok(())
    }
}

fn channel(index: usize, url: &str, per_second: f64) -> Channel {
    let filter = EventFilter {
        types: vec!["*".to_owned()],
        ..EventFilter::default()
    };
    Channel {
        display_name: format!("endpoint {index}"),
        destination: Some(Destination::Webhook(WebhookDestination {
            url: url.to_owned(),
            filter: Some(filter),
            ..WebhookDestination::default()
        })),
        delivery: Some(policy(per_second)),
        ..Channel::default()
    }
}

fn policy(per_second: f64) -> DeliveryPolicy {
    DeliveryPolicy {
        max_concurrency: AT_ONCE,
        max_per_second: per_second,
        ..DeliveryPolicy::default()
    }
}
