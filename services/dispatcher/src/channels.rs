//! The terms of channels, as Config last gave them. Asked once and kept; Config's change feed says when to ask again.
//! While Config is away the last known answer serves: the data plane does not stop for the control plane.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use watchbell_contracts::api::SnapshotApi;
use watchbell_contracts::config::v1::resolve_channel_request::Selector;
use watchbell_contracts::config::v1::{self as config, channel::Destination};
use watchbell_contracts::convert::FromWire;
use watchbell_domain::ChannelKind;
use watchbell_domain::clock::SharedClock;
use watchbell_domain::ids::{ChannelId, TeamId};
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::problem::Problem;

use crate::opt_outs::OptOuts;
use crate::route::Route;
use crate::terms::Terms;

/// Answers older than this are asked for again even if nobody said that they have changed.
const FRESH: Duration = Duration::from_secs(300);
/// The same while the change feed is not connected.
const FRESH_WITHOUT_FEED: Duration = Duration::from_secs(10);
/// How long Config may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries to connect the change feed.
const RECONNECT: Duration = Duration::from_secs(1);

/// Config has never answered for this channel, and does not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Away;

/// What Config says of a channel.
#[derive(Debug, Clone)]
pub(crate) enum Known {
    /// It is there.
    There(Arc<Terms>),
    /// It was deleted.
    Gone,
}

/// The cache.
pub(crate) struct Channels {
    config: Arc<dyn SnapshotApi>,
    clock: SharedClock,
    entries: Mutex<HashMap<Key, Arc<Entry>>>,
    connected: AtomicBool,
    /// Told when some channel may have changed.
    pub(crate) changed: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Channel(TeamId, ChannelId),
    /// By what a team's people get their mail, and who of them wants none.
    Mail(TeamId),
}

#[derive(Default)]
struct Entry {
    known: Mutex<Option<(Known, Duration)>>,
    /// Counts changes: an answer counts for those before the question.
    changes: AtomicU64,
    /// Changes that the answer covers.
    covered: AtomicU64,
    asking: tokio::sync::Mutex<()>,
}

// === impl Channels ===

impl Channels {
    pub(crate) fn new(config: Arc<dyn SnapshotApi>, clock: SharedClock) -> Self {
        Self {
            config,
            clock,
            entries: Mutex::default(),
            connected: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// Config itself, for what is not cached here.
    pub(crate) fn config(&self) -> &dyn SnapshotApi {
        &*self.config
    }

    /// By what a route goes.
    pub(crate) async fn of_route(&self, team: TeamId, route: &Route) -> Result<Known, Away> {
        match route.channel_id() {
            Some(id) => self.channel(team, id).await,
            None => self.known(Key::Mail(team)).await,
        }
    }

    /// A configured channel.
    pub(crate) async fn channel(&self, team: TeamId, id: ChannelId) -> Result<Known, Away> {
        self.known(Key::Channel(team, id)).await
    }

    async fn known(&self, key: Key) -> Result<Known, Away> {
        let entry = Arc::clone(self.entries().entry(key).or_default());
        if let Some(known) = self.fresh(&entry) {
            return Ok(known);
        }
        // One question at a time; whoever waited finds the answer.
        let _asking = entry.asking.lock().await;
        if let Some(known) = self.fresh(&entry) {
            return Ok(known);
        }
        let changes = entry.changes.load(Ordering::Acquire);
        match self.ask(key).await {
            Ok(known) => {
                *lock(&entry.known) = Some((known.clone(), self.clock.monotonic()));
                entry.covered.store(changes, Ordering::Release);
                Ok(known)
            }
            Err(status) => {
                let last = lock(&entry.known).as_ref().map(|(known, _)| known.clone());
                tracing::warn!(?key, %status, has_last_answer = last.is_some(), "Config does not resolve a channel");
                last.ok_or(Away)
            }
        }
    }

    fn fresh(&self, entry: &Entry) -> Option<Known> {
        let life = if self.connected.load(Ordering::Relaxed) {
            FRESH
        } else {
            FRESH_WITHOUT_FEED
        };
        let known = lock(&entry.known);
        let (known, at) = known.as_ref()?;
        let current = entry.changes.load(Ordering::Acquire) == entry.covered.load(Ordering::Acquire);
        (current && self.clock.monotonic().saturating_sub(*at) < life).then(|| known.clone())
    }

    async fn ask(&self, key: Key) -> Result<Known, Status> {
        let known = self.resolve(key).await?;
        let (Key::Mail(team), Known::There(terms)) = (key, &known) else {
            return Ok(known);
        };
        let request = config::ListOptOutsRequest {
            team_id: team.to_string(),
        };
        let answer = self
            .within(self.config.list_opt_outs(internal_request(request)))
            .await;
        match answer {
            Ok(answer) => Ok(Known::There(Arc::new(Terms {
                opt_outs: OptOuts::of(answer.into_inner()),
                ..Terms::clone(terms)
            }))),
            // The team was deleted, and with it what its people said.
            Err(status) if status.code() == Code::NotFound => Ok(Known::Gone),
            Err(status) => Err(status),
        }
    }

    async fn resolve(&self, key: Key) -> Result<Known, Status> {
        let (team, selector) = match key {
            Key::Channel(team, id) => (team, Selector::ChannelId(id.to_string())),
            Key::Mail(team) => (team, Selector::DefaultOfKind(ChannelKind::Email.to_wire())),
        };
        let request = config::ResolveChannelRequest {
            team_id: team.to_string(),
            selector: Some(selector),
        };
        let answer = self
            .within(self.config.resolve_channel(internal_request(request)))
            .await;
        let answer = match (answer, key) {
            (Ok(answer), _) => answer.into_inner(),
            (Err(status), Key::Mail(_)) if status.code() == Code::NotFound => {
                return Ok(Known::There(Arc::new(Terms::of_platform_mail(team))));
            }
            (Err(status), Key::Channel(..)) if status.code() == Code::NotFound => return Ok(Known::Gone),
            (Err(status), _) => return Err(status),
        };
        let channel = answer
            .channel
            .ok_or_else(|| Problem::internal("Config resolved a channel to nothing"))?;
        let secrets = answer.secrets.unwrap_or_default();
        if matches!(key, Key::Mail(_)) {
            return Ok(Known::There(Arc::new(of_mail(team, channel, secrets))));
        }
        let zone = match &channel.quiet_hours {
            Some(quiet) if quiet.time_zone.is_empty() => self.zone(team).await?,
            _ => None,
        };
        Ok(Known::There(Arc::new(Terms::of_channel(
            team,
            channel,
            secrets,
            zone.as_deref(),
        ))))
    }

    async fn zone(&self, team: TeamId) -> Result<Option<String>, Status> {
        let request = config::GetTeamSnapshotRequest {
            team_id: team.to_string(),
        };
        let answer = self
            .within(self.config.get_team_snapshot(internal_request(request)))
            .await?;
        let team = answer.into_inner().snapshot.and_then(|snapshot| snapshot.team);
        Ok(team.map(|team| team.time_zone).filter(|zone| !zone.is_empty()))
    }

    async fn within<T>(&self, call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        tokio::time::timeout(PATIENCE, call)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("Config does not answer")))
    }

