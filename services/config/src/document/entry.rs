//! What Config keeps, as the document writes it. Secrets, ids, health and everything else that is output only have no
//! place there; what means the same is written the same.

use prost_types::Duration as Span;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{
    AlertWhen, Channel, DeliveryPolicy, DigestSettings, EventFilter, EventType, MentionRule, QuietHours,
    Rule, SmtpSecurity, SmtpServer, StormControl, WebhookEnvelope,
};
use watchbell_contracts::event::v1::Mention;
use watchbell_contracts::event::v1::mention::Who;
use watchbell_model::convert::{FromWire, object};
use watchbell_model::preference::Preference as Word;
use watchbell_model::{Category, ChannelKind, Severity, SeveritySet};

use super::tree::{Map, Tree};
use super::words::{lower, print_span, print_window};

/// A channel. Whether it is the default is a relation between channels, and its caller's to say.
pub(super) fn channel(channel: &Channel, is_default: bool) -> Map {
    let common = Map::default()
        .with("name", channel.display_name.as_str())
        .with("kind", kind_of(channel).map(lower).unwrap_or_default())
        .with_text("description", &channel.description)
        .with_flag("paused", channel.paused)
        .with_flag("default", is_default);
    let led = match &channel.destination {
        Some(Destination::Email(email)) => common
            .with_list("recipients", email.recipients.iter().map(String::as_str))
            .with_some("smtp", email.smtp.as_ref().map(smtp)),
        Some(Destination::Webhook(webhook)) => {
            let headers = webhook
                .headers
                .iter()
                .map(|header| Map::default().with("name", header.name.as_str()));
            let cloud_events = webhook.envelope() == WebhookEnvelope::CloudEvents;
            common
                .with("filter", filter(&webhook.filter.clone().unwrap_or_default()))
                .with_list("headers", headers)
                .with_some("envelope", cloud_events.then_some("cloud_events"))
                .with_flag("sign_ed25519", webhook.sign_ed25519)
        }
        Some(Destination::Slack(_) | Destination::Teams(_) | Destination::InApp(_)) | None => common,
    };
    led.with_some("triggers", channel.triggers.as_ref().map(filter))
        .with_some("quiet_hours", channel.quiet_hours.as_ref().and_then(quiet_hours))
        .with_some("storm_control", channel.storm_control.as_ref().map(storm_control))
        .with_some("delivery", channel.delivery.as_ref().and_then(delivery))
}

/// The kind that follows from the destination.
pub(super) fn kind_of(channel: &Channel) -> Option<ChannelKind> {
    channel.destination.as_ref().map(|destination| match destination {
        Destination::Slack(_) => ChannelKind::Slack,
        Destination::Teams(_) => ChannelKind::Teams,
        Destination::Email(_) => ChannelKind::Email,
        Destination::Webhook(_) => ChannelKind::Webhook,
        Destination::InApp(_) => ChannelKind::InApp,
    })
}

fn smtp(smtp: &SmtpServer) -> Map {
    let security = match smtp.security() {
        SmtpSecurity::Unspecified | SmtpSecurity::Starttls => None,
        SmtpSecurity::OptionalStarttls => Some("optional_starttls"),
        SmtpSecurity::Tls => Some("tls"),
        SmtpSecurity::None => Some("none"),
    };
    Map::default()
        .with("host", smtp.host.as_str())
        .with("port", smtp.port)
        .with_text("username", &smtp.username)
        .with_text("from", &smtp.from_address)
        .with_some("security", security)
}

fn filter(filter: &EventFilter) -> Map {
    Map::default()
        .with_list("types", filter.types.iter().map(String::as_str))
        .with_list("categories", words::<Category>(&filter.categories))
        .with_list("severity", severities(&filter.severities))
        .with_list("sources", filter.sources.iter().map(String::as_str))
        .with_text("expression", &filter.expression)
}

fn quiet_hours(quiet: &QuietHours) -> Option<Map> {
    let passing = set(&quiet.passing_severities);
    // CRITICAL passes unless something else is said.
    let said = !passing.is_empty() && passing != SeveritySet::CRITICAL;
    (!quiet.windows.is_empty()).then(|| {
        Map::default()
            .with_text("time_zone", &quiet.time_zone)
            .with("windows", Tree::list(quiet.windows.iter().map(print_window)))
            .with_some("pass", said.then(|| Tree::list(severity_words(passing))))
            .with_flag("coalesce", quiet.coalesce)
    })
}

fn storm_control(storm: &StormControl) -> Tree {
    if storm.max_messages == 0 {
        return "off".into();
    }
    Map::default()
        .with("max_messages", storm.max_messages)
        .with_some("window", storm.window.as_ref().map(span))
        .into()
}

/// Nothing when everything is at its default.
fn delivery(policy: &DeliveryPolicy) -> Option<Map> {
    let concurrency = policy.max_concurrency;
    let rate = policy.max_per_second;
    let map = Map::default()
        .with_list("retry_delays", policy.retry_delays.iter().map(span))
        .with_some("max_concurrency", (concurrency > 0).then_some(concurrency))
        .with_some("max_per_second", (rate > 0.0).then_some(rate))
        .with_some("timeout", policy.timeout.as_ref().map(span));
    (!map.is_empty()).then_some(map)
}

