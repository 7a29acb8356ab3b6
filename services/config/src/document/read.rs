//! Reading of documents. Each part becomes the message that its single call takes, and goes through the same
//! check; so nothing can be applied that could not have been written by hand.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;
use uuid::Uuid;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{self as wire, Channel, EventType};
use watchbell_contracts::event::v1::mention::Who;
use watchbell_model::catalog::PatternMeter;
use watchbell_model::channel::WrittenChannel;
use watchbell_model::convert::object;
use watchbell_model::digest_settings::DigestSettings;
use watchbell_model::ids::MemberId;
use watchbell_model::mention::MentionRule;
use watchbell_model::preference::Preference as Word;
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{ChannelKind, EmailAddress, Severity, Topic};

use super::reader::{Item, Notes};
use super::shape::{DIGEST, EVENT_TYPE, MENTION_RULE, RULE, SILENCE, Shape};
use super::{
    ChannelDraft, ChannelRef, Desired, LeftOut, Located, PreferencesDraft, RuleDraft, SilenceDraft,
    references, text, values,
};
use crate::check;

/// The one version of the format there is.
const VERSION: u64 = 1;
const SECTIONS: [&str; 9] = [
    "version",
    "channels",
    "rules",
    "mentions",
    "silences",
    "preferences",
    "compliance_recipients",
    "digest",
    "event_types",
];

/// Reads a document: what it asks for, as far as it can be read, and everything that is wrong with it, by its paths.
pub(crate) fn desired(document: &str) -> (Desired, Violations) {
    match text::parse(document) {
        Ok(mut value) => {
            let notes = Notes::default();
            notes.extend(references::meant(&mut value));
            let desired = sections(&Item::new(&notes, "document", &value));
            (desired, notes.into_violations())
        }
        Err(violations) => (Desired::default(), violations),
    }
}

fn sections(document: &Item<'_>) -> Desired {
    if document.mapping(&SECTIONS).is_none() {
        return Desired::default();
    }
    if let Some(version) = document.get("version")
        && version.value.as_u64() != Some(VERSION)
    {
        let why = "must be 1, the one version there is";
        version.note(reason::UNKNOWN_VALUE, why);
    }
    let section = |key| section(document, key);
    let event_types = section("event_types").map(|item| each(&item, event_type));
    let channel_items = section("channels");
    let channels = channel_items.as_ref().map(|item| each(item, channel));
    let desired = Desired {
        event_types,
        has_unread_channels: channels.as_ref().map_or(0, Vec::len)
            < channel_items.map_or(0, |item| item.items().len()),
        channels,
        rules: section("rules").map(|item| each(&item, rule)),
        mentions: section("mentions").map(|item| each(&item, mention_rule)),
        silences: section("silences").map(|item| each(&item, silence)),
        preferences: section("preferences").map(|item| preferences(&item)),
        compliance_recipients: section("compliance_recipients").and_then(|item| recipients(&item)),
        digest: section("digest").and_then(|item| digest(&item)),
    };
    once(document.notes(), &desired);
    desired
}

/// A section that the document has. One without a value could mean "empty" as well as "as it is": it must be said.
fn section<'a>(document: &Item<'a>, key: &str) -> Option<Item<'a>> {
    if document.value.get(key)?.is_null() {
        let why =
            "must have a value: an empty one empties the section, and without the key it stays as it is";
        document.required(key, why);
    }
    document.get(key)
}

fn each<T>(item: &Item<'_>, read: impl Fn(&Item<'_>) -> Option<T>) -> Vec<T> {
    if !item.value.is_array() {
        item.note(reason::MALFORMED, "must be a list");
        return Vec::new();
    }
    item.items().iter().filter_map(read).collect()
}

/// The value of a check; none after its violations were noted at the paths of the document.
fn checked<T>(item: &Item<'_>, shape: &Shape, result: Result<T, Violations>) -> Option<T> {
    let result = result.map_err(|wrong| shape.in_document(wrong).under(&item.path));
    item.notes().take(result)
}

fn once(notes: &Notes, desired: &Desired) {
    let (mut types, mut patterns) = (HashSet::new(), PatternMeter::default());
    for draft in desired.event_types.iter().flatten() {
        let schema = draft.message.data_schema.clone().map(object).map(Value::Object);
        let fits = patterns.take(schema.as_ref());
        notes.take(fits.map_err(|wrong| EVENT_TYPE.in_document(wrong).under(&draft.path)));
        if !types.insert(&draft.message.name) {
            notes.add(
                format!("{}.name", draft.path),
                reason::DUPLICATE,
                "is given twice",
            );
        }
    }
    let (mut names, mut defaults) = (HashSet::new(), HashSet::new());
    for draft in desired.channels.iter().flatten() {
        if !names.insert((draft.kind, &draft.message.display_name)) {
            let why = format!("is the name of another {} channel", draft.kind);
            notes.add(format!("{}.name", draft.path), reason::DUPLICATE, why);
        }
        if draft.message.is_default && !defaults.insert(draft.kind) {
            let why = format!("another {} channel is the default already", draft.kind);
            notes.add(format!("{}.default", draft.path), reason::DUPLICATE, why);
        }
    }
}

