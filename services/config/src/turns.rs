//! Turns of teams that have something for the Dispatcher. In its turn a team hands over a few events, then the others do. A
//! team that may hand over no more for now, or whose shard nobody serves, waits for the next run: so it neither stops the
//! others nor floods them. A turn that fails is its team's alone, too.

use std::collections::HashSet;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tonic::{Code, Status};
use watchbell_contracts::dispatcher::v1::SubmitRequest;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;

use crate::dispatcher::Link;
use crate::error::{Error, Result};

/// Turns that are taken concurrently, since a shard without an owner takes seconds to say so.
const CONCURRENT: usize = 8;
/// The most events of one turn.
pub(crate) const TURN: u64 = 20;

/// Events that teams have for the Dispatcher.
pub(crate) trait Outbox: Sync {
    /// Their name in the log, in the plural.
    const NAME: &'static str;

    /// The teams that have some.
    fn teams(&self) -> impl Future<Output = Result<Vec<TeamId>>> + Send;

    /// Hands over some of a team's.
    fn turn(&self, team: TeamId) -> impl Future<Output = Result<Turn>> + Send;
}

/// The result of a turn.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) sent: u64,
    /// Events that are done with, sent or not, or can be handed over in the next turn; with none the team waits.
    pub(crate) settled: u64,
    pub(crate) pause: Option<Pause>,
}

/// Why a team hands over no more for now.
#[derive(Debug)]
pub(crate) enum Pause {
    /// The Dispatcher has taken as much of the team's as it may.
    Team,
    /// The team's shard is not served.
    Shard(Status),
}

/// What waits for the next run.
#[derive(Default)]
struct Waiting {
    teams: HashSet<TeamId>,
    shards: HashSet<ShardId>,
    last: Option<Status>,
}

/// Takes turns until no team has anything left that can be handed over now; answers how much was.
///
/// # Errors
/// The database's.
pub(crate) async fn take_turns<O: Outbox>(outbox: &O) -> Result<u64> {
    let mut waiting = Waiting::default();
    let mut sent = 0;
    loop {
        let mut teams = outbox.teams().await?;
        teams.retain(|team| !waiting.has(*team));
        if teams.is_empty() {
            break;
        }
        let mut teams = teams.into_iter();
        let mut turns = FuturesUnordered::new();
        loop {
            while turns.len() < CONCURRENT
                && let Some(team) = teams.find(|team| !waiting.has(*team))
            {
                turns.push(async move { (team, outbox.turn(team).await) });
            }
            let Some((team, turn)) = turns.next().await else {
                break;
            };
            sent += waiting.note::<O>(team, turn)?;
        }
    }
    if let Some(status) = waiting.last {
        let shards = waiting.shards.len();
        tracing::warn!(%status, shards, "{} will be handed over later", O::NAME);
    }
    Ok(sent)
}

/// Hands over one event; the Dispatcher takes its id once. What it refuses for good is done with, too.
pub(crate) async fn hand_over<O: Outbox>(
    dispatcher: &Link,
    team: TeamId,
    request: SubmitRequest,
) -> std::result::Result<(), Pause> {
    match dispatcher.submit(request).await {
        Ok(()) => Ok(()),
        Err(status) if status.code() == Code::InvalidArgument => {
            tracing::error!(%team, %status, "the Dispatcher refused one of the {}", O::NAME);
            Ok(())
        }
        Err(status) if status.code() == Code::ResourceExhausted => Err(Pause::Team),
        Err(status) => Err(Pause::Shard(status)),
    }
}

// === impl Waiting ===

impl Waiting {
    fn has(&self, team: TeamId) -> bool {
        self.teams.contains(&team) || self.shards.contains(&ShardId::of(team))
    }

    fn note<O: Outbox>(&mut self, team: TeamId, turn: Result<Turn>) -> Result<u64> {
        let turn = match turn {
            Ok(turn) => turn,
            Err(error @ Error::Store(_)) => return Err(error),
            Err(error) => {
                tracing::error!(%team, %error, "{} are not handed over", O::NAME);
                Turn::default()
            }
        };
        if turn.settled == 0 || turn.pause.is_some() {
            self.teams.insert(team);
        }
        if let Some(Pause::Shard(status)) = turn.pause {
            self.shards.insert(ShardId::of(team));
            self.last = Some(status);
        }
        Ok(turn.sent)
    }
}
