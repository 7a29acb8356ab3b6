//! Events that were accepted, read back from the Dispatcher to be decided once more.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use watchbell_contracts::api::DispatcherApi;
use watchbell_contracts::dispatcher::v1::{AcceptedEvent as Listed, GetEventRequest};
use watchbell_contracts::event::v1::{Event as WireEvent, Route as WireRoute};
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::notices::is_decided;
use watchbell_model::event::Event;
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::problem::Problem;

/// A stored event, parsed as it was when it was decided.
pub(crate) struct StoredEvent {
    pub(crate) event: Event,
    pub(crate) accepted_at: DateTime<Utc>,
    /// Who got it.
    pub(crate) routes: Vec<WireRoute>,
}

// === impl StoredEvent ===

impl StoredEvent {
    /// The team's event of that id, and the message of it.
    ///
    /// # Errors
    /// `NOT_FOUND`, `FAILED_PRECONDITION` for what was never decided, such as a digest, or the Dispatcher's.
    pub(crate) async fn get(
        dispatcher: &Arc<dyn DispatcherApi>,
        team: TeamId,
        event_id: String,
    ) -> Result<(Self, WireEvent), Problem> {
        let request = GetEventRequest {
            team_id: team.to_string(),
            event_id,
        };
        let answer = dispatcher.get_event(internal_request(request)).await;
        let listed = answer.map_err(|status| Problem::from_upstream("the Dispatcher", status))?;
        let listed = listed.into_inner().event.unwrap_or_default();
        let message = listed.event.clone().unwrap_or_default();
        let stored = Self::read(team, listed).ok_or_else(|| Problem::Precondition {
            reason: "NEVER_DECIDED",
            message: "no rule, channel or preference decides who gets such an event".to_owned(),
        })?;
        Ok((stored, message))
    }

    /// A listed event; none when its type is not one that filters can name, or that of a notice, which they do not choose.
    pub(crate) fn read(team: TeamId, mut listed: Listed) -> Option<Self> {
        let routes = std::mem::take(&mut listed.routes);
        let (accepted, _) = AcceptedEvent::of_log(team, listed)?;
        if !is_decided(&accepted.event_type) {
            return None;
        }
        let data = accepted.data.parse().unwrap_or_default();
        Some(Self {
            event: accepted.as_filtered(data)?,
            accepted_at: accepted.accepted_at,
            routes,
        })
    }
}