/// A channel, checked as far as that goes without the database and the network.
fn channel(item: &Item<'_>) -> Option<ChannelDraft> {
    item.any_mapping()?;
    let Some(kind) = item.get("kind") else {
        item.required("kind", "must be given");
        return None;
    };
    let kind: ChannelKind = kind.word()?;
    let shape = Shape::channel(kind);
    let mut message: Channel = values::read(item, shape)?;
    // Without any key of its kind it is one of its kind all the same.
    message.destination.get_or_insert_with(|| match kind {
        ChannelKind::Slack => Destination::Slack(wire::SlackDestination::default()),
        ChannelKind::Teams => Destination::Teams(wire::TeamsDestination::default()),
        ChannelKind::Email => Destination::Email(wire::EmailDestination::default()),
        ChannelKind::Webhook => Destination::Webhook(wire::WebhookDestination::default()),
        ChannelKind::InApp => Destination::InApp(wire::InAppDestination {}),
    });
    let left_out = LeftOut::of(item);
    // What is wrong is noted; where it leads and who refers to it can be asked all the same.
    let written = checked(item, shape, WrittenChannel::try_from(&message));
    Some(ChannelDraft {
        path: item.path.clone(),
        kind,
        message: written.map_or(message, |written| written.message),
        left_out,
    })
}

// === impl LeftOut ===

impl LeftOut {
    fn of(channel: &Item<'_>) -> Self {
        let smtp = channel.get("smtp");
        let headers = channel
            .get("headers")
            .map(|headers| headers.items())
            .unwrap_or_default();
        let is_left_out = |header: &Item<'_>| header.value.is_object() && header.get("value").is_none();
        Self {
            smtp_password: smtp.is_some_and(|smtp| smtp.get("password").is_none()),
            headers: (0..headers.len())
                .filter(|index| is_left_out(&headers[*index]))
                .collect(),
        }
    }
}

fn rule(item: &Item<'_>) -> Option<RuleDraft> {
    let message: wire::Rule = values::read(item, &RULE)?;
    let (send, silence) = (item.get("send"), item.get("silence"));
    if let (Some(_), Some(silence)) = (&send, silence) {
        silence.note(reason::NOT_ALLOWED, "a rule either sends or stays silent");
    }
    // What is wrong is noted; whether its channels exist can be asked all the same.
    let rule = checked(item, &RULE, check::rule(&message));
    let escalate = item.get("escalate").filter(|escalate| escalate.value.is_object());
    let channels = |list: Option<Item<'_>>| {
        list.map(|list| list.items().iter().map(channel_ref).collect())
            .unwrap_or_default()
    };
    Some(RuleDraft {
        message: rule.as_ref().map_or(message, Into::into),
        send: channels(send),
        escalate: channels(escalate.and_then(|escalate| escalate.get("send"))),
    })
}

/// A channel's name, or `kind: name` where the name alone could mean two.
fn channel_ref(item: &Item<'_>) -> ChannelRef {
    let path = item.path.clone();
    if let Value::Object(entries) = item.value {
        let mut given = entries.iter().filter(|(_, name)| !name.is_null());
        if let (Some((kind, _)), None) = (given.next(), given.next())
            && let (Ok(known), Some(name)) = (kind.parse::<ChannelKind>(), item.get(kind))
        {
            return ChannelRef {
                path,
                kind: Some(known),
                name: name.text().trim().to_owned(),
            };
        }
        item.note(
            reason::MALFORMED,
            "must be a channel's name, or its kind and name as in {slack: \"#alerts\"}",
        );
    }
    ChannelRef {
        path,
        kind: None,
        name: item.text().trim().to_owned(),
    }
}

/// A mention rule, with the addresses of members in the places of their ids, which are looked up once the team's
/// members are known.
fn mention_rule(item: &Item<'_>) -> Option<Located<wire::MentionRule>> {
    let read: wire::MentionRule = values::read(item, &MENTION_RULE)?;
    let mut placed = read.clone();
    let nobody = MemberId::from_uuid(Uuid::nil()).to_string();
    for mention in &mut placed.mentions {
        if let Some(Who::MemberId(address)) = &mut mention.who {
            address.clone_from(&nobody);
        }
    }
    let rule: MentionRule = checked(item, &MENTION_RULE, check::mention_rule(&placed))?;
    let mut message: wire::MentionRule = (&rule).into();
    for (mention, read) in message.mentions.iter_mut().zip(read.mentions) {
        if matches!(read.who, Some(Who::MemberId(_))) {
            *mention = read;
        }
    }
    Some(Located {
        path: item.path.clone(),
        message,
    })
}