    /// Something of this team has changed, or of any: ask again before the next use.
    pub(crate) fn forget(&self, team: Option<TeamId>) {
        for (key, entry) in self.entries().iter() {
            let (Key::Channel(of, _) | Key::Mail(of)) = key;
            if team.is_none_or(|team| team == *of) {
                entry.changes.fetch_add(1, Ordering::AcqRel);
            }
        }
        self.changed.notify_one();
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Arc<Entry>>> {
        lock(&self.entries)
    }

    /// Follows the change feed until told to stop.
    pub(crate) async fn follow(&self, stop: CancellationToken) {
        let mut cursor = 0;
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.follow_once(&mut cursor) => {}
            }
            self.connected.store(false, Ordering::Relaxed);
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(RECONNECT) => {}
            }
        }
    }

    async fn follow_once(&self, cursor: &mut i64) {
        let request = config::WatchChangesRequest {
            after_cursor: *cursor,
        };
        let mut changes = match self.config.watch_changes(internal_request(request)).await {
            Ok(changes) => changes.into_inner(),
            Err(status) => return tracing::warn!(%status, "the change feed does not open"),
        };
        let from_now_on = *cursor == 0;
        loop {
            match changes.next().await {
                Some(Ok(change)) => {
                    *cursor = change.cursor;
                    if change.reset || (from_now_on && change.team_id.is_empty()) {
                        self.forget(None);
                    } else if let Ok(team) = change.team_id.parse() {
                        self.forget(Some(team));
                    }
                    self.connected.store(true, Ordering::Relaxed);
                }
                Some(Err(status)) => return tracing::warn!(%status, "the change feed broke off"),
                None => return,
            }
        }
    }
}

/// A team's own mail server serves its people too, with the channel's pace and patience but without its quiet hours
/// and storm control: those are the channel's, and people have preferences.
fn of_mail(team: TeamId, channel: config::Channel, secrets: config::ChannelSecrets) -> Terms {
    let own = matches!(&channel.destination, Some(Destination::Email(email)) if email.smtp.is_some());
    if !own || channel.paused {
        return Terms::of_platform_mail(team);
    }
    Terms {
        quiet: None,
        storm: None,
        ..Terms::of_channel(team, channel, secrets, None)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
