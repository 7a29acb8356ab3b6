//! What the tests of this crate share: teams in a few words, routes in one, and scripted peers.

mod peers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use watchbell_contracts::config::v1::EventFilter;
use watchbell_model::alert::Repeat;
use watchbell_model::catalog::Catalog;
use watchbell_model::channel::{Channel, LaneLimits, StormLimit};
use watchbell_model::decision::{Decision, Route, Target};
use watchbell_model::event::Event;
use watchbell_model::filter::Filter;
use watchbell_model::ids::{ChannelId, EventId, MemberId, MentionRuleId, RuleId, TeamId};
use watchbell_model::member::Member;
use watchbell_model::mention::{Mention, MentionRule};
use watchbell_model::pattern::EventPattern;
use watchbell_model::preference::Preference;
use watchbell_model::retry::RetrySchedule;
use watchbell_model::rule::{Rule, RuleAction};
use watchbell_model::severities::SeveritySet;
use watchbell_model::silence::Silence;
use watchbell_model::snapshot::{SnapshotParts, TeamSnapshot};
use watchbell_model::vocabulary::{Category, ChannelHealth, ChannelKind, Plan, Role, Severity, Topic};

pub(crate) use peers::{FakeConfig, FakeDispatcher, FakeSession, wire_team};

/// A Tuesday.
pub(crate) fn noon() -> DateTime<Utc> {
    "2026-03-03T12:00:00Z".parse().unwrap()
}

pub(crate) fn team_id() -> TeamId {
    TeamId::from_uuid(Uuid::from_u128(1))
}

/// Polls until something holds; a minute without it is a failure.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .unwrap();
}

/// A team being described. Things are called by their names; ids count up.
pub(crate) struct Team {
    parts: SnapshotParts,
    next: u128,
}

// === impl Team ===

impl Team {
    pub(crate) fn new() -> Self {
        let mut parts = SnapshotParts::empty(team_id());
        parts.revision = 1;
        Self { parts, next: 0 }
    }

    fn number(&mut self) -> Uuid {
        self.next += 1;
        Uuid::from_u128(self.next)
    }

    pub(crate) fn silenced_by(mut self, silence: Silence) -> Self {
        self.parts.silences.push(silence);
        self
    }

    pub(crate) fn plan(mut self, plan: Plan) -> Self {
        self.parts.plan = plan;
        self
    }

    pub(crate) fn channel(mut self, kind: ChannelKind, name: &str) -> Self {
        let id = ChannelId::from_uuid(self.number());
        self.parts.channels.push(channel(id, kind, name));
        self
    }

    pub(crate) fn slack(self, name: &str) -> Self {
        self.channel(ChannelKind::Slack, name)
    }

    pub(crate) fn teams(self, name: &str) -> Self {
        self.channel(ChannelKind::Teams, name)
    }

    /// The last channel becomes the default of its kind.
    pub(crate) fn by_default(self) -> Self {
        self.with_last(|channel| channel.is_default = true)
    }

    pub(crate) fn paused(self) -> Self {
        self.with_last(|channel| channel.enabled = false)
    }

    pub(crate) fn with_last(mut self, change: impl FnOnce(&mut Channel)) -> Self {
        change(self.parts.channels.last_mut().unwrap());
        self
    }

    pub(crate) fn email(self, name: &str, recipients: &[&str]) -> Self {
        let recipients = recipients.iter().map(|text| text.parse().unwrap()).collect();
        self.channel(ChannelKind::Email, name)
            .with_last(|channel| channel.recipients = recipients)
    }

    pub(crate) fn webhook(self, name: &str, filter: Filter) -> Self {
        self.channel(ChannelKind::Webhook, name)
            .with_last(|channel| channel.filter = filter)
    }

    pub(crate) fn rule(self, name: &str, filter: Filter, channels: &[&str]) -> Self {
        let channels = channels
            .iter()
            .map(
                |name| match self.parts.channels.iter().find(|channel| channel.name == *name) {
                    Some(channel) => channel.id,
                    None => ChannelId::from_uuid(Uuid::from_u128(0xdead)),
                },
            )
            .collect();
        self.action(name, filter, RuleAction::Send { channels })
    }

    pub(crate) fn id_of(&self, name: &str) -> ChannelId {
        let mut channels = self.parts.channels.iter();
        channels.find(|channel| channel.name == name).unwrap().id
    }

    pub(crate) fn silence(self, name: &str, filter: Filter, kinds: &[ChannelKind]) -> Self {
        let kinds = kinds.to_vec();
        self.action(name, filter, RuleAction::Silence { kinds })
    }

    fn action(mut self, name: &str, filter: Filter, action: RuleAction) -> Self {
        let rule = Rule {
            id: RuleId::from_uuid(self.number()),
            name: name.to_owned(),
            position: u32::try_from(self.parts.rules.len() + 1).unwrap(),
            enabled: true,
            filter,
            action,
            continue_: false,
            repeat: Repeat::Count,
            group: None,
            remind: None,
            escalate: None,
        };
        self.parts.rules.push(rule);
        self
    }

    /// The last rule lets later ones be asked.
    pub(crate) fn and_on(self) -> Self {
        self.with_last_rule(|rule| rule.continue_ = true)
    }

    pub(crate) fn with_last_rule(mut self, change: impl FnOnce(&mut Rule)) -> Self {
        change(self.parts.rules.last_mut().unwrap());
        self
    }

    pub(crate) fn mention(mut self, types: &str, severities: SeveritySet, mentions: &[Mention]) -> Self {
        let rule = MentionRule {
            id: MentionRuleId::from_uuid(self.number()),
            types: patterns(types),
            severities,
            mentions: mentions.to_vec(),
        };
        self.parts.mention_rules.push(rule);
        self
    }

