//! Events that were not emitted: for previews and tests.

use chrono::{DateTime, Utc};
use watchbell_contracts::event::v1 as wire;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::{Catalog, EventTypeDefinition};
use watchbell_model::event::{Event, EventDraft};
use watchbell_model::ids::TeamId;
use watchbell_model::violation::Violations;
use watchbell_runtime::problem::Problem;

use super::event_type;
use crate::error::Error;
use crate::state::Core;

/// An event that was not emitted, checked as `Emit` checks it. Without data it has the example of its type.
pub(super) async fn drafted(
    core: &Core,
    team: TeamId,
    draft: wire::Event,
    now: DateTime<Utc>,
) -> Result<AcceptedEvent, Error> {
    let within = |violations: Violations| violations.under("event");
    let mut draft = EventDraft::try_from(draft).map_err(within)?;
    let own = own_type(core, team, &draft.event_type).await?;
    let parse = move || {
        let catalog = Catalog::with_custom(own.into_iter().collect())?;
        if draft.data.is_empty()
            && let Some(spec) = catalog.get(&draft.event_type)
        {
            draft.data = spec.example.clone();
        }
        Event::parse(draft, team, &catalog, now)
    };
    let parsed = core.tenant_pool.run(team, parse).await.map_err(Problem::from)?;
    Ok(AcceptedEvent::new(parsed.map_err(within)?, None, now))
}

/// The definition of an event type of the team's own; nothing for one that is built in or that nobody knows.
async fn own_type(core: &Core, team: TeamId, name: &str) -> Result<Option<EventTypeDefinition>, Error> {
    if name.is_empty() || Catalog::built_in().get(name).is_some() {
        return Ok(None);
    }
    let own = event_type(core, team, name).await?;
    Ok(own
        .as_ref()
        .map(EventTypeDefinition::try_from)
        .transpose()
        .map_err(Problem::internal)?)
}
