//! How many of last week's messages a silence would have kept back: one that matches more than half of them may be wider
//! than its author thinks. Costs one page of events, whatever the team has.

use chrono::TimeDelta;
use watchbell_contracts::config::v1::SilenceReach;
use watchbell_contracts::dispatcher::v1::AcceptedEvent as Listed;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::RECEIPT;
use watchbell_model::expression::Facts;
use watchbell_model::ids::TeamId;
use watchbell_model::silence::Silence;
use watchbell_model::{ChannelKind, Data};

use crate::service::Service;

/// Of how many events, the newest ones.
const EVENTS: i32 = 1_000;
/// What the events may cost together: an event whose expression is slow costs [`SLOW`], any other one 1.
const BUDGET: usize = 1_000;
const SLOW: usize = 50;

/// Messages of a sample of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    matched: usize,
    all: usize,
}

// === impl Reach ===

impl Reach {
    /// The warning about a silence that matches more than half of last week's messages.
    pub(crate) fn warning(self) -> Option<String> {
        let Self { matched, all } = self;
        (matched * 2 > all).then(|| match all {
            1 => "It matches the only message of the past week.".to_owned(),
            all => format!(
                "It matches {matched} of the last {all} messages of the past week, more than half of them."
            ),
        })
    }

    /// As callers read it.
    pub(crate) fn to_message(self) -> SilenceReach {
        let count = |messages| i32::try_from(messages).unwrap_or(i32::MAX);
        SilenceReach {
            matched_count: count(self.matched),
            message_count: count(self.all),
        }
    }
}

/// What a silence would have kept back of last week's messages; nothing without the Dispatcher's answer.
pub(crate) async fn lately(service: &Service, team: TeamId, silence: &Silence) -> Option<Reach> {
    let since = service.now() - TimeDelta::weeks(1);
    let events = service.dispatcher().newest_events(team, since, EVENTS).await?;
    let silence = silence.clone();
    let pool = service.tenant_pool();
    pool.run(team, move || reach(&silence, team, events)).await.ok()
}

/// Counts the messages of these events. Messages that no silence can keep back do not count, nor webhooks that this one
/// does not name.
fn reach(silence: &Silence, team: TeamId, events: Vec<Listed>) -> Reach {
    let mut reach = Reach::default();
    let mut budget = BUDGET;
    for listed in events {
        let Some((event, routes)) = AcceptedEvent::of_log(team, listed) else {
            continue;
        };
        let data = event.data.parse().unwrap_or_default();
        let Some(event) = event.as_filtered(data) else {
            continue;
        };
        if event.event_type.as_str() == RECEIPT {
            continue;
        }
        let Some(left) = budget.checked_sub(cost(silence, &event.data)) else {
            break;
        };
        budget = left;
        let facts = Facts::of(&event);
        let is_matched = silence.filter.matches_facts(&facts).is_yes();
        for route in routes {
            if route.is_the_platforms() {
                continue;
            }
            let covered = silence.covers(route.kind, route.channel_id());
            let counts = !matches!(route.kind, ChannelKind::Webhook | ChannelKind::InApp);
            reach.all += usize::from(covered || counts);
            reach.matched += usize::from(covered && is_matched);
        }
    }
    reach
}

fn cost(silence: &Silence, data: &Data) -> usize {
    let expression = silence.filter.expression.as_ref();
    if expression.is_some_and(|expression| expression.cost().is_heavy(data)) {
        SLOW
    } else {
        1
    }
}
