//! A team's configuration as one document (see `document`). What it changes is judged as the single calls judge it,
//! and is then made in one transaction, all of it or nothing.

use futures::future::join_all;
use watchbell_contracts::config::v1::{
    ApplyTeamConfigRequest, ApplyTeamConfigResponse, ConfigChange, ConfigChangeAction,
    DraftTeamSnapshotRequest, DraftTeamSnapshotResponse, ExportTeamConfigRequest, ExportTeamConfigResponse,
};
use watchbell_egress::Guard;
use watchbell_model::ids::TeamId;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::auth::table::Access;
use watchbell_runtime::problem::{Problem, reason as problem_reason};

use super::channels::admit;
use super::internal;
use crate::author::Writer;
use crate::confirmations::{self, Listed};
use crate::document::{self, ConfigPlan, Current, Desired, GuardCheck};
use crate::error::Result;
use crate::history::Past;
use crate::service::Service;
use crate::snapshot;
use crate::store::entities::{channel, event_type, mention_rule, rule, silence};
use crate::store::{Resource, teams};

/// Attempts of an apply, when others change the team meanwhile.
const TRIES: usize = 5;
/// The largest document that is answered, in bytes: clients take answers of 4 MiB.
const MAX_EXPORT: usize = 3 * 1024 * 1024;
/// Hosts that are looked up at once.
const LOOK_UPS: usize = 16;

pub(super) async fn apply(
    service: &Service,
    caller: Writer,
    request: ApplyTeamConfigRequest,
) -> Result<ApplyTeamConfigResponse> {
    let team = caller.team(&request.team_id)?;
    let guard = service.guard().on_behalf_of(team);
    let document = request.document;
    let reading = service
        .tenant_pool()
        .run(team, move || document::desired(&document));
    let (desired, mut unreadable) = reading.await.map_err(Problem::from)?;
    unreadable.extend(limit_violations(&desired));
    if request.expected_revision < 0 {
        unreadable.add("expected_revision", reason::OUT_OF_RANGE, "must not be negative");
    }
    let mut accepted: Option<Vec<ConfigChange>> = None;
    for _ in 0..TRIES {
        let mut current = read(service, team).await?;
        if desired.channels.is_some() {
            current.open(service.keyring(), team)?;
        }
        let (plan, impossible) = document::plan(&current, &desired, team, service.now());
        let mut violations = unreadable.clone();
        violations.extend_unsaid(impossible);
        violations.extend_unsaid(refusals(&guard, &current, &plan.guard_checks).await);
        violations.into_result(())?;
        their_own(&caller, &plan)?;
        let mut answer = ApplyTeamConfigResponse {
            changes: plan.changes,
            warnings: document::warnings(&current, &desired, service.platform_mail()),
            revision: current.revision,
        };
        still_meant(request.expected_revision, accepted.as_deref(), &answer)?;
        if request.validate_only || answer.changes.is_empty() {
            return Ok(answer);
        }
        let change = service.change(team, &caller).await?;
        // Begun, the change has raised the revision by one; what was planned on another state is planned again.
        if teams::get(change.connection(), team).await?.revision == current.revision + 1 {
            let before = Listed::read(change.connection(), team).await?;
            document::apply(&change, team, service.keyring(), plan.steps, &caller).await?;
            confirmations::ask_new(service, &change, &before).await?;
            service.finish(change, false).await?;
            answer.revision = current.revision + 1;
            return Ok(answer);
        }
        accepted.get_or_insert(answer.changes);
    }
    Err(Problem::unavailable("the team's configuration keeps changing").into())
}

pub(super) async fn export(
    service: &Service,
    caller: Principal,
    request: ExportTeamConfigRequest,
) -> Result<ExportTeamConfigResponse> {
    let team = caller.team(&request.team_id)?;
    if request.revision < 0 {
        return Err(Problem::invalid("revision", reason::OUT_OF_RANGE, "must not be negative").into());
    }
    let current = if request.revision == 0 {
        read(service, team).await?
    } else {
        // The past shows what was deleted since, as the history does.
        Access::Administer.check(&caller)?;
        read_past(service, team, request.revision).await?
    };
    // What others want by email is not a member's to read.
    let with_preferences = !matches!(caller, Principal::Member { .. });
    let document = document::export(&current, with_preferences)?;
    if document.len() > MAX_EXPORT {
        return Err(Problem::TooLarge {
            message: format!(
                "the document has {} bytes, and answers at most {MAX_EXPORT}; list its resources page by page",
                document.len()
            ),
        }
        .into());
    }
    Ok(ExportTeamConfigResponse {
        document,
        revision: current.revision,
    })
}