    /// Who the last member is in Slack.
    pub(crate) fn in_slack(mut self, id: &str) -> Self {
        self.parts.members.last_mut().unwrap().slack_user_id = Some(id.parse().unwrap());
        self
    }

    /// Calls the last member.
    pub(crate) fn mentioned(self, types: &str) -> Self {
        let member = self.parts.members.last().unwrap().id;
        self.mention(types, SeveritySet::EMPTY, &[Mention::Member(member)])
    }

    pub(crate) fn member(mut self, email: &str, role: Role) -> Self {
        let member = Member {
            id: MemberId::from_uuid(self.number()),
            team_id: team_id(),
            email: email.parse().unwrap(),
            name: String::new(),
            role,
            slack_user_id: None,
            permissions: BTreeSet::new(),
            preferences: BTreeMap::new(),
        };
        self.parts.members.push(member);
        self
    }

    /// The last member's own word.
    pub(crate) fn who_wants(mut self, topic: Topic, preference: Preference) -> Self {
        let member = self.parts.members.last_mut().unwrap();
        member.preferences.insert(topic, preference);
        self
    }

    pub(crate) fn receipts_to(mut self, addresses: &[&str]) -> Self {
        self.parts.compliance_recipients = addresses.iter().map(|text| text.parse().unwrap()).collect();
        self
    }

    pub(crate) fn build(self) -> TeamSnapshot {
        TeamSnapshot::new(self.parts).unwrap()
    }
}

pub(crate) fn channel(id: ChannelId, kind: ChannelKind, name: &str) -> Channel {
    Channel {
        id,
        team_id: team_id(),
        kind,
        name: name.to_owned(),
        description: String::new(),
        enabled: true,
        is_default: false,
        filter: Filter::default(),
        triggers: None,
        quiet_hours: None,
        storm: StormLimit::default_for(kind),
        retry: RetrySchedule::default(),
        limits: LaneLimits::default_for(kind),
        health: ChannelHealth::Healthy,
        recipients: Vec::new(),
        unconfirmed: Vec::new(),
    }
}

fn patterns(text: &str) -> Vec<EventPattern> {
    text.split_whitespace()
        .map(|pattern| pattern.parse().unwrap())
        .collect()
}

/// Only these types, with spaces between; all when empty.
pub(crate) fn types(text: &str) -> Filter {
    Filter::of_types(patterns(text))
}

pub(crate) fn everything() -> Filter {
    Filter::default()
}

// === impl Filter, in words ===

pub(crate) trait Also {
    fn category(self, category: Category) -> Self;
    fn severities(self, severities: SeveritySet) -> Self;
    fn sources(self, sources: &[&str]) -> Self;
    fn when(self, expression: &str) -> Self;
}

impl Also for Filter {
    fn category(mut self, category: Category) -> Self {
        self.categories.push(category);
        self
    }

    fn severities(mut self, severities: SeveritySet) -> Self {
        self.severities = severities;
        self
    }

    fn sources(mut self, sources: &[&str]) -> Self {
        self.sources = sources.iter().map(ToString::to_string).collect();
        self
    }

    fn when(mut self, expression: &str) -> Self {
        let draft = EventFilter {
            expression: expression.to_owned(),
            ..EventFilter::default()
        };
        self.expression = Filter::try_from(&draft).unwrap().expression;
        self
    }
}

/// A real event of that type, as the catalog has it.
pub(crate) fn event(event_type: &str) -> Event {
    let catalog = Catalog::built_in();
    Event {
        id: "evt-1".parse::<EventId>().unwrap(),
        test: false,
        source: String::new(),
        ..catalog.synthetic(event_type, team_id(), noon()).unwrap()
    }
}

pub(crate) fn at(event_type: &str, severity: Severity) -> Event {
    Event {
        severity,
        ..event(event_type)
    }
}

/// Who hears, in a word each: `#appsec`, `webhook siem`, `ann@example.com by findings`, `inbox`; whom it calls in
/// brackets.
pub(crate) fn heard(snapshot: &TeamSnapshot, decision: &Decision) -> Vec<String> {
    decision
        .routes
        .iter()
        .map(|route| in_words(snapshot, route))
        .collect()
}

fn in_words(snapshot: &TeamSnapshot, route: &Route) -> String {
    let name = |id: ChannelId| snapshot.channel(id).unwrap().name.clone();
    let mut words = match &route.target {
        Target::Channel { id, kind } if kind.is_chat() => name(*id),
        Target::Channel { id, kind } => format!("{} {}", kind.as_str().to_lowercase(), name(*id)),
        Target::Person { address, topic, .. } => format!("{address} by {topic}"),
        Target::Address {
            address,
            channel: None,
        } => address.to_string(),
        Target::Address {
            address,
            channel: Some(id),
        } => format!("{address} by {}", name(*id)),
        Target::Inbox => "inbox".to_owned(),
        Target::Receipts => "whoever gets receipts".to_owned(),
    };
    if !route.mentions.is_empty() {
        let called: Vec<_> = route
            .mentions
            .iter()
            .map(|mention| match mention {
                Mention::SlackUser(id) => id.to_string(),
                Mention::SlackGroup(id) => id.to_string(),
                Mention::Here => "here".to_owned(),
                Mention::TeamsUser(user) => user.name.clone(),
                Mention::Member(id) => id.to_string(),
            })
            .collect();
        words.push_str(&format!(" ({})", called.join(" ")));
    }
    words
}
