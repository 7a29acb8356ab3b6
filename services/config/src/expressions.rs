//! Expressions of filters that fail at evaluation, which counts as no match. The Router tells how often, for each channel
//! and rule; the status of a team's integrations shows it for a week, while the expression is what it was then.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::expression_failure::Owner;
use watchbell_contracts::config::v1::{Channel, EventFilter, ExpressionFailure, Rule};
use watchbell_model::convert::{instant, timestamp};
use watchbell_model::ids::TeamId;
use watchbell_model::violation::Violations;

use crate::error::Result;
use crate::service::Service;
use crate::store::entities::expression_failure::Model;
use crate::store::entities::{channel, rule};
use crate::store::{Resource, expression_failures};

/// The most failures of one report.
pub(crate) const MAX_REPORTED: usize = 2_000;
/// For how long failures are shown.
pub(crate) const SHOWN: TimeDelta = TimeDelta::days(7);
/// The longest error that is kept, in characters.
const MAX_ERROR: usize = 1_000;

/// An expression and what has it.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) owner: Owner,
    pub(crate) name: String,
    pub(crate) source: String,
}

// === impl Expression ===

impl Expression {
    fn of_channel(channel: &Channel) -> Option<Self> {
        let filter = match &channel.destination {
            Some(Destination::Webhook(webhook)) => webhook.filter.as_ref(),
            _ => None,
        };
        let source = source(filter).or_else(|| source(channel.triggers.as_ref()))?;
        Some(Self {
            owner: Owner::ChannelId(channel.id.clone()),
            name: channel.display_name.clone(),
            source,
        })
    }

    fn of_rule(rule: &Rule) -> Option<Self> {
        Some(Self {
            owner: Owner::RuleId(rule.id.clone()),
            name: rule.display_name.clone(),
            source: source(rule.r#match.as_ref())?,
        })
    }

    fn id(&self) -> &str {
        id(&self.owner)
    }
}

fn source(filter: Option<&EventFilter>) -> Option<String> {
    filter
        .map(|filter| filter.expression.clone())
        .filter(|source| !source.is_empty())
}

fn id(owner: &Owner) -> &str {
    match owner {
        Owner::ChannelId(id) | Owner::RuleId(id) => id,
    }
}

/// The day of an instant, as rows are kept under it.
fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// A team's expressions, by the ids of their channels and rules.
async fn of_team(connection: &impl ConnectionTrait, team: TeamId) -> Result<HashMap<String, Expression>> {
    let now = DateTime::UNIX_EPOCH;
    let mut found = Vec::new();
    for row in channel::Entity::all(connection, team).await? {
        found.extend(Expression::of_channel(&row.to_message(now)?));
    }
    for row in rule::Entity::all(connection, team).await? {
        found.extend(Expression::of_rule(&row.to_message()?));
    }
    Ok(found
        .into_iter()
        .map(|expression| (expression.id().to_owned(), expression))
        .collect())
}

/// Notes what a Router has counted. What has no expression any more is passed over.
pub(crate) async fn note(service: &Service, team: TeamId, failures: &[ExpressionFailure]) -> Result<()> {
    let expressions = of_team(service.store().reader(), team).await?;
    let now = service.now();
    let mut violations = Violations::new();
    let mut rows: HashMap<String, Model> = HashMap::new();
    for failure in failures {
        let last = instant(failure.last_time.as_ref(), "failures.last_time", &mut violations);
        let expression = failure
            .owner
            .as_ref()
            .and_then(|owner| expressions.get(id(owner)));
        let Some(expression) = expression.filter(|_| failure.count > 0) else {
            continue;
        };
        let row = Model {
            team_id: team.as_uuid(),
            owner: expression.id().to_owned(),
            day: day(now),
            expression: expression.source.clone(),
            count: failure.count,
            error: failure.error.chars().take(MAX_ERROR).collect(),
            last_time: last.unwrap_or(now).min(now),
            told: false,
        };
        rows.insert(row.owner.clone(), row);
    }
    violations.into_result(())?;
    expression_failures::add(service.store().writer(), rows.into_values().collect()).await
}

/// Failures of the last days, the newest first.
pub(crate) async fn failing(service: &Service, team: TeamId) -> Result<Vec<ExpressionFailure>> {
    let since = day(service.now() - SHOWN);
    let connection = service.store().reader();
    let rows = expression_failures::since(connection, team, &since).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let expressions = of_team(connection, team).await?;
    let mut failing: Vec<ExpressionFailure> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for row in &rows {
        let Some(expression) = current(&expressions, row) else {
            continue;
        };
        let place = *places.entry(&row.owner).or_insert_with(|| {
            failing.push(ExpressionFailure {
                owner: Some(expression.owner.clone()),
                count: 0,
                error: row.error.clone(),
                last_time: Some(timestamp(row.last_time)),
                display_name: expression.name.clone(),
                expression: expression.source.clone(),
            });
            failing.len() - 1
        });
        failing[place].count = failing[place].count.saturating_add(row.count);
    }
    Ok(failing)
}

/// What Owners are still to be told of a team, and the rows of all that is done with that: those of expressions that are
/// gone or have changed are told to nobody.
pub(crate) async fn untold(
    connection: &impl ConnectionTrait,
    team: TeamId,
) -> Result<(Vec<(Expression, Model)>, Vec<Model>)> {
    let rows = expression_failures::untold(connection, team).await?;
    let mut expressions = of_team(connection, team).await?;
    let mut tell = Vec::new();
    for row in &rows {
        if current(&expressions, row).is_some()
            && let Some(expression) = expressions.remove(&row.owner)
        {
            tell.push((expression, row.clone()));
        }
    }
    Ok((tell, rows))
}

/// The expression that a row is about, if it has not changed since.
fn current<'e>(expressions: &'e HashMap<String, Expression>, row: &Model) -> Option<&'e Expression> {
    expressions
        .get(&row.owner)
        .filter(|expression| expression.source == row.expression)
}
