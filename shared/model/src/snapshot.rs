//! Everything of a team that decides who hears of its events, at one revision. Config makes it, the others hold it in an `Arc`
//! and keep working on it while Config is down. It holds no secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono_tz::Tz;
use watchbell_contracts::config::v1 as wire;

use crate::catalog::{Catalog, EventTypeDefinition};
use crate::cell::TeamCell;
use crate::channel::Channel;
use crate::convert::optional;
use crate::data::Data;
use crate::email::EmailAddress;
use crate::expression::Cost;
use crate::ids::{ChannelId, MemberId, TeamId};
use crate::member::Member;
use crate::mention::MentionRule;
use crate::quiet_hours::time_zone;
use crate::rule::Rule;
use crate::silence::Silence;
use crate::violation::{Violations, reason};
use crate::vocabulary::{ChannelKind, Plan};

/// A snapshot as it travels.
#[derive(Debug, Clone)]
pub struct SnapshotParts {
    /// The team.
    pub team_id: TeamId,
    /// Grows with every change of anything in the team.
    pub revision: i64,
    /// The team's name.
    pub name: String,
    /// What it pays for.
    pub plan: Plan,
    /// Its zone.
    pub time_zone: Tz,
    /// Its members, with the preferences that they chose.
    pub members: Vec<Member>,
    /// Its channels.
    pub channels: Vec<Channel>,
    /// Its rules, in any order.
    pub rules: Vec<Rule>,
    /// Its mention rules.
    pub mention_rules: Vec<MentionRule>,
    /// Who gets receipts; the Owners when empty.
    pub compliance_recipients: Vec<EmailAddress>,
    /// Who would get receipts, and has not confirmed yet.
    pub unconfirmed_compliance: Vec<EmailAddress>,
    /// Its own event types.
    pub event_types: Vec<EventTypeDefinition>,
    /// Its silences that have not ended.
    pub silences: Vec<Silence>,
    /// The cell that it lives in; `None` while there is one cell.
    pub cell: Option<TeamCell>,
}

/// A snapshot as it is asked.
#[derive(Debug, Clone)]
pub struct TeamSnapshot {
    /// The team.
    pub team_id: TeamId,
    /// Grows with every change of anything in the team.
    pub revision: i64,
    /// The team's name.
    pub name: String,
    /// What it pays for.
    pub plan: Plan,
    /// Its zone.
    pub time_zone: Tz,
    /// Its members.
    pub members: BTreeMap<MemberId, Arc<Member>>,
    /// Its channels.
    pub channels: BTreeMap<ChannelId, Arc<Channel>>,
    /// Its rules, in order.
    pub rules: Vec<Arc<Rule>>,
    /// Its mention rules.
    pub mention_rules: Vec<Arc<MentionRule>>,
    /// Who gets receipts; the Owners when empty.
    pub compliance_recipients: Vec<EmailAddress>,
    /// Who would get receipts, and has not confirmed yet.
    pub unconfirmed_compliance: Vec<EmailAddress>,
    /// The built-in event types and its own.
    pub catalog: Catalog,
    /// Its silences that had not ended.
    pub silences: Vec<Silence>,
    /// The cell that it lives in; `None` while there is one cell.
    pub cell: Option<TeamCell>,
    /// What all expressions of its filters cost together.
    expressions: Cost,
}

// === impl TeamSnapshot ===

impl TeamSnapshot {
    /// Indexes the parts and compiles the team's event types. What Config has stored it has checked; violations here, with
    /// paths under `event_types`, mean that it was written by another version.
    pub fn new(parts: SnapshotParts) -> Result<Self, Violations> {
        let catalog =
            Catalog::with_custom(parts.event_types).map_err(|violations| violations.under("event_types"))?;
        let mut rules = parts.rules;
        rules.sort_by_key(|rule| (rule.position, rule.id));
        let expressions = cost(&rules, &parts.channels);
        Ok(Self {
            team_id: parts.team_id,
            revision: parts.revision,
            name: parts.name,
            plan: parts.plan,
            time_zone: parts.time_zone,
            members: parts
                .members
                .into_iter()
                .map(|member| (member.id, Arc::new(member)))
                .collect(),
            channels: parts
                .channels
                .into_iter()
                .map(|channel| (channel.id, Arc::new(channel)))
                .collect(),
            rules: rules.into_iter().map(Arc::new).collect(),
            mention_rules: parts.mention_rules.into_iter().map(Arc::new).collect(),
            compliance_recipients: parts.compliance_recipients,
            unconfirmed_compliance: parts.unconfirmed_compliance,
            catalog,
            silences: parts.silences,
            cell: parts.cell,
            expressions,
        })
    }

    /// The same team with other rules, in order.
    #[must_use]
    pub fn with_rules(&self, rules: Vec<Arc<Rule>>) -> Self {
        let expressions = cost(
            rules.iter().map(AsRef::as_ref),
            self.channels.values().map(AsRef::as_ref),
        );
        Self {
            rules,
            expressions,
            ..self.clone()
        }
    }

    /// Whether checking and deciding an event of that type with this data may take long enough to delay others, because of
    /// what the team wrote: schemas, patterns, expressions.
    #[must_use]
    pub fn is_heavy(&self, event_type: &str, data: &Data) -> bool {
        self.expressions.is_heavy(data)
            || self
                .catalog
                .get(event_type)
                .is_some_and(|spec| spec.is_heavy(data))
    }

    /// The same when its silences are asked, too, as an explanation does.
    #[must_use]
    pub fn is_heavy_with_silences(&self, event_type: &str, data: &Data) -> bool {
        let expressions = self
            .silences
            .iter()
            .filter_map(|silence| silence.filter.expression.as_ref());
        let all = expressions.fold(self.expressions, |sum, expression| sum.plus(expression.cost()));
        all.is_heavy(data) || self.is_heavy(event_type, data)
    }

