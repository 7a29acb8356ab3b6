//! `teams`: the tenants. Making, deleting and planning them needs a platform key.

use clap::{Args, Subcommand};
use watchbell_contracts::config::v1::{
    CreateTeamRequest, DeleteTeamRequest, GetTeamRequest, ListTeamsRequest, ListTeamsResponse, Team,
    UpdateTeamRequest,
};
use watchbell_model::Plan;
use watchbell_model::convert::FromWire as _;

use super::{mask, present};
use crate::failure::Outcome;
use crate::input;
use crate::session::{Session, every};
use crate::text::{self, Style, Table};

const NAME: &str = "watchbell.config.v1.Team";

/// Teams.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All teams
    List,
    /// One team: by id or name, else the one of --team or the key
    Show {
        /// The team, by id or name
        team: Option<String>,
    },
    /// Make a team
    Create {
        /// The name people read
        #[arg(long)]
        name: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Change a team
    Update {
        /// The team, by id or name; else the one of --team or the key
        team: Option<String>,
        /// The name people read
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        fields: Fields,
    },
    /// Delete a team and everything it owns
    Delete {
        /// The team, by id or name
        team: String,
    },
}

/// What a team has besides its name.
#[derive(Debug, Args)]
pub(crate) struct Fields {
    /// free, team or enterprise
    #[arg(long, value_parser = input::word::<Plan>)]
    plan: Option<Plan>,
    /// An IANA zone such as Europe/Berlin; UTC when left out
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    let out = session.out;
    match command {
        Command::List => {
            let teams = every(usize::MAX, |page_size, page_token| async move {
                let request = ListTeamsRequest {
                    page_size,
                    page_token,
                };
                let answer = session
                    .teams()
                    .list_teams(session.ask(request))
                    .await?
                    .into_inner();
                Ok((answer.teams, answer.next_page_token))
            })
            .await?;
            let all = ListTeamsResponse {
                teams,
                ..ListTeamsResponse::default()
            };
            out.show("watchbell.config.v1.ListTeamsResponse", &all, || {
                let mut table = Table::new(&["ID", "NAME", "PLAN", "TIME ZONE", "CREATED"]).keep(&[0]);
                for team in &all.teams {
                    table.row([
                        team.id.clone(),
                        team.display_name.clone(),
                        text::word::<Plan>(team.plan),
                        team.time_zone.clone(),
                        text::local(team.create_time.as_ref()),
                    ]);
                }
                table.render(
                    out.style,
                    out.width,
                    "no teams; make one with `watchbell teams create --name …`",
                )
            })
        }
        Command::Show { team } => {
            let team = get(session, team).await?;
            out.show(NAME, &team, || shown(&team, out.style))
        }
        Command::Create { name, fields } => {
            let team = Team {
                display_name: name,
                plan: fields.plan.map_or(0, Plan::to_wire),
                time_zone: fields.time_zone.unwrap_or_default(),
                ..Team::default()
            };
            let request = CreateTeamRequest {
                team: Some(team),
                validate_only: false,
            };
            let team = present(
                session
                    .teams()
                    .create_team(session.ask(request))
                    .await?
                    .into_inner()
                    .team,
            )?;
            out.show(NAME, &team, || shown(&team, out.style))
        }
        Command::Update { team, name, fields } => {
            let mut team = get(session, team).await?;
            let mut paths = Vec::new();
            if let Some(name) = name {
                team.display_name = name;
                paths.push("display_name");
            }
            if let Some(plan) = fields.plan {
                team.plan = plan.to_wire();
                paths.push("plan");
            }
            if let Some(zone) = fields.time_zone {
                team.time_zone = zone;
                paths.push("time_zone");
            }
            let request = UpdateTeamRequest {
                team: Some(team),
                update_mask: mask(paths)?,
                validate_only: false,
            };
            let team = present(
                session
                    .teams()
                    .update_team(session.ask(request))
                    .await?
                    .into_inner()
                    .team,
            )?;
            out.show(NAME, &team, || shown(&team, out.style))
        }
        Command::Delete { team } => {
            let team_id = session.team_id(&team).await?;
            let request = DeleteTeamRequest {
                team_id: team_id.clone(),
                etag: String::new(),
            };
            session.teams().delete_team(session.ask(request)).await?;
            out.print(&format!("deleted {team_id}\n"))
        }
    }
}

async fn get(session: &Session, given: Option<String>) -> Outcome<Team> {
    let team_id = match given {
        Some(given) => session.team_id(&given).await?,
        None => session.team(),
    };
    let answer = session
        .teams()
        .get_team(session.ask(GetTeamRequest { team_id }))
        .await?;
    present(answer.into_inner().team)
}

fn shown(team: &Team, style: Style) -> String {
    text::pairs(
        style,
        &[
            ("id", style.name(&team.id)),
            ("name", team.display_name.clone()),
            ("plan", text::word::<Plan>(team.plan)),
            ("time zone", team.time_zone.clone()),
            ("created", text::local(team.create_time.as_ref())),
            ("updated", text::local(team.update_time.as_ref())),
        ],
    )
}
