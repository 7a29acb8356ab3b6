//! `keys`: API keys. A key is shown once, when it is made.

use prost_types::Timestamp;
use watchbell_contracts::config::v1::ConfigActor;

use super::history;
use super::resource::{Column, Described, Flag, Form, Group, On, Resource, Verb, Which, Words, typed};
use crate::text;

/// API keys.
#[derive(Debug, Clone)]
pub(crate) enum Keys {}

#[rustfmt::skip]
impl Described for Keys {
    const RESOURCE: &'static Resource = &Resource {
        service: "watchbell.config.v1.TeamService",
        message: "watchbell.config.v1.ApiKey",
        which: Which { help: "key_…", field: "api_key_id", ..Which::ID },
        commands: &[
            Words::new("list", Verb::List, "All keys of the team; never the keys themselves"),
            Words::new("create", Verb::Create, "Make a key and show it, once"),
            Words::new("delete", Verb::Delete, "End a key"),
        ],
        groups: &[Group::new(&[
            Flag::new("name", "display_name", "What it is for").on(On::Required),
            Flag::new("scope", "scopes", "emit, config.read, config.write, deliveries.read, deliveries.write, inbox or platform")
                .on(On::Required),
            Flag::new("expires", "expire_time", "After which time it stops working, such as 90d; never when left out")
                .value("DURATION").form(Form::FromNow),
        ])],
        columns: &[
            Column::Id("ID", "id"),
            Column::Field("NAME", "display_name"),
            Column::Field("SCOPES", "scopes"),
            Column::Field("CREATED", "create_time"),
            Column::With("MADE BY", |key, _| {
                let creator: Option<ConfigActor> = typed(key, "creator");
                history::actor(creator.as_ref())
            }),
            Column::With("LAST USED", |key, _| {
                let used: Option<Timestamp> = typed(key, "last_use_time");
                used.map_or_else(|| "-".to_owned(), |at| text::local(Some(&at)))
            }),
            Column::With("EXPIRES", |key, _| {
                let expires: Option<Timestamp> = typed(key, "expire_time");
                expires.map_or_else(|| "never".to_owned(), |at| text::local(Some(&at)))
            }),
        ],
        empty: "no keys",
        lines: &[
            Column::Field("id", "id"),
            Column::Field("name", "display_name"),
            Column::Field("scopes", "scopes"),
            Column::Field("expires", "expire_time"),
        ],
        once: Some(("key", "key")),
        deleted: "ended {}; callers that cached it are refused within 30 seconds",
        ..Resource::BARE
    };
}
