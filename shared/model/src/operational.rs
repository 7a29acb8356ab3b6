//! Operational events: what Watchbell itself emits about its work for a team, such as a channel that is unhealthy. Each is
//! checked and decided as one that a backend emits, and goes only where a filter names its type; some go to people as well, whatever the
//! configuration says.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use watchbell_contracts::config::v1 as wire;

use crate::accepted_event::AcceptedEvent;
use crate::catalog::Catalog;
use crate::decision::Decide;
use crate::event::{Event, EventDraft};
use crate::ids::TeamId;
use crate::route::{Route, TargetKey};
use crate::snapshot::TeamSnapshot;
use crate::violation::Violations;

/// The event of a draft, and who gets it: `notices`, and besides whoever the team's configuration names and no notice reaches. A
/// configuration that another version wrote and this one cannot read names nobody.
///
/// # Errors
/// A draft that its type does not take: a fault of its maker's.
pub fn settle(
    team: TeamId,
    snapshot: &wire::TeamSnapshot,
    decide: Decide,
    draft: EventDraft,
    notices: Vec<Route>,
    now: DateTime<Utc>,
) -> Result<(AcceptedEvent, Vec<Route>), Violations> {
    let event = Event::parse(draft, team, Catalog::built_in(), now)?;
    let snapshot = TeamSnapshot::try_from(snapshot).ok();
    let decided = snapshot
        .filter(|snapshot| snapshot.team_id == team)
        .map(|snapshot| decide(&snapshot, &event).routes)
        .unwrap_or_default();
    let key = |route: &Route| TargetKey::of(&route.target);
    let reached: HashSet<_> = notices.iter().filter_map(key).collect();
    let decided = decided.iter().map(Route::from);
    let mut routes = notices;
    routes.extend(decided.filter(|route| key(route).is_none_or(|key| !reached.contains(&key))));
    Ok((AcceptedEvent::new(event, None, now), routes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::notices::DELIVERY_FAILED;
    use crate::decision::{self, Decision};
    use crate::event::tests::noon;
    use crate::route::{Reason, Target};
    use crate::vocabulary::ChannelKind;

    fn decided(_: &TeamSnapshot, _: &Event) -> Decision {
        let route = |target| decision::Route {
            target,
            reason: decision::Reason::AlertsByDefault,
            mentions: Vec::new(),
            tells_repeats: false,
            group: None,
            remind: None,
            escalate: None,
        };
        let to = |address: &str| decision::Target::Address {
            address: address.parse().unwrap(),
            channel: None,
        };
        let routes = [
            decision::Target::Inbox,
            to("Olga@acme.example"),
            to("siem@acme.example"),
        ];
        Decision {
            routes: routes.into_iter().map(route).collect(),
            ..Decision::default()
        }
    }

    fn addresses(snapshot: &wire::TeamSnapshot, team: TeamId) -> Vec<String> {
        let draft = EventDraft {
            event_type: DELIVERY_FAILED.to_owned(),
            data: r#"{"kind":"WEBHOOK","count":1}"#.parse().unwrap(),
            ..EventDraft::default()
        };
        let notice = |kind, target| Route::new(kind, target, Reason::default());
        let olga = Target::Address {
            address: "olga@acme.example".to_owned(),
            channel: None,
        };
        let notices = vec![
            notice(ChannelKind::Email, olga),
            notice(ChannelKind::InApp, Target::Inbox),
        ];
        let (event, routes) = settle(team, snapshot, decided, draft, notices, noon()).unwrap();
        assert_eq!(event.title, "Deliveries failed");
        let shown = routes.into_iter().map(|route| match route.target {
            Target::Address { address, .. } => address,
            other => format!("{other:?}"),
        });
        shown.collect()
    }

    #[test]
    fn nobody_gets_an_operational_event_twice() {
        let team = TeamId::generate(noon());
        let snapshot = wire::TeamSnapshot {
            team: Some(wire::Team {
                id: team.to_string(),
                ..wire::Team::default()
            }),
            ..wire::TeamSnapshot::default()
        };
        assert_eq!(
            addresses(&snapshot, team),
            ["olga@acme.example", "Inbox", "siem@acme.example"]
        );
        let unreadable = wire::TeamSnapshot::default();
        assert_eq!(addresses(&unreadable, team), ["olga@acme.example", "Inbox"]);
    }
}
