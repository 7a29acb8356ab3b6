//! `rules`: which alerts go where. Slack and Teams each take the first rule that matches.

use clap::ArgMatches;
use prost_reflect::{DynamicMessage, Value};
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{EventFilter, Group as WireGroup, Repeat, Rule};
use watchbell_model::text::at_most;

use super::filter_flags::{self, FILTER};
use super::resource::{
    Column, Described, Flag, Form, Group, On, Resource, Shows, Subject, Verb, View, Which, Words, typed,
};
use crate::session::{Named, rpc};
use crate::text;

const SERVICE: &str = "watchbell.config.v1.RoutingService";

/// The most characters that a rule's name may have.
const LONGEST_NAME: usize = 120;

/// Rules.
#[derive(Debug, Clone)]
pub(crate) enum Rules {}

#[rustfmt::skip]
impl Described for Rules {
    const RESOURCE: &'static Resource = &Resource {
        service: SERVICE,
        message: "watchbell.config.v1.Rule",
        which: Which { argument: "rule", help: "By id or name", field: "rule_id", named: Some(Named::Rule), ..Which::ID },
        commands: &[
            Words::new("list", Verb::List, "All rules, in order"),
            Words::new("show", Verb::Show, "One rule"),
            Words::new("create", Verb::Create, "Make a rule").flags(&[
                Flag::new("dry-run", "validate_only", "Only check it").form(Form::Is(true)),
            ]),
            Words::new("update", Verb::Update, "Change a rule"),
            Words::new("move", Verb::Call(SERVICE, "MoveRule", Subject::One, Shows::List), "Move a rule to another place").flags(&[
                Flag::new("position", "position", "Its new place, from 1").on(On::Positional),
            ]),
            Words::new("delete", Verb::Delete, "Delete a rule"),
        ],
        groups: &[
            Group::new(&[
                Flag::new("name", "display_name", "Its name; made from what it does when left out").update_help("Its name"),
                Flag::new("position", "position", "Its place from 1; last when left out").on(On::Create),
            ]),
            Group::under("match", Some("Which events"), FILTER),
            Group::under("", Some("What to do"), &[
                Flag::new("send", "send.channel_ids", "Send to these channels, by id or name (slack:#name tells kinds apart)")
                    .value("CHANNEL").form(Form::Id(Named::Channel)),
                Flag::new("silence", "silence.kinds", "Stay silent: on Slack and Teams, or only on the kinds named")
                    .value("KIND").form(Form::AnyOf),
                Flag::new("repeat", "repeat", "What becomes of an event that says of an open alert what was told before: count or notify"),
                Flag::new("remind-every", "remind.every", "Tell those again who were told of an alert, this often, while it is open and nobody has acknowledged it; 5m to 30d")
                    .value("LENGTH"),
                Flag::new("remind-at-most", "remind.at_most", "How many reminders of one alert there are at most; 1 to 100").value("COUNT"),
                Flag::new("escalate-after", "escalate.after", "Tell others once when nobody has acknowledged an alert for so long; 1m to 30d")
                    .value("LENGTH"),
                Flag::new("escalate-to", "escalate.channel_ids", "The channels that are told then, by id or name")
                    .value("CHANNEL").form(Form::Id(Named::Channel)),
                Flag::new("no-remind", "remind", "Remind nobody").form(Form::Clear).on(On::Update).conflicts("remind-every"),
                Flag::new("no-escalate", "escalate", "Escalate to nobody").form(Form::Clear).on(On::Update).conflicts("escalate-to"),
                Flag::new("continue", "continues", "Go on to the next rule after this one has matched (true or false)").value("BOOL"),
                Flag::new("paused", "paused", "Keep the rule, but pass it over (true or false)").value("BOOL"),
                Flag::new("no-group", "group", "A message for each event again").form(Form::Clear).on(On::Update),
            ]),
            Group::under("group", Some("One message instead of many"), &[
                Flag::new("group-wait", "wait", "Gather what it sends for so long, 1s to 24h; what is CRITICAL goes at once").value("DURATION"),
                Flag::new("group-by", "by", "Gather what has the same of these: type, subject, or a field such as data.scan_id; everything when left out").value("FIELD"),
                Flag::new("group-at-most", "at_most", "So many events make the message go at once, 2 to 1000; 1000 when left out").value("COUNT"),
            ]),
        ],
        either: &["send", "silence"],
        complete,
        columns: &[
            Column::Field("#", "position"),
            Column::Field("NAME", "display_name"),
            Column::With("WHEN", when),
            Column::With("THEN", then),
            Column::With("", notes),
            Column::Id("ID", "id"),
        ],
        empty: "no rules: alerts go to the default channels",
        lines: &[
            Column::Id("id", "id"),
            Column::Field("name", "display_name"),
            Column::Field("position", "position"),
            Column::With("when", when),
            Column::With("then", then),
            Column::Field("continues", "continues"),
            Column::With("repeats", repeats),
            Column::With("gathers", gathers),
            Column::With("reminds", reminds),
            Column::With("escalates", escalates),
            Column::Field("paused", "paused"),
            Column::Field("created", "create_time"),
            Column::Field("updated", "update_time"),
        ],
        names_channels: true,
        ..Resource::BARE
    };
}

