//! Rules in their order.

use sea_orm::ConnectionTrait;
use watchbell_contracts::config::v1::{
    CreateRuleRequest, CreateRuleResponse, DeleteRuleRequest, DeleteRuleResponse, GetRuleRequest,
    GetRuleResponse, ListRulesRequest, ListRulesResponse, MoveRuleRequest, MoveRuleResponse, Rule,
    UpdateRuleRequest, UpdateRuleResponse,
};
use watchbell_model::ids::{RuleId, TeamId};
use watchbell_model::rule;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, MAX_PAGE_BYTES, PageRequest};

use super::channels::routable;
use super::{PAGE, checked, ensure_capacity, existing, id, required};
use crate::error::Result;
use crate::service::Service;
use crate::store::entities::rule as row;
use crate::store::{Resource, rules};
use crate::warnings::Known;
use crate::{check, etag, mask};

pub(super) const MAX_RULES: u64 = 500;

pub(super) async fn list(
    service: &Service,
    caller: Principal,
    request: ListRulesRequest,
) -> Result<ListRulesResponse> {
    let team = existing(service, &caller, &request.team_id).await?;
    let filters = FiltersHash::for_method("ListRules").with(team);
    let page = PageRequest::<i32>::parse(request.page_size, &request.page_token, PAGE, filters)?;
    let page = row::Entity::page(service.store().reader(), team, &page, |row| row.position)
        .await?
        .try_map(|row| row.to_message())?;
    Ok(ListRulesResponse {
        rules: page.items,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn get(
    service: &Service,
    caller: Principal,
    request: GetRuleRequest,
) -> Result<GetRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let id: RuleId = id("rule_id", &request.rule_id)?;
    let row = row::Entity::get(service.store().reader(), team, &id).await?;
    Ok(GetRuleResponse {
        rule: Some(row.to_message()?),
    })
}

pub(super) async fn create(
    service: &Service,
    caller: Principal,
    request: CreateRuleRequest,
) -> Result<CreateRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let draft = required(request.rule, "rule")?;
    let rule = examine(service.store().reader(), team, &draft).await?;
    let change = service.change(team).await?;
    // Again, now that nobody can delete one.
    checked(
        "rule",
        routable(change.connection(), team, &draft).await?.into_result(()),
    )?;
    let mut order = row::Entity::all(change.connection(), team).await?;
    ensure_capacity(order.len() as u64, MAX_RULES, "rules")?;
    let now = change.now();
    let mut row = row::Model {
        id: RuleId::generate(now).as_uuid(),
        team_id: team.as_uuid(),
        position: 0,
        spec: Vec::new(),
        version: 1,
        create_time: now,
        update_time: now,
    };
    let message = Rule::from(&rule);
    row.configure(&message);
    let index = index_of(rule.position, order.len());
    row.position = i32::try_from(index + 1).unwrap_or(i32::MAX);
    row::Entity::add(change.connection(), &row).await?;
    order.insert(index, row.clone());
    rules::renumber(change.connection(), &mut order).await?;
    let warnings = Known::read(change.connection(), team).await?.of_rule(&message);
    service.finish(change, request.validate_only).await?;
    Ok(CreateRuleResponse {
        rule: Some(row.to_message()?),
        warnings,
    })
}

pub(super) async fn update(
    service: &Service,
    caller: Principal,
    request: UpdateRuleRequest,
) -> Result<UpdateRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let update = required(request.rule, "rule")?;
    let id: RuleId = id("rule.id", &update.id)?;
    let change = service.change(team).await?;
    let mut row = row::Entity::get(change.connection(), team, &id).await?;
    etag::check(&update.etag, row.version, "rule", id)?;
    let current = row.to_message()?;
    let merged = mask::merge(
        "watchbell.config.v1.Rule",
        &current,
        &update,
        request.update_mask.as_ref(),
    )?;
    let rule = examine(change.connection(), team, &merged).await?;
    let message = Rule::from(&rule);
    row.configure(&message);
    row.version += 1;
    row.update_time = change.now();
    row::Entity::put(change.connection(), &row).await?;
    let warnings = Known::read(change.connection(), team).await?.of_rule(&message);
    service.finish(change, request.validate_only).await?;
    Ok(UpdateRuleResponse {
        rule: Some(row.to_message()?),
        warnings,
    })
}

pub(super) async fn delete(
    service: &Service,
    caller: Principal,
    request: DeleteRuleRequest,
) -> Result<DeleteRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let id: RuleId = id("rule_id", &request.rule_id)?;
    let change = service.change(team).await?;
    let row = row::Entity::get(change.connection(), team, &id).await?;
    etag::check(&request.etag, row.version, "rule", id)?;
    row::Entity::remove(change.connection(), team, &id).await?;
    let mut order = row::Entity::all(change.connection(), team).await?;
    rules::renumber(change.connection(), &mut order).await?;
    service.finish(change, false).await?;
    Ok(DeleteRuleResponse {})
}

pub(super) async fn move_to(
    service: &Service,
    caller: Principal,
    request: MoveRuleRequest,
) -> Result<MoveRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let id: RuleId = id("rule_id", &request.rule_id)?;
    if request.position < 1 {
        return Err(Problem::invalid("position", reason::OUT_OF_RANGE, "must be at least 1").into());
    }
    let change = service.change(team).await?;
    let mut order = row::Entity::all(change.connection(), team).await?;
    let Some(from) = order.iter().position(|row| row.id == id.as_uuid()) else {
        return Err(Problem::not_found("rule", id).into());
    };
    let row = order.remove(from);
    let position = u32::try_from(request.position).unwrap_or_default();
    order.insert(index_of(position, order.len()), row);
    rules::renumber(change.connection(), &mut order).await?;
    service.finish(change, false).await?;
    let bytes: usize = order.iter().map(|row| row.spec.len()).sum();
    let to_message = |row: &row::Model| {
        let full = row.to_message()?;
        if bytes <= MAX_PAGE_BYTES || row.id == id.as_uuid() {
            return Ok(full);
        }
        Ok(Rule {
            id: full.id,
            display_name: full.display_name,
            position: full.position,
            etag: full.etag,
            ..Rule::default()
        })
    };
    let rules = order.iter().map(to_message).collect::<Result<_>>()?;
    Ok(MoveRuleResponse { rules })
}

/// A rule that somebody wrote, as it is kept.
///
/// # Errors
/// Every violation at once: of its fields, and of the channels that it sends to.
async fn examine(connection: &impl ConnectionTrait, team: TeamId, draft: &Rule) -> Result<rule::Rule> {
    let mut violations = Violations::new();
    let rule = violations.take(check::rule(draft));
    violations.extend(routable(connection, team, draft).await?);
    match rule {
        Some(rule) if violations.is_empty() => Ok(rule),
        _ => Err(violations.under("rule").into()),
    }
}

/// Where a position from 1 lies among so many others; 0 and what is beyond the end mean last.
fn index_of(position: u32, others: usize) -> usize {
    match usize::try_from(position) {
        Ok(position @ 1..) => (position - 1).min(others),
        _ => others,
    }
}
