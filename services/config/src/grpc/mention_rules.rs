//! Mention rules.

use uuid::Uuid;
use watchbell_contracts::config::v1::{
    self as pb, CreateMentionRuleRequest, CreateMentionRuleResponse, DeleteMentionRuleRequest,
    DeleteMentionRuleResponse, GetMentionRuleRequest, GetMentionRuleResponse, ListMentionRulesRequest,
    ListMentionRulesResponse, UpdateMentionRuleRequest, UpdateMentionRuleResponse,
};
use watchbell_model::ids::MentionRuleId;
use watchbell_model::mention::{Mention, MentionRule};
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;
use watchbell_store::paging::{FiltersHash, PageRequest};

use super::{PAGE, checked, ensure_capacity, existing, id, required};
use crate::error::Result;
use crate::service::Service;
use crate::store::Resource;
use crate::store::changes::Change;
use crate::store::entities::{member, mention_rule};
use crate::warnings::Known;
use crate::{check, etag, mask};

pub(super) const MAX_MENTION_RULES: u64 = 200;

pub(super) async fn list(
    service: &Service,
    caller: Principal,
    request: ListMentionRulesRequest,
) -> Result<ListMentionRulesResponse> {
    let team = existing(service, &caller, &request.team_id).await?;
    let filters = FiltersHash::for_method("ListMentionRules").with(team);
    let page = PageRequest::<Uuid>::parse(request.page_size, &request.page_token, PAGE, filters)?;
    let page = mention_rule::Entity::page(service.store().reader(), team, &page, |row| row.id).await?;
    let page = page.try_map(|row| row.to_message())?;
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
    let team = caller.team(&request.team_id)?;
    let id: MentionRuleId = id("mention_rule_id", &request.mention_rule_id)?;
    let row = mention_rule::Entity::get(service.store().reader(), team, &id).await?;
    Ok(GetMentionRuleResponse {
        mention_rule: Some(row.to_message()?),
    })
}

pub(super) async fn create(
    service: &Service,
    caller: Principal,
    request: CreateMentionRuleRequest,
) -> Result<CreateMentionRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let rule = checked(
        "mention_rule",
        check::mention_rule(&required(request.mention_rule, "mention_rule")?),
    )?;
    let change = service.change(team).await?;
    ensure_capacity(
        mention_rule::Entity::count(change.connection(), team).await?,
        MAX_MENTION_RULES,
        "mention rules",
    )?;
    members_of_the_team(&change, &rule).await?;
    let now = change.now();
    let mut row = mention_rule::Model {
        id: MentionRuleId::generate(now).as_uuid(),
        team_id: team.as_uuid(),
        spec: Vec::new(),
        version: 1,
        create_time: now,
        update_time: now,
    };
    let message = pb::MentionRule::from(&rule);
    row.configure(&message);
    mention_rule::Entity::add(change.connection(), &row).await?;
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
    caller: Principal,
    request: UpdateMentionRuleRequest,
) -> Result<UpdateMentionRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let update = required(request.mention_rule, "mention_rule")?;
    let id: MentionRuleId = id("mention_rule.id", &update.id)?;
    let change = service.change(team).await?;
    let mut row = mention_rule::Entity::get(change.connection(), team, &id).await?;
    etag::check(&update.etag, row.version, "mention rule", id)?;
    let current = row.to_message()?;
    let merged = mask::merge(
        "watchbell.config.v1.MentionRule",
        &current,
        &update,
        request.update_mask.as_ref(),
    )?;
    let rule = checked("mention_rule", check::mention_rule(&merged))?;
    members_of_the_team(&change, &rule).await?;
    let message = pb::MentionRule::from(&rule);
    row.configure(&message);
    row.version += 1;
    row.update_time = change.now();
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
    caller: Principal,
    request: DeleteMentionRuleRequest,
) -> Result<DeleteMentionRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let id: MentionRuleId = id("mention_rule_id", &request.mention_rule_id)?;
    let change = service.change(team).await?;
    let row = mention_rule::Entity::get(change.connection(), team, &id).await?;
    etag::check(&request.etag, row.version, "mention rule", id)?;
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