fn span(span: &Span) -> String {
    // What is kept is neither negative nor split otherwise.
    let seconds = u64::try_from(span.seconds).unwrap_or_default();
    let nanos = u32::try_from(span.nanos).unwrap_or_default();
    print_span(std::time::Duration::new(seconds, nanos))
}

/// A rule; `channel` writes what a channel is called.
pub(super) fn rule(rule: &Rule, channel: impl Fn(&str) -> Tree) -> Map {
    let map = Map::default()
        .with("name", rule.display_name.as_str())
        .with_flag("paused", rule.paused)
        .with_some(
            "match",
            rule.r#match
                .as_ref()
                .map(filter)
                .filter(|matches| !matches.is_empty()),
        );
    let map = match &rule.action {
        Some(Action::Send(send)) => {
            map.with("send", Tree::list(send.channel_ids.iter().map(|id| channel(id))))
        }
        Some(Action::Silence(silence)) if silence.kinds.is_empty() => {
            map.with("silence", Tree::list(["slack", "teams"]))
        }
        Some(Action::Silence(silence)) => {
            map.with("silence", Tree::list(words::<ChannelKind>(&silence.kinds)))
        }
        None => map,
    };
    map.with_flag("continue", rule.continues)
}

/// A mention rule.
pub(super) fn mention_rule(rule: &MentionRule, member: impl Fn(&str) -> String) -> Map {
    Map::default()
        .with("types", Tree::list(rule.types.iter().map(String::as_str)))
        .with_list("severity", severities(&rule.severities))
        .with(
            "mention",
            Tree::list(rule.mentions.iter().map(|who| mention(who, &member))),
        )
}

fn mention(mention: &Mention, member: impl Fn(&str) -> String) -> Tree {
    let map = Map::default();
    match &mention.who {
        Some(Who::SlackUser(id)) => map.with("slack_user", id.as_str()).into(),
        Some(Who::SlackGroup(id)) => map.with("slack_group", id.as_str()).into(),
        Some(Who::TeamsUser(user)) => {
            let user = Map::default()
                .with("id", user.id.as_str())
                .with("name", user.name.as_str());
            map.with("teams_user", user).into()
        }
        Some(Who::MemberId(id)) => map.with("member", member(id)).into(),
        Some(Who::Here(_)) | None => "here".into(),
    }
}

/// An event type of the team's own.
pub(super) fn event_type(event_type: &EventType) -> Map {
    let policy = event_type.alert_policy.clone().unwrap_or_default();
    let alert = match policy.when() {
        AlertWhen::Unspecified | AlertWhen::Never => None,
        AlertWhen::Always => Some("always".into()),
        AlertWhen::Severities => Some(Tree::list(severities(&policy.severities))),
    };
    let category = word::<Category>(event_type.category).unwrap_or(Category::SystemNotification);
    let severity = word::<Severity>(event_type.default_severity).unwrap_or(Severity::Info);
    let struct_of = |fields: &prost_types::Struct| serde_json::Value::Object(object(fields.clone()));
    Map::default()
        .with("name", event_type.name.as_str())
        .with("title", event_type.title.as_str())
        .with_text("description", &event_type.description)
        .with("category", lower(category))
        .with("severity", lower(severity))
        .with_some("alert", alert)
        .with_text("topic", &event_type.topic)
        .with_some("schema", event_type.data_schema.as_ref().map(struct_of))
        .with_some("example", event_type.example.as_ref().map(struct_of))
}

/// A member's word on a topic.
pub(super) fn preference(word: Word) -> Tree {
    match word {
        Word::Off => "off".into(),
        Word::On => "on".into(),
        Word::Failures => "failures".into(),
        Word::Severities(severities) => Tree::list(severity_words(severities)),
    }
}

/// The digest's settings.
pub(super) fn digest(digest: &DigestSettings) -> Map {
    Map::default()
        .with_text("cron", &digest.cron)
        .with_list("recipients", digest.recipients.iter().map(String::as_str))
        .with_flag("paused", digest.paused)
}

fn set(numbers: &[i32]) -> SeveritySet {
    numbers
        .iter()
        .filter_map(|number| word::<Severity>(*number))
        .collect()
}

/// Each once, from the worst.
fn severities(numbers: &[i32]) -> Vec<String> {
    severity_words(set(numbers))
}

fn severity_words(severities: SeveritySet) -> Vec<String> {
    let mut words: Vec<_> = severities.iter().map(lower).collect();
    words.reverse();
    words
}

fn words<T: FromWire + std::fmt::Display>(numbers: &[i32]) -> Vec<String> {
    numbers
        .iter()
        .filter_map(|number| word::<T>(*number))
        .map(lower)
        .collect()
}

fn word<T: FromWire>(number: i32) -> Option<T> {
    T::from_wire(number).ok().flatten()
}
