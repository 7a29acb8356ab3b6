//! What a document asks for. Each part becomes the message that its single call takes, and goes through the same
//! check; so nothing can be applied that could not have been written by hand.

use std::collections::HashSet;

use serde_json::Value;
use uuid::Uuid;
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{
    AlertPolicy, AlertWhen, EventType, MentionRule, Rule, SendAction, SilenceAction,
};
use watchbell_contracts::event::v1::mention::Who;
use watchbell_contracts::event::v1::{Mention, TeamsUser};
use watchbell_model::catalog::{EventTypeSpec, PatternMeter};
use watchbell_model::convert::{FromWire, object, structure};
use watchbell_model::ids::{ChannelId, MemberId};
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{Category, ChannelKind, Severity};

use super::paths::in_document;
use super::read_channel::{channel, filter, wire};
use super::read_people::{digest, preferences, recipients};
use super::reader::{Item, Notes, Table};
use super::{ChannelRef, Desired, Located, MemberRef, MentionDraft, RuleDraft, references, text};
use crate::check;

/// The one version of the format there is.
const VERSION: u64 = 1;

/// Reads a document: what it asks for, as far as it can be read, and everything that is wrong with it, by its paths.
pub(crate) fn desired(document: &str) -> (Desired, Violations) {
    match text::parse(document) {
        Ok(mut value) => {
            let notes = Notes::default();
            notes.extend(references::meant(&mut value));
            let desired = sections(&notes, &value);
            (desired, notes.into_violations())
        }
        Err(violations) => (Desired::default(), violations),
    }
}

fn sections(notes: &Notes, value: &Value) -> Desired {
    let Some(table) = Table::new(notes, "document", value) else {
        return Desired::default();
    };
    if table
        .get("version")
        .is_some_and(|version| version.as_u64() != Some(VERSION))
    {
        notes.add(
            "version",
            reason::UNKNOWN_VALUE,
            "must be 1, the one version there is",
        );
    }
    let event_types = section(&table, "event_types").map(|item| each(&item, event_type));
    let channel_items = section(&table, "channels");
    let channels = channel_items.as_ref().map(|item| each(item, channel));
    let desired = Desired {
        event_types,
        has_unread_channels: channels.as_ref().map_or(0, Vec::len)
            < channel_items.map_or(0, |item| item.items().len()),
        channels,
        rules: section(&table, "rules").map(|item| each(&item, rule)),
        mentions: section(&table, "mentions").map(|item| each(&item, mention_rule)),
        preferences: section(&table, "preferences").map(|item| preferences(&item)),
        compliance_recipients: section(&table, "compliance_recipients").and_then(|item| recipients(&item)),
        digest: section(&table, "digest").and_then(|item| digest(&item)),
    };
    table.close();
    once(notes, &desired);
    desired
}

/// A section that the document has. One without a value could mean "empty" as well as "as it is": it must be said.
fn section<'a>(table: &Table<'a>, key: &'static str) -> Option<Item<'a>> {
    let given = table.given(key)?;
    if given.is_null() {
        let why =
            "must have a value: an empty one empties the section, and without the key it stays as it is";
        table.notes().add(key, reason::REQUIRED, why);
        return None;
    }
    table.item(key)
}

fn each<T>(item: &Item<'_>, read: impl Fn(&Item<'_>) -> Option<T>) -> Vec<T> {
    if !item.value.is_array() {
        item.note(reason::MALFORMED, "must be a list");
        return Vec::new();
    }
    item.items().iter().filter_map(read).collect()
}

fn once(notes: &Notes, desired: &Desired) {
    let (mut types, mut patterns) = (HashSet::new(), PatternMeter::default());
    for draft in desired.event_types.iter().flatten() {
        let schema = draft.message.data_schema.clone().map(object).map(Value::Object);
        let fits = patterns.take(schema.as_ref());
        notes.take(fits.map_err(|wrong| in_document(wrong, &[("data_schema", "schema")], &draft.path)));
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
        if draft.is_default && !defaults.insert(draft.kind) {
            let why = format!("another {} channel is the default already", draft.kind);
            notes.add(format!("{}.default", draft.path), reason::DUPLICATE, why);
        }
    }
}

