//! `members`: the people of a team.

use watchbell_contracts::config::v1::Permission;

use super::resource::{Column, Described, Flag, Form, Group, On, Resource, Verb, Which, Words};
use crate::session::Named;

/// The members of a team.
#[derive(Debug, Clone)]
pub(crate) enum Members {}

#[rustfmt::skip]
impl Described for Members {
    const RESOURCE: &'static Resource = &Resource {
        service: "watchbell.config.v1.TeamService",
        message: "watchbell.config.v1.Member",
        which: Which { argument: "member", help: "By id or email", field: "member_id", named: Some(Named::Member), ..Which::ID },
        commands: &[
            Words::new("list", Verb::List, "All members"),
            Words::new("show", Verb::Show, "One member"),
            Words::new("create", Verb::Create, "Add a member"),
            Words::new("update", Verb::Update, "Change a member"),
            Words::new("delete", Verb::Delete, "Remove a member"),
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