/// A silence. Whether its time is over, and when it begins if it does not say, is known when it is planned.
fn silence(item: &Item<'_>) -> Option<SilenceDraft> {
    let message: wire::Silence = values::read(item, &SILENCE)?;
    let silence = checked(item, &SILENCE, check::silence(&message));
    let channels = item.get("channels");
    Some(SilenceDraft {
        path: item.path.clone(),
        message: silence.map_or(message.clone(), |silence| wire::Silence {
            start_time: message.start_time,
            ..(&silence).into()
        }),
        channels: channels
            .map(|channels| channels.items().iter().map(channel_ref).collect())
            .unwrap_or_default(),
    })
}

fn event_type(item: &Item<'_>) -> Option<Located<EventType>> {
    let message: EventType = values::read(item, &EVENT_TYPE)?;
    let spec = checked(item, &EVENT_TYPE, check::event_type(&message))?;
    Some(Located {
        path: item.path.clone(),
        message: (&spec).into(),
    })
}

fn digest(item: &Item<'_>) -> Option<wire::DigestSettings> {
    let message: wire::DigestSettings = values::read(item, &DIGEST)?;
    let settings = checked(item, &DIGEST, DigestSettings::try_from(&message))?;
    Some((&settings).into())
}

fn recipients(item: &Item<'_>) -> Option<Vec<String>> {
    let texts: Vec<_> = item.items().iter().map(Item::text).collect();
    let recipients = check::compliance_recipients(&texts, &item.path);
    item.notes().take(recipients)
}

fn preferences(item: &Item<'_>) -> BTreeMap<String, PreferencesDraft> {
    let mut members = BTreeMap::new();
    for email in item.any_mapping().into_iter().flat_map(|people| people.keys()) {
        let said = Item::new(
            item.notes(),
            format!("{}[{email}]", item.path),
            &item.value[email],
        );
        let Ok(address) = email.parse::<EmailAddress>() else {
            said.note(reason::MALFORMED, "must be the email address of a member");
            continue;
        };
        let Some(topics) = said.any_mapping() else {
            continue;
        };
        let mut words = BTreeMap::new();
        for (topic, word) in topics {
            let word = Item::new(item.notes(), format!("{}.{topic}", said.path), word);
            match topic.parse::<Topic>() {
                Err(unknown) => word.note(reason::UNKNOWN_VALUE, unknown.to_string()),
                Ok(topic) => words.extend(preference(&word).map(|word| (topic, word))),
            }
        }
        let draft = PreferencesDraft {
            path: said.path.clone(),
            words,
        };
        if members.insert(address.key(), draft).is_some() {
            said.note(reason::DUPLICATE, "is given twice");
        }
    }
    members
}