fn rule(item: &Item<'_>) -> Option<RuleDraft> {
    let table = item.table()?;
    let mut send = Vec::new();
    let action = match (table.item("send"), table.item("silence")) {
        (Some(to), None) => {
            send = to.items().iter().map(channel_ref).collect();
            // Ids are known later; how many there are can be checked now.
            let count = u128::try_from(send.len()).unwrap_or(u128::MAX);
            let channel_ids = (0..count)
                .map(|n| ChannelId::from_uuid(Uuid::from_u128(n)).to_string())
                .collect();
            Some(Action::Send(SendAction { channel_ids }))
        }
        (None, Some(_)) => Some(Action::Silence(SilenceAction {
            kinds: wire(table.words::<ChannelKind>("silence")),
        })),
        (Some(_), Some(item)) => {
            item.note(reason::NOT_ALLOWED, "a rule either sends or stays silent");
            Some(Action::Silence(SilenceAction::default()))
        }
        (None, None) => None,
    };
    let message = Rule {
        display_name: table.text("name"),
        paused: table.flag("paused"),
        r#match: table.table("match").map(filter),
        action,
        continues: table.flag("continue"),
        ..Rule::default()
    };
    let (notes, path) = (table.notes(), table.path().to_owned());
    table.close();
    let names = [
        ("display_name", "name"),
        ("match.severities", "match.severity"),
        ("send.channel_ids", "send"),
        ("silence.kinds", "silence"),
    ];
    let checked = check::rule(&message).map_err(|wrong| in_document(wrong, &names, &path));
    // What is wrong is noted; whether its channels exist can be asked all the same.
    let message = notes.take(checked).as_ref().map_or(message, Rule::from);
    Some(RuleDraft { message, send })
}