/// A rule has a filter, though it may be empty, and a name: `audit.delivered → #appsec`.
fn complete(rule: &mut DynamicMessage, given: &ArgMatches) {
    rule.get_field_by_name_mut("match");
    if given.contains_id("name") {
        return;
    }
    let channels = given.get_many("send").into_iter().flatten();
    let channels: Vec<_> = channels.filter_map(Value::as_str).collect();
    let then = if channels.is_empty() {
        "silent".to_owned()
    } else {
        channels.join(", ")
    };
    let name = format!("{} → {then}", filter_words(rule));
    let name = name.chars().take(LONGEST_NAME).collect();
    rpc::set(rule, "display_name", Value::String(name));
}

fn filter_words(rule: &DynamicMessage) -> String {
    let filter: EventFilter = typed(rule, "match").unwrap_or_default();
    filter_flags::words(&filter)
}

fn when(rule: &DynamicMessage, _: &View) -> String {
    filter_words(rule)
}

/// `send to #incidents`, `stay silent`.
fn then(rule: &DynamicMessage, view: &View) -> String {
    let rule: Rule = rule.transcode_to().unwrap_or_default();
    match &rule.action {
        Some(Action::Send(send)) => {
            let name = |id| view.channels.get(id).unwrap_or(id).as_str();
            let channels: Vec<_> = send.channel_ids.iter().map(name).collect();
            format!("send to {}", channels.join(", "))
        }
        Some(Action::Silence(silence)) if silence.kinds.is_empty() => "stay silent".to_owned(),
        Some(Action::Silence(silence)) => {
            let kinds: Vec<_> = silence.kinds.iter().map(|kind| text::kind(*kind)).collect();
            format!("stay silent on {}", kinds.join(", "))
        }
        None => "nothing".to_owned(),
    }
}

/// Only where they are not counted, as they are everywhere else.
fn repeats(rule: &DynamicMessage, _: &View) -> String {
    let rule: Rule = rule.transcode_to().unwrap_or_default();
    match rule.repeat() {
        Repeat::Notify => "are sent".to_owned(),
        Repeat::Count | Repeat::Unspecified => String::new(),
    }
}

/// `by data.scan_id for 2 min, at most 40`
fn gathers(rule: &DynamicMessage, _: &View) -> String {
    let Some(group) = typed::<WireGroup>(rule, "group") else {
        return String::new();
    };
    let by = match group.by.as_slice() {
        [] => "everything".to_owned(),
        paths => format!("by {}", paths.join(", ")),
    };
    let most = match group.at_most {
        0 => String::new(),
        most => format!(", at most {most}"),
    };
    format!("{by} for {}{most}", text::span(group.wait.as_ref()))
}

/// `every 4h, at most 5 times`
fn reminds(rule: &DynamicMessage, _: &View) -> String {
    let rule: Rule = rule.transcode_to().unwrap_or_default();
    rule.remind.map_or_else(String::new, |remind| {
        format!(
            "every {}, {}",
            text::span(remind.every.as_ref()),
            at_most(remind.at_most)
        )
    })
}

/// `to #security after 30m`
fn escalates(rule: &DynamicMessage, view: &View) -> String {
    let rule: Rule = rule.transcode_to().unwrap_or_default();
    rule.escalate.map_or_else(String::new, |escalate| {
        let name = |id| view.channels.get(id).unwrap_or(id).as_str();
        let channels: Vec<_> = escalate.channel_ids.iter().map(name).collect();
        format!(
            "to {} after {}",
            channels.join(", "),
            text::span(escalate.after.as_ref())
        )
    })
}

fn notes(rule: &DynamicMessage, view: &View) -> String {
    let rule: Rule = rule.transcode_to().unwrap_or_default();
    let paused = rule.paused.then(|| view.style.warn("paused"));
    let others = [
        (rule.continues, "continues"),
        (rule.group.is_some(), "gathers"),
        (rule.remind.is_some(), "reminds"),
        (rule.escalate.is_some(), "escalates"),
    ];
    let others = others.into_iter().filter(|(is_so, _)| *is_so);
    let notes: Vec<_> = paused
        .into_iter()
        .chain(others.map(|(_, note)| note.to_owned()))
        .collect();
    notes.join(", ")
}