    /// The channel of that id.
    #[must_use]
    pub fn channel(&self, id: ChannelId) -> Option<&Arc<Channel>> {
        self.channels.get(&id)
    }

    /// Every channel of that kind, whether enabled or not, by id.
    pub fn channels_of(&self, kind: ChannelKind) -> impl Iterator<Item = &Arc<Channel>> {
        self.channels.values().filter(move |channel| channel.kind == kind)
    }

    /// The channel that alerts of that kind fall through to, whether enabled or not.
    #[must_use]
    pub fn default_channel(&self, kind: ChannelKind) -> Option<&Arc<Channel>> {
        self.channels_of(kind).find(|channel| channel.is_default)
    }

    /// The Owners.
    pub fn owners(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.members.values().filter(|member| member.is_owner())
    }
}

/// What the expressions of all filters cost together.
fn cost<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    channels: impl IntoIterator<Item = &'a Channel>,
) -> Cost {
    let filters = rules.into_iter().map(|rule| &rule.filter);
    let filters = filters.chain(channels.into_iter().flat_map(|channel| {
        let own = std::iter::once(&channel.filter);
        own.chain(&channel.triggers)
    }));
    filters
        .filter_map(|filter| filter.expression.as_ref())
        .fold(Cost::default(), |sum, expression| sum.plus(expression.cost()))
}

impl TryFrom<&wire::TeamSnapshot> for TeamSnapshot {
    type Error = Violations;

    /// Reads a snapshot. Config checks what it stores, so violations mean that it was written by another version.
    fn try_from(message: &wire::TeamSnapshot) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let team = message.team.clone().unwrap_or_default();
        let Some(team_id) = violations.parse::<TeamId>("team.id", reason::MALFORMED, &team.id) else {
            return Err(violations);
        };
        let time_zone = time_zone(&team.time_zone, "team.time_zone", &mut violations).unwrap_or_default();
        let parts = SnapshotParts {
            team_id,
            revision: message.revision,
            name: team.display_name,
            plan: optional::<Plan>(team.plan, "team.plan", &mut violations).unwrap_or_default(),
            time_zone,
            members: violations.take_each("members", &message.members, Member::try_from),
            channels: violations.take_each("channels", &message.channels, |channel| {
                Channel::read(channel, time_zone)
            }),
            rules: violations.take_each("rules", &message.rules, Rule::try_from),
            mention_rules: violations.take_each(
                "mention_rules",
                &message.mention_rules,
                MentionRule::try_from,
            ),
            compliance_recipients: violations
                .parse_each("compliance_recipients", &message.compliance_recipients),
            unconfirmed_compliance: violations.parse_each(
                "unconfirmed_compliance_recipients",
                &message.unconfirmed_compliance_recipients,
            ),
            event_types: violations.take_each(
                "event_types",
                &message.event_types,
                EventTypeDefinition::try_from,
            ),
            silences: violations.take_each("silences", &message.silences, Silence::try_from),
            cell: message
                .cell
                .as_ref()
                .and_then(|cell| violations.take_under("cell", TeamCell::try_from(cell))),
        };
        violations.into_result(())?;
        Self::new(parts)
    }
}

impl SnapshotParts {
    /// A team without anything, on the plan and in the zone that a team has of which nothing else is said.
    #[must_use]
    pub fn empty(team_id: TeamId) -> Self {
        Self {
            team_id,
            revision: 0,
            name: String::new(),
            plan: Plan::default(),
            time_zone: Tz::UTC,
            members: Vec::new(),
            channels: Vec::new(),
            rules: Vec::new(),
            mention_rules: Vec::new(),
            compliance_recipients: Vec::new(),
            unconfirmed_compliance: Vec::new(),
            event_types: Vec::new(),
            silences: Vec::new(),
            cell: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::tests::channel;
    use crate::event::tests::noon;
    use crate::filter::Filter;
    use crate::ids::RuleId;
    use crate::member::tests::member;
    use crate::rule::RuleAction;
    use crate::vocabulary::Role;

    fn rule(position: u32) -> Rule {
        Rule {
            id: RuleId::generate(noon()),
            name: format!("rule {position}"),
            position,
            enabled: true,
            filter: Filter::default(),
            action: RuleAction::Silence { kinds: vec![] },
            continue_: false,
            repeat: crate::alert::Repeat::Count,
            group: None,
            remind: None,
            escalate: None,
        }
    }

    #[test]
    fn a_snapshot_is_ordered_and_finds_defaults_and_owners() {
        let mut default = channel(2, ChannelKind::Slack);
        default.is_default = true;
        let parts = SnapshotParts {
            members: vec![member(1, Role::Member), member(2, Role::Owner)],
            channels: vec![
                channel(1, ChannelKind::Slack),
                default.clone(),
                channel(3, ChannelKind::Teams),
            ],
            rules: vec![rule(3), rule(1), rule(2)],
            ..SnapshotParts::empty(TeamId::generate(noon()))
        };
        let snapshot = TeamSnapshot::new(parts).unwrap();
        assert_eq!(
            snapshot
                .rules
                .iter()
                .map(|rule| rule.position)
                .collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert_eq!(
            snapshot
                .default_channel(ChannelKind::Slack)
                .map(|channel| channel.id),
            Some(default.id)
        );
        assert_eq!(snapshot.default_channel(ChannelKind::Teams), None);
        assert_eq!(snapshot.channels_of(ChannelKind::Slack).count(), 2);
        assert_eq!(snapshot.owners().count(), 1);
        assert!(snapshot.channel(default.id).is_some());
    }
}
