//! `silences`: periods in which matching messages are held or dropped. `silence` alone makes one.

use clap::ArgMatches;
use prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _, Value};
use prost_types::Timestamp;
use watchbell_contracts::config::v1::{EventFilter, Silence};

use super::filter_flags::{self, FILTER};
use super::resource::{
    Column, Described, Flag, Form, Group, On, Resource, Shows, Subject, Verb, View, Which, Words, typed,
};
use crate::input;
use crate::session::{Named, rpc};
use crate::text;

const SERVICE: &str = "watchbell.config.v1.SilenceService";

/// Silences.
#[derive(Debug, Clone)]
pub(crate) enum Silences {}

#[rustfmt::skip]
impl Described for Silences {
    const RESOURCE: &'static Resource = &Resource {
        service: SERVICE,
        message: "watchbell.config.v1.Silence",
        which: Which { argument: "silence", help: "sil_…", field: "silence_id", ..Which::ID },
        commands: &[
            Words::new("list", Verb::List, "Silences that have not ended").flags(&[
                Flag::new("expired", "show_expired", "Those that have ended, too").form(Form::Is(true)),
            ]),
            Words::new("show", Verb::Show, "One silence"),
            Words::new("create", Verb::Create, "Make a silence; the same as `watchbell silence`").flags(&[
                Flag::new("dry-run", "validate_only", "Only check it").form(Form::Is(true)),
            ]),
            Words::new("expire", Verb::Call(SERVICE, "ExpireSilence", Subject::One, Shows::One), "End a silence now and release what it holds"),
        ],
        groups: &[
            Group::under("match", Some("Which events"), FILTER),
            Group::under("", Some("Where"), &[
                Flag::new("channel", "channel_ids", "Messages to these channels, by id or name; a webhook must be named")
                    .value("CHANNEL").form(Form::Id(Named::Channel)),
                Flag::new("kind", "kinds", "Messages of these kinds: slack, teams, email or webhook"),
            ]),
            Group::under("", Some("When, why and how"), &[
                Flag::new("for", "end_time", "How long, such as 2h; at most 30d").value("DURATION").form(Form::FromNow).on(On::Required),
                Flag::new("in", "start_time", "When it begins, such as 1d; now when left out").value("DURATION").form(Form::FromNow),
                Flag::new("why", "comment", "The reason, for those who look for a message").value("TEXT").on(On::Required),
                Flag::new("mode", "mode", "hold: one account of all at the end. drop: they are cancelled").value("MODE")
                    .form(Form::Choice(&[("hold", 1, "Keep them, and give one account at the end"), ("drop", 2, "Cancel them")])),
            ]),
        ],
        complete,
        columns: &[
            Column::Id("ID", "id"),
            Column::Field("STATE", "state"),
            Column::Field("MODE", "mode"),
            Column::With("EVENTS", events),
            Column::With("WHERE", places),
            Column::Field("UNTIL", "end_time"),
            Column::Field("WHY", "comment"),
            Column::Field("BY", "author"),
        ],
        empty: "no silences",
        lines: &[
            Column::Id("id", "id"),
            Column::Field("state", "state"),
            Column::Field("mode", "mode"),
            Column::With("events", events),
            Column::With("where", places),
            Column::Field("from", "start_time"),
            Column::Field("until", "end_time"),
            Column::Field("why", "comment"),
            Column::Field("by", "author"),
            Column::Field("created", "create_time"),
        ],
        names_channels: true,
        ..Resource::BARE
    };
}

/// A silence that begins later ends later.
fn complete(silence: &mut DynamicMessage, given: &ArgMatches) {
    let delay = given.get_one::<Value>("in").and_then(Value::as_str);
    let Some(delay) = delay.and_then(|text| input::duration(text).ok()) else {
        return;
    };
    let Some(mut end) = typed::<Timestamp>(silence, "end_time") else {
        return;
    };
    let seconds = i64::try_from(delay.as_secs()).unwrap_or(i64::MAX);
    end.seconds = end.seconds.saturating_add(seconds);
    let mut message = DynamicMessage::new(end.descriptor());
    if message.merge(end.encode_to_vec().as_slice()).is_ok() {
        rpc::set(silence, "end_time", Value::Message(message));
    }
}

fn events(silence: &DynamicMessage, _: &View) -> String {
    let filter: EventFilter = typed(silence, "match").unwrap_or_default();
    filter_flags::words(&filter)
}

fn places(silence: &DynamicMessage, view: &View) -> String {
    let silence: Silence = silence.transcode_to().unwrap_or_default();
    let channels = silence.channel_ids.iter();
    let channels = channels.map(|id| view.channels.get(id).unwrap_or(id).clone());
    let kinds = silence.kinds.iter().map(|kind| text::kind(*kind));
    let places: Vec<_> = channels.chain(kinds).collect();
    if places.is_empty() {
        "all but webhooks".to_owned()
    } else {
        places.join(", ")
    }
}