/// `on`, `off`, `failures`, or severities.
fn preference(item: &Item<'_>) -> Option<Word> {
    match item.value {
        Value::Bool(true) => Some(Word::On),
        Value::Bool(false) => Some(Word::Off),
        Value::String(text) if text == "on" => Some(Word::On),
        Value::String(text) if text == "off" => Some(Word::Off),
        Value::String(text) if text == "failures" => Some(Word::Failures),
        Value::String(text) if text.parse::<Severity>().is_err() => {
            item.note(reason::UNKNOWN_VALUE, "must be on, off, failures, or severities");
            None
        }
        _ => {
            let severities: Vec<_> = item.items().iter().filter_map(Item::word::<Severity>).collect();
            if severities.is_empty() {
                item.note(reason::REQUIRED, "must be on, off, failures, or severities");
                return None;
            }
            Some(Word::Severities(severities.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use watchbell_contracts::event::v1::Severity as WireSeverity;

    use super::*;

    fn wrong(document: &str) -> Vec<String> {
        let (_, violations) = desired(document);
        violations.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn every_violation_has_its_place_in_the_document() {
        let document = r##"
channels:
  - {kind: slack, name: "#a", url: "https://x.example", colour: red}
  - {kind: pager, name: b}
  - kind: email
    name: mail
    recipients: [ann@acme.example, nonsense]
    quiet_hours: {time_zone: Mars/Base, windows: ["22:00-07:00", "later"], pass: [urgent]}
    smtp: {host: mail.acme.example, from: nobody, password: "${env:SMTP}"}
    delivery: {retry_delays: [5m, 5], timeout: 2h}
    storm_control: {max_messages: 0}
  - {kind: slack, name: "#a", default: true, recipients: [x]}
rules:
  - {name: "", match: {types: [Finding], severity: urgent, expression: "event."}, send: ["#a"]}
  - {name: both, send: ["#a"], silence: [slack]}
  - {name: neither}
  - {name: mails, silence: [email]}
mentions:
  - {types: ["*"], mention: [here, {slack_user: ann}, {pager: x}]}
  - {mention: []}
preferences:
  ann@acme.example: {findings: [critical, worst], news: on, sla: maybe}
  nobody: {}
compliance_recipients: [a@acme.example, b@acme.example, nonsense]
digest: {cron: whenever, extra: 1}
event_types:
  - {name: acme.thing, title: T, alert: [worst], schema: {type: 5}, severity: worst}
extra: {}
"##;
        let expected = [
            "channels[2].smtp.password",
            "extra",
            "event_types[0].severity",
            "event_types[0].alert[0]",
            "event_types[0].schema",
            "channels[0].colour",
            "channels[1].kind",
            "channels[2].quiet_hours.windows[1]",
            "channels[2].quiet_hours.pass[0]",
            "channels[2].storm_control.max_messages",
            "channels[2].delivery.retry_delays[1]",
            "channels[2].smtp.username",
            "channels[2].smtp.from",
            "channels[2].quiet_hours.time_zone",
            "channels[2].delivery.timeout",
            "channels[2].recipients[1]",
            "channels[3].recipients",
            "rules[0].match.severity[0]",
            "rules[0].name",
            "rules[0].match.types[0]",
            "rules[0].match.expression",
            "rules[1].silence",
            "rules[2].send",
            "rules[3].silence[0]",
            "mentions[0].mention[2].pager",
            "mentions[0].mention[2]",
            "mentions[0].mention[1].slack_user",
            "mentions[1].types",
            "mentions[1].mention",
            "preferences[ann@acme.example].findings[1]",
            "preferences[ann@acme.example].news",
            "preferences[ann@acme.example].sla",
            "preferences[nobody]",
            "compliance_recipients[2]",
            "digest.extra",
            "digest.cron",
            "channels[3].name",
        ];
        assert_eq!(wrong(document), expected);
    }

    #[test]
    fn an_event_type_that_is_nested_too_deeply_is_refused_and_not_lost() {
        for key in ["schema", "example"] {
            for levels in 1..=60 {
                let nested = format!("{}1{}", "{default: ".repeat(levels), "}".repeat(levels));
                let document = format!("event_types: [{{name: acme.deep, title: Deep, {key}: {nested}}}]");
                let (desired, violations) = desired(&document);
                let violations: Vec<_> = violations.into_iter().collect();
                let read = desired.event_types.unwrap().len();
                match violations.as_slice() {
                    [] => assert_eq!(read, 1, "{key} of {levels} levels"),
                    [violation] => {
                        assert_eq!(violation.field, format!("event_types[0].{key}"));
                        assert_eq!(violation.description, "is nested too deeply");
                        assert!(levels > 32, "{key} of {levels} levels");
                    }
                    more => panic!("{more:?}"),
                }
            }
        }
    }

    #[test]
    fn what_is_null_is_left_out() {
        let document = "
channels: [{kind: slack, name: a, url: 'https://x.example/'}]
rules: [{name: r, send: [{teams: null, slack: a}]}]
mentions: [{types: ['*'], mention: [{slack_user: U0123456789, member: null}]}]
";
        let (desired, violations) = desired(document);
        assert!(violations.is_empty(), "{violations:?}");
        let [rule] = desired.rules.unwrap().try_into().ok().unwrap();
        assert_eq!(rule.send[0].kind, Some(ChannelKind::Slack));
    }

    #[test]
    fn the_words_that_are_known_are_told_in_their_order_without_aliases() {
        let (desired, violations) =
            desired("rules: [{name: r, silence: slack, match: {severity: [moderate, no]}}]");
        let told: Vec<_> = violations
            .into_iter()
            .map(|violation| violation.description)
            .collect();
        assert_eq!(
            told,
            ["`no` is not known here; known are info, low, medium, high, critical"]
        );
        let [rule] = desired.rules.unwrap().try_into().ok().unwrap();
        let severities = rule.message.r#match.unwrap().severities;
        assert_eq!(severities, [i32::from(WireSeverity::Medium)]);
    }

    #[test]
    fn a_section_without_a_value_is_not_guessed_at() {
        assert_eq!(wrong("rules:\nchannels: []"), ["rules"]);
        assert_eq!(wrong("channels: {}"), ["channels"]);
        assert_eq!(wrong("[]"), ["document"]);
        assert_eq!(wrong(""), ["document"]);
        assert_eq!(wrong("version: 2"), ["version"]);
        assert_eq!(wrong("version: 1"), [""; 0]);
    }
}
