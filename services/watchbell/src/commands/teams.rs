//! `teams`: the tenants. Creating, deleting and planning them needs a platform key.

use super::resource::{Column, Described, Flag, Group, On, Owned, Resource, Verb, Which, Words};
use crate::session::Named;

const fn owned(
    service: &'static str,
    rpc: &'static str,
    message: &'static str,
    names: [&'static str; 2],
) -> Owned {
    Owned {
        list: (service, rpc),
        message,
        names,
        narrow: |_| (),
    }
}

/// The tenants.
#[derive(Debug, Clone)]
pub(crate) enum Teams {}

#[rustfmt::skip]
impl Described for Teams {
    const RESOURCE: &'static Resource = &Resource {
        service: "watchbell.config.v1.TeamService",
        message: "watchbell.config.v1.Team",
        which: Which {
            argument: "team",
            help: "The team, by id or name",
            field: "team_id",
            named: Some(Named::Team),
            or_own: Some("The team, by id or name; else the one of --team or the key"),
        },
        commands: &[
            Words::new("list", Verb::List, "All teams"),
            Words::new("show", Verb::Show, "One team: by id or name, else the one of --team or the key"),
            Words::new("create", Verb::Create, "Make a team"),
            Words::new("update", Verb::Update, "Change a team"),
            Words::new("delete", Verb::Delete, "Delete a team and everything it owns"),
        ],
        groups: &[Group::new(&[
            Flag::new("name", "display_name", "The name people read").on(On::Required),
            Flag::new("plan", "plan", "free, team or enterprise"),
            Flag::new("time-zone", "time_zone", "An IANA zone such as Europe/Berlin; UTC when left out").value("ZONE"),
        ])],
        columns: &[
            Column::Id("ID", "id"),
            Column::Field("NAME", "display_name"),
            Column::Field("PLAN", "plan"),
            Column::Field("TIME ZONE", "time_zone"),
            Column::Field("CREATED", "create_time"),
        ],
        empty: "no teams; make one with `watchbell teams create --name …`",
        lines: &[
            Column::Id("id", "id"),
            Column::Field("name", "display_name"),
            Column::Field("plan", "plan"),
            Column::Field("time zone", "time_zone"),
            Column::Field("created", "create_time"),
            Column::Field("updated", "update_time"),
        ],
        owns: &[
            owned("watchbell.config.v1.ChannelService", "ListChannels", "watchbell.config.v1.Channel", ["channel", "channels"]),
            owned("watchbell.config.v1.RoutingService", "ListRules", "watchbell.config.v1.Rule", ["rule", "rules"]),
            owned("watchbell.config.v1.TeamService", "ListMembers", "watchbell.config.v1.Member", ["member", "members"]),
            owned("watchbell.config.v1.TeamService", "ListApiKeys", "watchbell.config.v1.ApiKey", ["key", "keys"]),
        ],
        ..Resource::BARE
    };
}
