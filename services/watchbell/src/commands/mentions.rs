//! `mentions`: who is called by name in Slack and Teams messages.

use prost::Message as _;
use prost_reflect::DynamicMessage;
use watchbell_contracts::config::v1::MentionRule;
use watchbell_contracts::event::v1::mention::Who;
use watchbell_contracts::event::v1::{Mention, TeamsUser};

use super::resource::{Column, Described, Flag, Form, Group, On, Resource, Verb, View, Which, Words};
use crate::session::Named;
use crate::text;

/// Mention rules.
#[derive(Debug, Clone)]
pub(crate) enum Mentions {}

#[rustfmt::skip]
impl Described for Mentions {
    const RESOURCE: &'static Resource = &Resource {
        service: "watchbell.config.v1.RoutingService",
        message: "watchbell.config.v1.MentionRule",
        which: Which { help: "mnr_…", field: "mention_rule_id", ..Which::ID },
        commands: &[
            Words::new("list", Verb::List, "All mention rules"),
            Words::new("show", Verb::Show, "One mention rule"),
            Words::new("create", Verb::Create, "Make a mention rule"),
            Words::new("update", Verb::Update, "Change a mention rule"),
            Words::new("delete", Verb::Delete, "Delete a mention rule"),
        ],
        groups: &[Group::new(&[
            Flag::new("type", "types", "Types: exact, a group such as 'audit.*', or '*'").value("PATTERN").on(On::Required),
            Flag::new("severity", "severities", "Only these severities; all when left out").update_help("Only these severities"),
            Flag::new("slack-user", "mentions", "A Slack user, U… or W…")
                .value("ID").form(Form::ElementText("slack_user")),
            Flag::new("slack-group", "mentions", "A Slack user group, S…")
                .value("ID").form(Form::ElementText("slack_group")),
            Flag::new("member", "mentions", "A member, by id or address: the one with the member's Slack user id")
                .form(Form::ElementId(Named::Member, "member_id")),
            Flag::new("here", "mentions", "Everybody active in the Slack channel")
                .form(Form::Element(|| mention(Who::Here(true)))),
            Flag::new("teams-user", "mentions", "A Teams user: 'ID=Name', with the Entra object id or user principal name")
                .value("ID=NAME").form(Form::Message(teams_user)),
        ])],
        columns: &[
            Column::Id("ID", "id"),
            Column::Field("TYPES", "types"),
            Column::With("SEVERITIES", severities),
            Column::With("WHO", who),
        ],
        empty: "no mention rules: nobody is called by name",
        lines: &[
            Column::Id("id", "id"),
            Column::Field("types", "types"),
            Column::With("severities", severities),
            Column::With("mentions", who),
            Column::Field("created", "create_time"),
            Column::Field("updated", "update_time"),
        ],
        ..Resource::BARE
    };
}

fn mention(who: Who) -> Vec<u8> {
    Mention { who: Some(who) }.encode_to_vec()
}

fn teams_user(text: &str) -> Result<Vec<u8>, String> {
    let (id, name) = text
        .split_once('=')
        .ok_or("must look like `ada@example.com=Ada Lovelace`")?;
    Ok(mention(Who::TeamsUser(TeamsUser {
        id: id.to_owned(),
        name: name.to_owned(),
    })))
}

fn severities(rule: &DynamicMessage, _: &View) -> String {
    let rule: MentionRule = rule.transcode_to().unwrap_or_default();
    if rule.severities.is_empty() {
        "all".to_owned()
    } else {
        text::severities(&rule.severities)
    }
}

fn who(rule: &DynamicMessage, _: &View) -> String {
    let rule: MentionRule = rule.transcode_to().unwrap_or_default();
    let who: Vec<_> = rule.mentions.iter().map(text::mention).collect();
    who.join(", ")
}
