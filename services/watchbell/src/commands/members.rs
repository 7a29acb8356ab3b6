//! `members`: the people of a team.

use clap::{Args, Subcommand};
use watchbell_contracts::config::v1::{
    CreateMemberRequest, DeleteMemberRequest, GetMemberRequest, ListMembersRequest, ListMembersResponse,
    Member, UpdateMemberRequest,
};
use watchbell_model::convert::FromWire as _;
use watchbell_model::{Permission, Role};

use super::{mask, present};
use crate::failure::Outcome;
use crate::input;
use crate::session::{Session, every};
use crate::text::{self, Style, Table};

const NAME: &str = "watchbell.config.v1.Member";

/// Members.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All members
    List,
    /// One member
    Show {
        /// By id or email
        member: String,
    },
    /// Add a member
    Create {
        /// The address that emails go to
        email: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Change a member
    Update {
        /// By id or email
        member: String,
        /// The address that emails go to
        #[arg(long)]
        email: Option<String>,
        #[command(flatten)]
        fields: Fields,
    },
    /// Remove a member
    Delete {
        /// By id or email
        member: String,
    },
}

/// What a member has besides an address.
#[derive(Debug, Args)]
pub(crate) struct Fields {
    /// The name shown
    #[arg(long)]
    name: Option<String>,
    /// owner, admin or member
    #[arg(long, value_parser = input::word::<Role>)]
    role: Option<Role>,
    /// The Slack user id, U… or W…
    #[arg(long, value_name = "ID")]
    slack_user: Option<String>,
    /// May set up channels and rules whatever the role (true or false)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    manage_integrations: Option<bool>,
}

impl Fields {
    /// Puts what was given into a member; says what that was.
    fn put(self, member: &mut Member) -> Vec<&'static str> {
        let mut paths = Vec::new();
        if let Some(name) = self.name {
            member.display_name = name;
            paths.push("display_name");
        }
        if let Some(role) = self.role {
            member.role = role.to_wire();
            paths.push("role");
        }
        if let Some(id) = self.slack_user {
            member.slack_user_id = id;
            paths.push("slack_user_id");
        }
        if let Some(granted) = self.manage_integrations {
            member.permissions = granted
                .then(|| Permission::ManageIntegrations.to_wire())
                .into_iter()
                .collect();
            paths.push("permissions");
        }
        paths
    }
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    let out = session.out;
    match command {
        Command::List => {
            let members = every(usize::MAX, |page_size, page_token| async move {
                let request = ListMembersRequest {
                    team_id: session.team(),
                    page_size,
                    page_token,
                };
                let answer = session
                    .teams()
                    .list_members(session.ask(request))
                    .await?
                    .into_inner();
                Ok((answer.members, answer.next_page_token))
            })
            .await?;
            let all = ListMembersResponse {
                members,
                ..ListMembersResponse::default()
            };
            out.show("watchbell.config.v1.ListMembersResponse", &all, || {
                let mut table = Table::new(&["ID", "EMAIL", "NAME", "ROLE", "SLACK", "GRANTED"]).keep(&[0]);
                for member in &all.members {
                    table.row([
                        member.id.clone(),
                        member.email.clone(),
                        member.display_name.clone(),
                        text::word::<Role>(member.role),
                        member.slack_user_id.clone(),
                        text::words::<Permission>(&member.permissions),
                    ]);
                }
                table.render(
                    out.style,
                    out.width,
                    "no members; add one with `watchbell members create EMAIL`",
                )
            })
        }
        Command::Show { member } => {
            let member = get(session, &member).await?;
            out.show(NAME, &member, || shown(&member, out.style))
        }
        Command::Create { email, fields } => {
            let mut member = Member {
                email,
                ..Member::default()
            };
            fields.put(&mut member);
            let request = CreateMemberRequest {
                team_id: session.team(),
                member: Some(member),
                validate_only: false,
            };
            let member = present(
                session
                    .teams()
                    .create_member(session.ask(request))
                    .await?
                    .into_inner()
                    .member,
            )?;
            out.show(NAME, &member, || shown(&member, out.style))
        }
        Command::Update {
            member,
            email,
            fields,
        } => {
            let mut member = get(session, &member).await?;
            let mut paths = fields.put(&mut member);
            if let Some(email) = email {
                member.email = email;
                paths.push("email");
            }
            let request = UpdateMemberRequest {
                team_id: session.team(),
                member: Some(member),
                update_mask: mask(paths)?,
                validate_only: false,
            };
            let member = present(
                session
                    .teams()
                    .update_member(session.ask(request))
                    .await?
                    .into_inner()
                    .member,
            )?;
            out.show(NAME, &member, || shown(&member, out.style))
        }
        Command::Delete { member } => {
            let member_id = session.member_id(&member).await?;
            let request = DeleteMemberRequest {
                team_id: session.team(),
                member_id: member_id.clone(),
                etag: String::new(),
            };
            session.teams().delete_member(session.ask(request)).await?;
            out.print(&format!("deleted {member_id}\n"))
        }
    }
}

async fn get(session: &Session, given: &str) -> Outcome<Member> {
    let request = GetMemberRequest {
        team_id: session.team(),
        member_id: session.member_id(given).await?,
    };
    present(
        session
            .teams()
            .get_member(session.ask(request))
            .await?
            .into_inner()
            .member,
    )
}

fn shown(member: &Member, style: Style) -> String {
    text::pairs(
        style,
        &[
            ("id", style.name(&member.id)),
            ("email", member.email.clone()),
            ("name", member.display_name.clone()),
            ("role", text::word::<Role>(member.role)),
            ("slack user", member.slack_user_id.clone()),
            ("granted", text::words::<Permission>(&member.permissions)),
            ("created", text::local(member.create_time.as_ref())),
            ("updated", text::local(member.update_time.as_ref())),
        ],
    )
}
