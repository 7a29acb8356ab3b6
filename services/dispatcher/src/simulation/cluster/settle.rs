//! Nothing goes wrong any more, and everything comes to rest.

use std::time::Duration;

use super::Cluster;
use crate::senders::AttemptResult;
use crate::simulation::scheduler::{self, Request, StepResult};

/// Simulated time in which everything comes to rest.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(120);

impl Cluster<'_> {
    /// Goes on until everything is at rest.
    pub(super) async fn settle(&mut self) -> Result<(), String> {
        self.note("from here on nothing goes wrong");
        for replica in &mut self.replicas {
            (replica.paused, replica.away) = (false, false);
        }
        let end = self.now() + SETTLE_TIMEOUT;
        loop {
            if self.replicas.is_empty() {
                self.start().await?;
            }
            // Who was refused comes again when time has passed: nobody owned the shard.
            if self
                .clients
                .iter()
                .any(|client| client.is_idle() && !client.refused)
            {
                self.submit();
            }
            let open = self.open();
            if !open.is_empty() {
                let (id, actor, request) = self.rng.pick(&open).clone();
                let fate = match &request {
                    Request::Carry(_) => {
                        StepResult::Reports(AttemptResult::delivered(200, Duration::from_millis(1)))
                    }
                    _ => StepResult::Goes,
                };
                self.grant(id, actor, request, fate).await?;
                continue;
            }
            let Some(unrest) = self.unrest() else {
                return Ok(());
            };
            if self.now() >= end {
                return Err(format!("it does not come to rest: {unrest}"));
            }
            self.wait();
            for client in &mut self.clients {
                client.refused = false;
            }
        }
    }

    fn unrest(&self) -> Option<String> {
        if let Some(client) = self.clients.iter().find(|client| !client.accepted) {
            return Some(format!("{} is not accepted", client.event));
        }
        if let Some(unrest) = self.checks.unrest() {
            return Some(unrest);
        }
        let restless = |replica: &&super::Replica| {
            !replica.core.lanes().are_at_rest() || !self.checks.lives(replica.core.owner())
        };
        let replica = self.replicas.iter().find(restless)?;
        Some(format!(
            "r{} has something in its lanes, or is taken for dead",
            replica.number
        ))
    }

    /// Until something may happen again.
    fn wait(&mut self) {
        let now = self.now();
        let turns = scheduler::pending()
            .into_iter()
            .filter_map(|(_, _, request)| match request {
                Request::Turn(at) if at > now && at < Duration::MAX => Some(at - now),
                _ => None,
            });
        let by = turns.min().unwrap_or(Duration::from_secs(1));
        self.advance(by.max(Duration::from_millis(1)));
        self.note("time passes");
    }
}
