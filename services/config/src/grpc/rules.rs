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
use watchbell_store::paging::MAX_PAGE_BYTES;

use super::channels::routable;
use super::crud::{self, Update};
use super::{checked, id, required};
use crate::author::Writer;
use crate::check;
use crate::error::Result;
use crate::service::Service;
use crate::store::entities::rule as row;
use crate::store::{Resource, rules};
use crate::warnings::Known;

pub(super) async fn list(
    service: &Service,
    caller: Principal,
    request: ListRulesRequest,
) -> Result<ListRulesResponse> {
    let (team, size, token) = (&request.team_id, request.page_size, &request.page_token);
    let page = crud::list::<row::Entity>(service, &caller, team, size, token).await?;
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
    let (team, id) = (&request.team_id, &request.rule_id);
    let rule = crud::get::<row::Entity>(service, &caller, team, "rule_id", id).await?;
    Ok(GetRuleResponse { rule: Some(rule) })
}

pub(super) async fn create(
    service: &Service,
    caller: Writer,
    request: CreateRuleRequest,
) -> Result<CreateRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let draft = required(request.rule, "rule")?;
    let rule = examine(service.store().reader(), team, &draft).await?;
    let change = service.change(team, &caller).await?;
    // Again, now that nobody can delete one.
    checked(
        "rule",
        routable(change.connection(), team, &draft).await?.into_result(()),
    )?;
    let mut order = row::Entity::all(change.connection(), team).await?;
    let message = Rule::from(&rule);
    let mut row = row::Model::new(team, &message, change.now());
    let index = index_of(rule.position, order.len());
    row.position = i32::try_from(index + 1).unwrap_or(i32::MAX);
    crud::add::<row::Entity>(&change, &row).await?;
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
    caller: Writer,
    request: UpdateRuleRequest,
) -> Result<UpdateRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let update = required(request.rule, "rule")?;
    let id: RuleId = id("rule.id", &update.id)?;
    let change = service.change(team, &caller).await?;
    let asked = Update {
        message: &update,
        etag: &update.etag,
        mask: request.update_mask.as_ref(),
    };
    let found = crud::merged::<row::Entity>(service, change.connection(), team, &id, asked).await?;
    let mut row = found.row;
    let rule = examine(change.connection(), team, &found.merged).await?;
    let message = Rule::from(&rule);
    row.configure(&message, change.now());
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
    caller: Writer,
    request: DeleteRuleRequest,
) -> Result<DeleteRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let id: RuleId = id("rule_id", &request.rule_id)?;
    let change = service.change(team, &caller).await?;
    crud::read::<row::Entity>(change.connection(), team, &id, &request.etag).await?;
    row::Entity::remove(change.connection(), team, &id).await?;
    let mut order = row::Entity::all(change.connection(), team).await?;
    rules::renumber(change.connection(), &mut order).await?;
    service.finish(change, false).await?;
    Ok(DeleteRuleResponse {})
}

pub(super) async fn move_to(
    service: &Service,
    caller: Writer,
    request: MoveRuleRequest,
) -> Result<MoveRuleResponse> {
    let team = caller.team(&request.team_id)?;
    let id: RuleId = id("rule_id", &request.rule_id)?;
    if request.position < 1 {
        return Err(Problem::invalid("position", reason::OUT_OF_RANGE, "must be at least 1").into());
    }
    let change = service.change(team, &caller).await?;
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
/// Every violation at once: of its fields, and of the channels that it names.
async fn examine(connection: &impl ConnectionTrait, team: TeamId, draft: &Rule) -> Result<rule::Rule> {
    let mut violations = Violations::new();
    let rule = violations.take(check::rule(draft));
    violations.extend(routable(connection, team, draft).await?);
    match rule {
        Some(rule) if violations.is_empty() => Ok(rule),
        _ => Err(violations.under("rule").into()),
    }
}

/// The index of a position from 1 among so many others; 0 and positions beyond the end mean last.
fn index_of(position: u32, others: usize) -> usize {
    match usize::try_from(position) {
        Ok(position @ 1..) => (position - 1).min(others),
        _ => others,
    }
}
