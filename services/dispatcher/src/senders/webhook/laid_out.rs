//! Bodies that a team lays out itself, or by a preset. They are made in the team's turn on threads for tenants' programs.

use std::sync::{Arc, OnceLock};

use watchbell_contracts::config::v1 as config;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::body::{BodyError, BodyTemplate, InvalidBody, Preset};
use watchbell_model::expression::BodyFacts;
use watchbell_runtime::tenant_pool::TenantPool;

use super::content::Content;
use crate::senders::AttemptResult;

/// A body of a channel, once it was compiled.
pub(crate) type Compiled = Arc<OnceLock<Result<BodyTemplate, InvalidBody>>>;

/// Why there is nothing to send.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoContent {
    /// The body cannot be made of this event, now or later.
    #[error("{0}")]
    Wrong(String),
    /// Nor would it be taken.
    #[error("{0}")]
    TooLarge(String),
    /// It may be made later.
    #[error("The team's expressions are overloaded.")]
    Busy,
}

/// What a channel sends of an event. `headers` are its extra ones.
///
/// # Errors
/// Why it cannot be made. Only what may pass by itself is retryable.
pub(crate) async fn content(
    pool: &TenantPool,
    event: &Arc<AcceptedEvent>,
    compiled: &Compiled,
    destination: &config::WebhookDestination,
    headers: &[config::HttpHeader],
) -> Result<Content, NoContent> {
    let Some(document) = document(destination)? else {
        return Ok(Content::enveloped(event, destination.envelope()));
    };
    let headers: Vec<_> = headers
        .iter()
        .map(|header| (header.name.clone(), header.value.clone()))
        .collect();
    let (team, event, compiled) = (event.team_id, Arc::clone(event), Arc::clone(compiled));
    let make = move || {
        let template = compiled.get_or_init(|| BodyTemplate::parse(&document));
        let template = template
            .as_ref()
            .map_err(|invalid| failed(&format!("The channel's body {invalid}.")))?;
        let alert = event.alert_status.get();
        let filtered = event.as_filtered(event.data.parse().unwrap_or_default());
        let filtered = filtered.ok_or_else(|| failed("The event has no valid type."))?;
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let of_body = BodyFacts::new(headers, alert).map_err(|error| failed(&error.to_string()))?;
        template
            .render(&filtered, &of_body)
            .map_err(|error| not_made(&error))
    };
    let made = pool.run(team, make).await;
    made.map_err(|_| NoContent::Busy)?
        .map(|body| Content::json(body.into()))
}

/// The document that is sent.
fn document(destination: &config::WebhookDestination) -> Result<Option<String>, NoContent> {
    match (destination.body.as_str(), destination.preset.as_str()) {
        ("", "") => Ok(None),
        ("", name) => match Preset::named(name) {
            Some(preset) => Ok(Some(preset.body.to_owned())),
            None => Err(failed(&format!(
                "This version of Watchbell has no preset `{name}`."
            ))),
        },
        (body, _) => Ok(Some(body.to_owned())),
    }
}

fn not_made(error: &BodyError) -> NoContent {
    match error {
        BodyError::Failed(..) => failed(&format!("{error}.")),
        BodyError::TooLarge => NoContent::TooLarge(format!("{error}.")),
    }
}

fn failed(why: &str) -> NoContent {
    NoContent::Wrong(format!(
        "{why} Correct the channel's body, then replay the delivery."
    ))
}

// === impl NoContent ===

impl NoContent {
    /// What an attempt comes to that sent nothing.
    pub(crate) fn into_result(self) -> AttemptResult {
        let why = self.to_string();
        match self {
            Self::Wrong(_) => AttemptResult::permanent("webhook.body", why),
            Self::TooLarge(_) => AttemptResult::permanent("webhook.body_too_large", why),
            Self::Busy => AttemptResult::retryable("webhook.busy", why),
        }
    }
}
