//! The two teams of the demo: created over gRPC, and set up by the documents in `demo/`, as `watchbell apply` does it.

use std::collections::{BTreeMap, HashMap};

use prost_types::Struct;
use watchbell_config::references;
use watchbell_contracts::config::v1::{
    ApplyTeamConfigRequest, CreateMemberRequest, ListEventTypesRequest, ListEventTypesResponse, Member, Plan,
    Role,
};

use super::fakes::Fakes;
use super::scenario::{Destination, Team};
use crate::failure::{Failure, Outcome, present};
use crate::local::{self, LocalServer};
use crate::session::{Out, Session};

const ACME: &str = include_str!("../../demo/acme.yaml");
const SOLO: &str = include_str!("../../demo/solo.yaml");

/// A team that is set up.
pub(super) struct DemoTeam {
    /// May do everything in the team.
    pub(super) admin: Session,
    /// May only emit.
    pub(super) backend: Session,
    /// The member whose inbox is checked.
    pub(super) owner_id: String,
    /// Channel names by id.
    pub(super) names: HashMap<String, String>,
}

/// Both teams, and an example of the data of each event type.
pub(super) struct Setup {
    pub(super) acme: DemoTeam,
    pub(super) solo: DemoTeam,
    pub(super) examples: BTreeMap<String, Struct>,
}

// === impl Setup ===

impl Setup {
    /// Creates both teams and applies their documents.
    pub(super) async fn create(server: &LocalServer, fakes: &Fakes, out: Out) -> Outcome<Self> {
        let platform = local::connect(&server.url, &server.admin_key, out).await?;

        let team = local::create_team(&platform, "Acme", Plan::Team).await?;
        let owner_id = create_member(&team, Destination::Olga, Role::Owner).await?;
        create_member(&team, Destination::Adam, Role::Admin).await?;
        apply(&team, ACME, |name| fakes.acme_reference(name)).await?;
        let acme = DemoTeam::new(server, team, owner_id).await?;

        let team = local::create_team(&platform, "Solo", Plan::Free).await?;
        let owner_id = create_member(&team, Destination::Sam, Role::Owner).await?;
        apply(&team, SOLO, |name| fakes.solo_reference(name)).await?;
        let solo = DemoTeam::new(server, team, owner_id).await?;

        let examples = examples(&acme.admin).await?;
        Ok(Self { acme, solo, examples })
    }

    pub(super) const fn team(&self, team: Team) -> &DemoTeam {
        match team {
            Team::Acme => &self.acme,
            Team::Solo => &self.solo,
        }
    }
}

// === impl DemoTeam ===

impl DemoTeam {
    async fn new(server: &LocalServer, admin: Session, owner_id: String) -> Outcome<Self> {
        let key = local::create_emit_key(&admin, "backend").await?;
        let backend = local::connect(&server.url, &key, admin.out).await?;
        let names = admin.channel_names().await;
        Ok(Self {
            admin,
            backend,
            owner_id,
            names,
        })
    }
}

/// Creates a member with the mailbox of a destination; its id.
async fn create_member(team: &Session, mailbox: Destination, role: Role) -> Outcome<String> {
    let member = Member {
        email: mailbox.address().unwrap_or_default().to_owned(),
        display_name: mailbox.heading().to_owned(),
        role: role as i32,
        ..Member::default()
    };
    let request = CreateMemberRequest {
        team_id: team.team(),
        member: Some(member),
        validate_only: false,
    };
    let answer = team.teams().create_member(team.ask(request)).await?.into_inner();
    Ok(present(answer.member)?.id)
}

/// Applies a document whose references, `${env:NAME}`, are the addresses of the fakes.
async fn apply(team: &Session, document: &str, reference: impl Fn(&str) -> Option<String>) -> Outcome {
    let document = references::resolve(document, |_, name| {
        reference(name).ok_or_else(|| format!("the demo has no {name}"))
    })
    .map_err(|violations| Failure::message(violations.to_string()))?;
    let request = ApplyTeamConfigRequest {
        team_id: team.team(),
        document,
        ..ApplyTeamConfigRequest::default()
    };
    team.routing().apply_team_config(team.ask(request)).await?;
    Ok(())
}

/// The catalog's example of each event type.
async fn examples(admin: &Session) -> Outcome<BTreeMap<String, Struct>> {
    let request = ListEventTypesRequest {
        team_id: admin.team(),
        ..ListEventTypesRequest::default()
    };
    let listed: ListEventTypesResponse = admin
        .list(
            "watchbell.config.v1.CatalogService",
            "ListEventTypes",
            &request,
            usize::MAX,
        )
        .await?;
    Ok(listed
        .event_types
        .into_iter()
        .filter_map(|entry| Some((entry.name, entry.example?)))
        .collect())
}
