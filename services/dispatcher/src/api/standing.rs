//! Rows of deliveries with why they stand where they do, as far as other tables say it.

use std::collections::HashMap;

use uuid::Uuid;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::dispatcher::v1::delivery::StateDetail;
use watchbell_model::ids::TeamId;

use crate::encode;
use crate::error::Error;
use crate::job::{ParkedFor, State};
use crate::state::Core;
use crate::store::LastAttempt;
use crate::store::entities::deliveries;

/// Deliveries without their attempts.
pub(super) async fn listed(
    core: &Core,
    team: TeamId,
    rows: &[deliveries::Model],
) -> Result<Vec<wire::Delivery>, Error> {
    let mut failures = failures(core, team, rows).await?;
    let unhealthy = unhealthy(core, team, rows).await?;
    let mut deliveries = Vec::with_capacity(rows.len());
    for row in rows {
        let mut delivery = encode::delivery(row)?;
        match &mut delivery.state_detail {
            Some(StateDetail::Failed(failed)) if row.folded_into.is_none() => {
                if let Some(last) = failures.remove(&row.id) {
                    *failed = encode::failed_by(last.outcome, last.error_code);
                }
            }
            Some(StateDetail::Parked(parked)) if is_for_health(row) => {
                let since = row.channel_id.and_then(|id| unhealthy.get(&id));
                parked.unhealthy_since_time = since.map(|at| encode::time(*at));
            }
            _ => {}
        }
        deliveries.push(delivery);
    }
    Ok(deliveries)
}

/// The last attempts of what has failed.
async fn failures(
    core: &Core,
    team: TeamId,
    rows: &[deliveries::Model],
) -> Result<HashMap<Uuid, LastAttempt>, Error> {
    let failed = rows.iter().filter(|row| row.state == State::Failed as i16);
    let failed: Vec<_> = failed.map(|row| (row.id, row.attempt_count)).collect();
    Ok(match failed.is_empty() {
        true => HashMap::new(),
        false => core.db.last_attempts(team, &failed).await?,
    })
}

/// Since when the channels are unhealthy for which something is parked.
async fn unhealthy(
    core: &Core,
    team: TeamId,
    rows: &[deliveries::Model],
) -> Result<HashMap<Uuid, i64>, Error> {
    Ok(match rows.iter().any(is_for_health) {
        true => core.db.unhealthy_since(team).await?,
        false => HashMap::new(),
    })
}

fn is_for_health(row: &deliveries::Model) -> bool {
    row.parked_for == Some(ParkedFor::Unhealthy as i16)
}