/// A channel's name, or `kind: name` where the name alone could mean two.
fn channel_ref(item: &Item<'_>) -> ChannelRef {
    let path = item.path.clone();
    if item.value.is_object()
        && let Some(table) = item.table()
    {
        let entry = table.entries().next();
        if let (Some((kind, name)), 1) = (entry, table.entries().count())
            && let Ok(kind) = kind.parse::<ChannelKind>()
        {
            return ChannelRef {
                path,
                kind: Some(kind),
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

fn mention_rule(item: &Item<'_>) -> Option<MentionDraft> {
    let table = item.table()?;
    let mentions = table.items("mention");
    let message = MentionRule {
        types: table.texts("types"),
        severities: wire(table.words::<Severity>("severity")),
        mentions: mentions.iter().map(mention).collect(),
        ..MentionRule::default()
    };
    let members = mentions.iter().enumerate();
    let members = members.filter_map(|(index, item)| member(item, index)).collect();
    let (notes, path) = (table.notes(), table.path().to_owned());
    table.close();
    let names = [("severities", "severity"), ("mentions", "mention")];
    let checked = check::mention_rule(&message).map_err(|wrong| in_document(wrong, &names, &path));
    notes.take(checked).as_ref().map(|rule| MentionDraft {
        message: rule.into(),
        members,
    })
}

/// The member that a mention names, who is looked up once the team's members are known.
fn member(item: &Item<'_>, index: usize) -> Option<MemberRef> {
    let address = item.value.get("member")?.as_str()?;
    Some(MemberRef {
        path: format!("{}.member", item.path),
        index,
        address: address.to_owned(),
    })
}

fn mention(item: &Item<'_>) -> Mention {
    if item
        .value
        .as_str()
        .is_some_and(|text| text == "here" || text == "@here")
    {
        return Mention {
            who: Some(Who::Here(true)),
        };
    }
    // What cannot be read is noted; it need not be refused once more for being nobody.
    let nobody = Mention {
        who: Some(Who::Here(true)),
    };
    let Some(table) = item.table() else {
        return nobody;
    };
    let who = if let Some(id) = table.item("slack_user") {
        Some(Who::SlackUser(id.text()))
    } else if let Some(id) = table.item("slack_group") {
        Some(Who::SlackGroup(id.text()))
    } else if let Some(address) = table.item("member") {
        // Its id takes the place once it is known; see [`member`].
        (!address.text().is_empty())
            .then(|| Who::MemberId(MemberId::from_uuid(uuid::Uuid::nil()).to_string()))
    } else {
        table.table("teams_user").map(|user| {
            let who = Who::TeamsUser(TeamsUser {
                id: user.text("id"),
                name: user.text("name"),
            });
            user.close();
            who
        })
    };
    if who.is_none() {
        item.note(
            reason::REQUIRED,
            "must be here, member, slack_user, slack_group or teams_user",
        );
    }
    table.close();
    who.map_or(nobody, |who| Mention { who: Some(who) })
}

fn event_type(item: &Item<'_>) -> Option<Located<EventType>> {
    let table = item.table()?;
    let fields = |key: &'static str| {
        let item = table.item(key)?;
        if let Value::Object(object) = item.value {
            return Some(structure(object));
        }
        item.note(reason::MALFORMED, "must be a mapping");
        None
    };
    let message = EventType {
        name: table.text("name"),
        title: table.text("title"),
        description: table.text("description"),
        category: table
            .word::<Category>("category")
            .map(FromWire::to_wire)
            .unwrap_or_default(),
        default_severity: table
            .word::<Severity>("severity")
            .map(FromWire::to_wire)
            .unwrap_or_default(),
        alert_policy: table.item("alert").map(|item| alert_policy(&item)),
        topic: table.text("topic"),
        data_schema: fields("schema"),
        example: fields("example"),
        ..EventType::default()
    };
    let (notes, path) = (table.notes(), table.path().to_owned());
    table.close();
    let names = [
        ("default_severity", "severity"),
        ("alert_policy.severities", "alert"),
        ("alert_policy", "alert"),
        ("data_schema", "schema"),
    ];
    let checked = EventTypeSpec::try_from(&message).map_err(|wrong| in_document(wrong, &names, &path));
    notes.take(checked).map(|spec| Located {
        path,
        message: (&spec).into(),
    })
}

/// `never`, `always`, or at these severities.
fn alert_policy(item: &Item<'_>) -> AlertPolicy {
    let (when, severities) = match item.value.as_str() {
        Some("never") => (AlertWhen::Never, Vec::new()),
        Some("always") => (AlertWhen::Always, Vec::new()),
        _ => {
            let said = item.items();
            let severities: Vec<_> = said.iter().filter_map(Item::word::<Severity>).collect();
            // Words that are none are noted; that so nothing is left need not be said as well.
            let when = if severities.is_empty() && !said.is_empty() {
                AlertWhen::Never
            } else {
                AlertWhen::Severities
            };
            (when, wire(severities))
        }
    };
    AlertPolicy {
        when: when.into(),
        severities,
    }
}

#[cfg(test)]
mod tests {
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
            "event_types[0].severity",
            "event_types[0].alert[0]",
            "event_types[0].schema",
            "channels[0].colour",
            "channels[1].kind",
            "channels[2].quiet_hours.windows[1]",
            "channels[2].quiet_hours.pass[0]",
            "channels[2].storm_control.max_messages",
            "channels[2].delivery.retry_delays[1]",
            "channels[2].recipients[1]",
            "channels[2].smtp.username",
            "channels[2].smtp.from",
            "channels[2].quiet_hours.time_zone",
            "channels[2].delivery.timeout",
            "channels[3].recipients",
            "rules[0].match.severity[0]",
            "rules[0].name",
            "rules[0].match.types[0]",
            "rules[0].match.expression",
            "rules[1].silence",
            "rules[2].send",
            "rules[3].silence[0]",
            "mentions[0].mention[2]",
            "mentions[0].mention[2].pager",
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
            "extra",
            "channels[3].name",
        ];
        assert_eq!(wrong(document), expected);
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
