//! Makes each team's digest when it is due. Any number of replicas may run it at once: the claim in the database
//! decides which of them makes a digest. Between firings a team costs nothing but its place in a list; Config's change
//! feed says whose settings to look at again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, stream};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use watchbell_contracts::config::v1::ListAllTeamsRequest;
use watchbell_model::clock::SharedClock;
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::config_feed::{ConfigFeed, Mark};

use crate::error::{Error, Result};
use crate::maker::Maker;
use crate::store::{Run, State};
use crate::team::Team;

/// A digest is made so long after its period has ended: a replica whose clock is a minute fast does not count before
/// the period is over.
pub(crate) const SETTLE: TimeDelta = TimeDelta::minutes(1);
/// The wait between two looks at the list.
const PAUSE: Duration = Duration::from_secs(15);
/// A team is looked at again after so long even if nobody said that it changed.
const RECHECK: TimeDelta = TimeDelta::hours(1);
/// When a team's digest could not be made.
const RETRY: TimeDelta = TimeDelta::minutes(1);
/// Digests that are made at the same time.
const AT_ONCE: usize = 4;
const PAGE: i32 = 1_000;

/// Makes digests when they are due.
#[derive(Clone)]
pub(crate) struct Scheduler {
    maker: Maker,
    clock: SharedClock,
    feed: ConfigFeed,
    /// When to look at a team again; a team that is not in here is looked at next.
    looks: Arc<Mutex<HashMap<TeamId, Look>>>,
}

/// When to look at a team again, unless it has changed since the mark.
#[derive(Clone, Copy)]
struct Look {
    next: DateTime<Utc>,
    mark: Mark,
}

// === impl Scheduler ===

impl Scheduler {
    pub(crate) fn new(maker: Maker, feed: ConfigFeed, clock: SharedClock) -> Self {
        Self {
            maker,
            clock,
            feed,
            looks: Arc::default(),
        }
    }

    /// Makes what is due, again and again. A database or a service that is away is a state to wait in.
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            // A digest that is being made when the stop comes is finished by another replica, or after the restart.
            tokio::select! {
                () = shutdown.cancelled() => return,
                outcome = self.tick(self.clock.now()) => if let Err(error) = outcome {
                    tracing::warn!(%error, "digests cannot be created at the moment");
                },
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Finishes what was left unfinished, then makes what is due.
    pub(crate) async fn tick(&self, now: DateTime<Utc>) -> Result<()> {
        let abandoned = self.maker.runs.abandoned_all_teams(now).await?;
        stream::iter(abandoned)
            .for_each_concurrent(AT_ONCE, |run| async move {
                if let Err(error) = self.repair(&run, now).await {
                    tracing::warn!(team = %run.team_id, run = %run.id, %error, "a digest could not be finished");
                }
            })
            .await;
        let due = self.teams_to_look_at(now).await?;
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, |team| self.look(team, now))
            .await;
        Ok(())
    }

    async fn repair(&self, run: &Run, now: DateTime<Utc>) -> Result<()> {
        let team = match self.maker.team(run.team_id).await {
            Ok(team) => team,
            Err(Error::Config(status)) if status.code() == Code::NotFound => {
                self.maker
                    .runs
                    .end(run, State::Skipped, Vec::new(), "The team is gone.")
                    .await?;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let next = team
            .schedule()
            .ok()
            .and_then(|schedule| schedule.next_after(run.period.end));
        if next.is_some_and(|next| next <= now) {
            self.maker.give_up(run).await?;
        } else {
            self.maker.resume(run, &team, now).await?;
        }
        Ok(())
    }

    async fn look(&self, id: TeamId, now: DateTime<Utc>) {
        let mark = self.feed.mark();
        let next = match self.make_due(id, now).await {
            Ok(team) => next_look(&team, now),
            Err(Error::Config(status)) if status.code() == Code::NotFound => return,
            Err(error) => {
                tracing::warn!(team = %id, %error, "a digest could not be created");
                now + RETRY
            }
        };
        self.looks().insert(id, Look { next, mark });
    }

    async fn make_due(&self, id: TeamId, now: DateTime<Utc>) -> Result<Team> {
        let team = self.maker.team(id).await?;
        self.maker.make_due(id, &team, now - SETTLE).await?;
        Ok(team)
    }

    async fn teams_to_look_at(&self, now: DateTime<Utc>) -> Result<Vec<TeamId>> {
        let mut request = ListAllTeamsRequest {
            page_size: PAGE,
            page_token: String::new(),
        };
        let mut all = Vec::new();
        loop {
            let response = self
                .maker
                .config
                .list_all_teams(internal_request(request.clone()))
                .await;
            let page = response.map_err(Error::Config)?.into_inner();
            all.extend(
                page.teams
                    .iter()
                    .filter_map(|team| team.id.parse::<TeamId>().ok()),
            );
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        let mut looks = self.looks();
        let at_once = Look {
            next: now,
            mark: self.feed.mark(),
        };
        let kept: HashMap<_, _> = all
            .into_iter()
            .map(|team| (team, looks.get(&team).copied().unwrap_or(at_once)))
            .collect();
        // In no order: replicas that start together begin with different teams, and whoever never lives long does not
        // always end before the same ones.
        let due = kept
            .iter()
            .filter(|(team, look)| look.next <= now || !self.feed.is_current(Some(**team), look.mark));
        let due = due.map(|(team, _)| *team).collect();
        *looks = kept;
        Ok(due)
    }

    fn looks(&self) -> parking_lot::MutexGuard<'_, HashMap<TeamId, Look>> {
        self.looks.lock()
    }
}

fn next_look(team: &Team, now: DateTime<Utc>) -> DateTime<Utc> {
    let recheck = now + RECHECK;
    let next = team
        .schedule()
        .ok()
        .and_then(|schedule| schedule.next_after(now - SETTLE));
    next.map_or(recheck, |next| recheck.min(next + SETTLE))
}
