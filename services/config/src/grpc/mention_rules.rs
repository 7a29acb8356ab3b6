//! Mention rules.

use watchbell_contracts::config::v1::{
    self as pb, CreateMentionRuleRequest, CreateMentionRuleResponse, DeleteMentionRuleRequest,
    DeleteMentionRuleResponse, GetMentionRuleRequest, GetMentionRuleResponse, ListMentionRulesRequest,
    ListMentionRulesResponse, UpdateMentionRuleRequest, UpdateMentionRuleResponse,
};
use watchbell_model::ids::MentionRuleId;
use watchbell_model::mention::{Mention, MentionRule};
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;

use super::crud::{self, Update};
use super::{checked, id, required};
use crate::author::Writer;
use crate::check;
use crate::error::Result;
use crate::service::Service;
use crate::store::Resource;
use crate::store::changes::Change;
use crate::store::entities::{member, mention_rule};
use crate::warnings::Known;

pub(super) async fn list(
    service: &Service,
    caller: Principal,
    request: ListMentionRulesRequest,
) -> Result<ListMentionRulesResponse> {
    let (team, size, token) = (&request.team_id, request.page_size, &request.page_token);
    let page = crud::list::<mention_rule::Entity>(service, &caller, team, size, token).await?;
    Ok(ListMentionRulesResponse {
        mention_rules: page.items,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn get(
    service: &Service,
    caller: Principal,
    request: GetMentionRuleRequest,
) -> Result<GetMentionRuleResponse> {
    let (team, id) = (&request.team_id, &request.mention_rule_id);
    let mention_rule =
        crud::get::<mention_rule::Entity>(service, &caller, team, "mention_rule_id", id).await?;
    Ok(GetMentionRuleResponse {
        mention_rule: Some(mention_rule),
    })
}

pub(super) async fn create(
    service: &Service,
    caller: Writer,
    request: CreateMentionRuleRequest,
) -> Result<CreateMentionRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let rule = checked(
        "mention_rule",
        check::mention_rule(&required(request.mention_rule, "mention_rule")?),
    )?;
    let change = service.change(team, &caller).await?;
    members_of_the_team(&change, &rule).await?;
    let message = pb::MentionRule::from(&rule);
    let row = mention_rule::Model::new(team, &message, change.now());
    crud::add::<mention_rule::Entity>(&change, &row).await?;
    let warnings = Known::read(change.connection(), team)
        .await?
        .of_mention_rule(&message);
    service.finish(change, request.validate_only).await?;
    Ok(CreateMentionRuleResponse {
        mention_rule: Some(row.to_message()?),
        warnings,
    })
}

pub(super) async fn update(
    service: &Service,
    caller: Writer,
    request: UpdateMentionRuleRequest,
) -> Result<UpdateMentionRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let update = required(request.mention_rule, "mention_rule")?;
    let id: MentionRuleId = id("mention_rule.id", &update.id)?;
    let change = service.change(team, &caller).await?;
    let asked = Update {
        message: &update,
        etag: &update.etag,
        mask: request.update_mask.as_ref(),
    };
    let found = crud::merged::<mention_rule::Entity>(service, change.connection(), team, &id, asked).await?;
    let mut row = found.row;
    let rule = checked("mention_rule", check::mention_rule(&found.merged))?;
    members_of_the_team(&change, &rule).await?;
    let message = pb::MentionRule::from(&rule);
    row.configure(&message, change.now());
    mention_rule::Entity::put(change.connection(), &row).await?;
    let warnings = Known::read(change.connection(), team)
        .await?
        .of_mention_rule(&message);
    service.finish(change, request.validate_only).await?;
    Ok(UpdateMentionRuleResponse {
        mention_rule: Some(row.to_message()?),
        warnings,
    })
}

pub(super) async fn delete(
    service: &Service,
    caller: Writer,
    request: DeleteMentionRuleRequest,
) -> Result<DeleteMentionRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let id: MentionRuleId = id("mention_rule_id", &request.mention_rule_id)?;
    let change = service.change(team, &caller).await?;
    crud::read::<mention_rule::Entity>(change.connection(), team, &id, &request.etag).await?;
    mention_rule::Entity::remove(change.connection(), team, &id).await?;
    service.finish(change, false).await?;
    Ok(DeleteMentionRuleResponse {})
}

/// The members that a rule names must be the team's own.
async fn members_of_the_team(change: &Change, rule: &MentionRule) -> Result<()> {
    let mut violations = Violations::new();
    for (index, mention) in rule.mentions.iter().enumerate() {
        let Mention::Member(id) = *mention else {
            continue;
        };
        if member::Entity::seek(change.connection(), change.team(), &id)
            .await?
            .is_none()
        {
            let at = format!("mention_rule.mentions[{index}].member_id");
            violations.add(at, reason::UNKNOWN_VALUE, "is no member of this team");
        }
    }
    Ok(violations.into_result(())?)
}
