//! `members`: the people of a team.

use prost_reflect::DynamicMessage;
use watchbell_contracts::config::v1::{CreatePortalSessionResponse, Permission};

use super::resource::{
    Column, Described, Flag, Form, Group, On, Resource, Shows, Subject, Verb, View, Which, Words,
};
use crate::session::Named;
use crate::text;

const SERVICE: &str = "watchbell.config.v1.TeamService";

/// The members of a team.
#[derive(Debug, Clone)]
pub(crate) enum Members {}

#[rustfmt::skip]
impl Described for Members {
    const RESOURCE: &'static Resource = &Resource {
        service: SERVICE,
        message: "watchbell.config.v1.Member",
        which: Which { argument: "member", help: "By id or email", field: "member_id", named: Some(Named::Member), ..Which::ID },
        commands: &[
            Words::new("list", Verb::List, "All members"),
            Words::new("show", Verb::Show, "One member"),
            Words::new("create", Verb::Create, "Add a member"),
            Words::new("update", Verb::Update, "Change a member"),
            Words::new("delete", Verb::Delete, "Remove a member"),
            Words::new(
                "portal",
                Verb::Call(SERVICE, "CreatePortalSession", Subject::One, Shows::With(session)),
                "Make a session of a member: prints a link to the console that is signed in",
            ).flags(&[
                Flag::new("for", "ttl", "How long it lasts, at most 1h, which it is when left out").value("DURATION"),
                Flag::new("read-only", "read_only", "It changes nothing").form(Form::Is(true)),
            ]),
        ],
        groups: &[Group::new(&[
            Flag::new("email", "email", "The address that emails go to").on(On::Positional),
            Flag::new("name", "display_name", "The name shown"),
            Flag::new("role", "role", "owner, admin or member"),
            Flag::new("slack-user", "slack_user_id", "The Slack user id, U… or W…").value("ID"),
            Flag::new("manage-integrations", "permissions", "May set up channels and rules whatever the role (true or false)")
                .value("BOOL").form(Form::Holds(Permission::ManageIntegrations as i32)),
        ])],
        columns: &[
            Column::Id("ID", "id"),
            Column::Field("EMAIL", "email"),
            Column::Field("NAME", "display_name"),
            Column::Field("ROLE", "role"),
            Column::Field("SLACK", "slack_user_id"),
            Column::Field("GRANTED", "permissions"),
        ],
        empty: "no members; add one with `watchbell members create EMAIL`",
        lines: &[
            Column::Id("id", "id"),
            Column::Field("email", "email"),
            Column::Field("name", "display_name"),
            Column::Field("role", "role"),
            Column::Field("slack user", "slack_user_id"),
            Column::Field("granted", "permissions"),
            Column::Field("created", "create_time"),
            Column::Field("updated", "update_time"),
        ],
        ..Resource::BARE
    };
}

fn session(answer: &DynamicMessage, view: &View) -> Result<String, String> {
    let made: CreatePortalSessionResponse = answer.transcode_to().unwrap_or_default();
    let until = format!("until {}", text::local(made.expire_time.as_ref()));
    Ok(format!("{}\n{}\n", made.url, view.style.faint(&until)))
}
