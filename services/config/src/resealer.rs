//! Seals secrets anew after a change of the key, so that the old key can be dropped from the configuration.

use uuid::Uuid;
use watchbell_model::ids::{ChannelId, TeamId};

use crate::error::Result;
use crate::sealing::RowIdentity;
use crate::service::Service;
use crate::store::channels;

const BATCH: u64 = 200;

/// The loop that follows a change of the sealing key.
#[derive(Debug)]
pub struct Resealer {
    service: Service,
}

// === impl Resealer ===

impl Resealer {
    /// A resealer of this service's channels.
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    /// Looks at every channel once; answers how many were sealed anew. A secret that does not open is logged and
    /// passed over: the others still move to the new key.
    ///
    /// # Errors
    /// The database's.
    pub async fn tick(&self) -> Result<u64> {
        let (store, keyring) = (self.service.store(), self.service.keyring());
        let mut resealed = 0;
        let mut after = Uuid::nil();
        loop {
            let batch = channels::secrets_all_teams(store.reader(), after, BATCH).await?;
            let Some((last, ..)) = batch.last() else {
                return Ok(resealed);
            };
            after = *last;
            for (id, team, old) in batch {
                if keyring.is_current(&old) {
                    continue;
                }
                let (team, id) = (TeamId::from_uuid(team), ChannelId::from_uuid(id));
                let row = RowIdentity::channel(team, id);
                match keyring
                    .open(row, &old)
                    .and_then(|plain| keyring.seal(row, &plain))
                {
                    Ok(new) => {
                        channels::reseal(store.writer(), team, id, old, new).await?;
                        resealed += 1;
                    }
                    Err(error) => {
                        tracing::error!(%team, channel = %id, %error, "a channel's secrets do not open");
                    }
                }
            }
        }
    }
}