/// That the configuration is the one that the caller has seen, if it says which, and that nothing would be deleted that
/// was added since the call began (`accepted` is what it changed at first).
fn still_meant(
    expected: i64,
    accepted: Option<&[ConfigChange]>,
    now: &ApplyTeamConfigResponse,
) -> Result<()> {
    let deleted = |changes: &[ConfigChange], subject: &str| {
        let mut changes = changes.iter();
        changes.any(|change| change.action() == ConfigChangeAction::Delete && change.subject == subject)
    };
    let message = if expected != 0 && expected != now.revision {
        format!(
            "the configuration is at revision {}, not {expected}",
            now.revision
        )
    } else if accepted.is_some_and(|accepted| {
        let mut subjects = now.changes.iter().map(|change| change.subject.as_str());
        subjects.any(|subject| deleted(&now.changes, subject) && !deleted(accepted, subject))
    }) {
        "somebody else has added what the document would delete".to_owned()
    } else {
        return Ok(());
    };
    let differences = now.changes.iter().map(|change| {
        let sign = match change.action() {
            ConfigChangeAction::Create => '+',
            ConfigChangeAction::Delete => '-',
            _ => '~',
        };
        format!("{sign} {}", change.subject)
    });
    Err(Problem::Conflict {
        reason: "CONFIG_MOVED",
        message: format!("{message}; now the document would change:"),
        differences: differences.collect(),
    }
    .into())
}

async fn read(service: &Service, team: TeamId) -> Result<Current> {
    let transaction = service.store().begin_reading().await?;
    let current = Current::read(&transaction, team, service.now()).await?;
    transaction.rollback().await?;
    Ok(current)
}

async fn read_past(service: &Service, team: TeamId, revision: i64) -> Result<Current> {
    let transaction = service.store().begin_reading().await?;
    let past = Past::at_revision(&transaction, team, revision, service.now()).await?;
    transaction.rollback().await?;
    Current::from_state(&past.state, team, revision, past.since)
}

/// What a draft of a document would make of a team: its snapshot, in a transaction that is rolled back. Nobody is asked where channels
/// lead.
pub(super) async fn draft(
    service: &Service,
    caller: Writer,
    request: DraftTeamSnapshotRequest,
) -> Result<DraftTeamSnapshotResponse> {
    internal(&caller)?;
    let team = caller.team(&request.team_id)?;
    let document = request.document;
    let reading = service
        .tenant_pool()
        .run(team, move || document::desired(&document));
    let (desired, mut violations) = reading.await.map_err(Problem::from)?;
    violations.extend(limit_violations(&desired));
    for _ in 0..TRIES {
        let mut current = read(service, team).await?;
        if desired.channels.is_some() {
            current.open(service.keyring(), team)?;
        }
        let (plan, impossible) = document::plan(&current, &desired, team, service.now());
        let mut violations = violations.clone();
        violations.extend_unsaid(impossible);
        violations.into_result(())?;
        let change = service.change(team, &caller).await?;
        if change.revision() != current.revision + 1 {
            continue;
        }
        document::apply(&change, team, service.keyring(), plan.steps, &caller).await?;
        let snapshot = snapshot::collect(change.connection(), team, service.now()).await?;
        service.finish(change, true).await?;
        return Ok(DraftTeamSnapshotResponse {
            snapshot: Some(snapshot),
            changes: plan.changes,
            warnings: document::warnings(&current, &desired, service.platform_mail()),
        });
    }
    Err(Problem::unavailable("the team's configuration keeps changing").into())
}

fn limit_violations(desired: &Desired) -> Violations {
    let mut violations = Violations::new();
    for (section, count, limit) in [
        (
            "event_types",
            desired.event_types.as_ref().map(Vec::len),
            event_type::Entity::LIMIT,
        ),
        (
            "channels",
            desired.channels.as_ref().map(Vec::len),
            channel::Entity::LIMIT,
        ),
        ("rules", desired.rules.as_ref().map(Vec::len), rule::Entity::LIMIT),
        (
            "mentions",
            desired.mentions.as_ref().map(Vec::len),
            mention_rule::Entity::LIMIT,
        ),
        (
            "silences",
            desired.silences.as_ref().map(Vec::len),
            silence::Entity::LIMIT,
        ),
    ] {
        if count.is_some_and(|count| count as u64 > limit) {
            violations.add(
                section,
                reason::TOO_LONG,
                format!("must have at most {limit} entries"),
            );
        }
    }
    violations
}

/// Members say for themselves alone what they want by email; keys that may write do for everybody.
fn their_own(caller: &Principal, plan: &ConfigPlan) -> Result<()> {
    if plan.members.iter().all(|member| caller.acts_for(*member).is_ok()) {
        return Ok(());
    }
    Err(Problem::Denied {
        reason: problem_reason::MISSING_SCOPE,
        message: "a member cannot change what others want by email; leave out the section `preferences`"
            .to_owned(),
    }
    .into())
}

/// Asks the egress guard of every channel that leads somewhere new.
pub(super) async fn refusals(guard: &Guard, current: &Current, guard_checks: &[GuardCheck]) -> Violations {
    let mut refusals = Violations::new();
    for some in guard_checks.chunks(LOOK_UPS) {
        let asked = some.iter().map(async |admission| {
            let before = admission.before.and_then(|index| current.before(index));
            let refused = admit(guard, &admission.channel, before.as_ref()).await;
            refused
                .map_err(|refused| document::in_document(&admission.channel, refused).under(&admission.path))
        });
        for answer in join_all(asked).await {
            refusals.take(answer);
        }
    }
    refusals
}
