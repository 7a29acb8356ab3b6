//! A team whose history is written, read and taken back.

use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use watchbell_contracts::api::{RoutingApi, TeamApi};
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{
    ApiKey, ConfigRevision, CreateApiKeyRequest, CreateRuleRequest, EventFilter, ExportTeamConfigRequest,
    ListConfigChangesRequest, RevertConfigChangeRequest, RevertConfigChangeResponse, Rule,
    Scope as WireScope, SilenceAction, UpdateRuleRequest,
};
use watchbell_contracts::event::v1::ChannelKind;
use watchbell_model::ids::{KeyId, TeamId};
use watchbell_runtime::auth::{Principal, Scope, internal_request};
use watchbell_store::Store;

use crate::support::{Config, by, of_team};

/// A team, and a key of its own that changes it.
pub(super) struct Written {
    pub(super) config: Config,
    pub(super) team: TeamId,
    pub(super) key: KeyId,
}

// === impl Written ===

impl Written {
    pub(super) async fn new(store: &Store) -> Self {
        let config = Config::on(store);
        let team = config.team().await;
        let request = CreateApiKeyRequest {
            team_id: team.to_string(),
            api_key: Some(ApiKey {
                display_name: "ci".to_owned(),
                scopes: vec![WireScope::ConfigWrite.into()],
                ..ApiKey::default()
            }),
        };
        let made = config
            .service
            .create_api_key(internal_request(request))
            .await
            .unwrap();
        let key = made.into_inner().api_key.unwrap().id.parse().unwrap();
        Self { config, team, key }
    }

    /// A request with the team's key.
    pub(super) fn by<T>(&self, message: T) -> Request<T> {
        by(
            message,
            Principal::ApiKey {
                key_id: self.key,
                team_id: Some(self.team),
                scopes: [Scope::ConfigWrite].into_iter().collect(),
            },
        )
    }

    pub(super) async fn history(&self) -> Vec<ConfigRevision> {
        history(&self.config, self.team, ListConfigChangesRequest::default()).await
    }

    pub(super) async fn newest(&self) -> ConfigRevision {
        newest_change(&self.config, self.team).await
    }

    pub(super) async fn revert(&self, revision: i64) -> Result<RevertConfigChangeResponse, Status> {
        revert(&self.config, self.team, revision).await
    }

    pub(super) async fn rule(&self, name: &str, sources: &[&str]) -> Rule {
        let request = CreateRuleRequest {
            rule: Some(silencing(name, sources)),
            ..CreateRuleRequest::default()
        };
        let made = self.config.service.create_rule(self.by(request)).await.unwrap();
        made.into_inner().rule.unwrap()
    }

    pub(super) async fn update_rule(&self, rule: Rule) {
        let request = UpdateRuleRequest {
            rule: Some(Rule {
                etag: String::new(),
                ..rule
            }),
            ..UpdateRuleRequest::default()
        };
        self.config.service.update_rule(self.by(request)).await.unwrap();
    }
}

pub(super) fn silencing(name: &str, sources: &[&str]) -> Rule {
    Rule {
        display_name: name.to_owned(),
        r#match: Some(EventFilter {
            sources: sources.iter().map(|&source| source.to_owned()).collect(),
            ..EventFilter::default()
        }),
        action: Some(Action::Silence(SilenceAction {
            kinds: vec![ChannelKind::Slack.into()],
        })),
        ..Rule::default()
    }
}

pub(super) async fn history(
    config: &Config,
    team: TeamId,
    request: ListConfigChangesRequest,
) -> Vec<ConfigRevision> {
    let answer = config.service.list_config_changes(of_team(request, team)).await;
    answer.unwrap().into_inner().revisions
}

pub(super) async fn revert(
    config: &Config,
    team: TeamId,
    revision: i64,
) -> Result<RevertConfigChangeResponse, Status> {
    let request = RevertConfigChangeRequest {
        revision,
        ..RevertConfigChangeRequest::default()
    };
    let answer = config.service.revert_config_change(of_team(request, team)).await;
    answer.map(tonic::Response::into_inner)
}

pub(super) async fn export_at(config: &Config, team: TeamId, revision: i64) -> String {
    let request = ExportTeamConfigRequest {
        revision,
        ..ExportTeamConfigRequest::default()
    };
    let answer = config.service.export_team_config(of_team(request, team)).await;
    answer.unwrap().into_inner().document
}

/// The newest change of a team.
pub(crate) async fn newest_change(config: &Config, team: TeamId) -> ConfigRevision {
    history(config, team, ListConfigChangesRequest::default())
        .await
        .remove(0)
}

/// What a later change stands in the way of.
pub(super) fn conflicts(result: Result<RevertConfigChangeResponse, Status>) -> Vec<String> {
    let status = result.unwrap_err();
    assert_eq!(status.code(), Code::Aborted, "{status:?}");
    let details = status.get_details_precondition_failure().unwrap();
    details
        .violations
        .into_iter()
        .map(|violation| violation.subject)
        .collect()
}
