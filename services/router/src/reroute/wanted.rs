//! What a reroute is asked for, checked.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use watchbell_contracts::dispatcher::v1::ListEventsRequest;
use watchbell_contracts::router::v1::RerouteRequest;
use watchbell_model::catalog::notices::is_operational;
use watchbell_model::decision::Target;
use watchbell_model::event::Event;
use watchbell_model::ids::ChannelId;
use watchbell_model::pace;
use watchbell_model::pattern::EventPattern;
use watchbell_model::snapshot::TeamSnapshot;
use watchbell_model::violation::{Violations, reason};

use crate::stored_events::Period;

/// The most channels that a request may name.
const MAX_CHANNELS: usize = 100;

/// Which routes, and how.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Every route when empty.
    channels: HashSet<ChannelId>,
    /// The types that the filter asks for; those that are wrong are refused by who reads it.
    types: Vec<EventPattern>,
    pub(crate) validate_only: bool,
    pub(crate) per_second: u32,
}

/// What a request asks for, its period, and the filter of its events.
///
/// # Errors
/// Every field that is wrong, but for those of the filter.
pub(crate) fn read(
    request: RerouteRequest,
    today: &TeamSnapshot,
    now: DateTime<Utc>,
) -> Result<(Wanted, Period, ListEventsRequest), Violations> {
    let mut violations = Violations::new();
    let (start, end) = (request.start_time.as_ref(), request.end_time.as_ref());
    let period = violations.take(Period::read(start, end, 0, now));
    let channels = channels(&request.channel_ids, today, &mut violations);
    let per_second = pace::per_second(request.per_second, &mut violations).unwrap_or(pace::PER_SECOND);
    let Some(period) = period.filter(|_| violations.is_empty()) else {
        return Err(violations);
    };
    let wanted = Wanted {
        channels,
        types: request
            .types
            .iter()
            .filter_map(|text| text.trim().parse().ok())
            .collect(),
        validate_only: request.validate_only,
        per_second,
    };
    let filter = ListEventsRequest {
        types: request.types,
        severities: request.severities,
        sources: request.sources,
        subject: request.subject,
        text: request.text,
        categories: request.categories,
        ..ListEventsRequest::default()
    };
    Ok((wanted, period, filter))
}

fn channels(ids: &[String], today: &TeamSnapshot, violations: &mut Violations) -> HashSet<ChannelId> {
    if ids.len() > MAX_CHANNELS {
        let why = format!("must name at most {MAX_CHANNELS} channels");
        violations.add("channel_ids", reason::TOO_LONG, why);
        return HashSet::new();
    }
    let mut channels = HashSet::new();
    for (index, id) in ids.iter().enumerate() {
        let field = format!("channel_ids[{index}]");
        let Some(id) = violations.parse::<ChannelId>(&field, reason::MALFORMED, id) else {
            continue;
        };
        if today.channel(id).is_none() {
            violations.add(field, reason::UNKNOWN_VALUE, "is no channel of the team");
        }
        channels.insert(id);
    }
    channels
}

// === impl Wanted ===

impl Wanted {
    /// Whether a route leads where it is wanted.
    pub(crate) fn takes(&self, target: &Target) -> bool {
        let channel = match target {
            Target::Channel { id, .. } => Some(*id),
            Target::Person { channel, .. } | Target::Address { channel, .. } => *channel,
            Target::Inbox | Target::Receipts => None,
        };
        self.leads_to(channel)
    }

    /// Whether what goes by that channel, if by any, is wanted.
    pub(crate) fn leads_to(&self, channel: Option<ChannelId>) -> bool {
        self.channels.is_empty() || channel.is_some_and(|id| self.channels.contains(&id))
    }

    /// Whether an event is wanted: operational ones where the filter names them.
    pub(crate) fn takes_event(&self, event: &Event) -> bool {
        let names = |pattern: &EventPattern| pattern.names(&event.event_type);
        !is_operational(event.event_type.as_str()) || self.types.iter().any(names)
    }
}
