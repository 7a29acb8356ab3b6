//! Taking a change of a team's configuration back: the inverse of what the history kept of it, checked and made like any change.
//! What has changed since stays; what has changed again is a conflict. A secret that is gone must be set anew by hand.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use watchbell_contracts::config::v1::{RevertConfigChangeRequest, RevertConfigChangeResponse};
use watchbell_model::Role;
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Scope;
use watchbell_runtime::problem::{Problem, reason as problem_reason};

use super::catalog::compiled;
use super::members::{another_owner, owners_by_owners};
use super::team_config::refusals;
use crate::author::Writer;
use crate::confirmations::{self, Listed};
use crate::document::{self, Context, Current, PersonStep, StatePlan};
use crate::error::{Error, Result};
use crate::history;
use crate::inverse;
use crate::service::Service;
use crate::store::changes::Change;
use crate::store::entities::{config_history, member};
use crate::store::history::{
    self as store, Difference, EntryChange, Key, Kind, People, State, Texts, entry_message,
};
use crate::store::{Resource, teams};

/// Attempts, when others change the team meanwhile.
const TRIES: usize = 5;
/// Changes that are read at a time.
const CHUNK: u64 = 100;

/// What a later change has changed again.
struct Conflict {
    key: Key,
    /// What people call the entry.
    name: String,
    /// The field; empty for the whole entry.
    field: String,
    /// The later changes, newest first.
    revisions: Vec<i64>,
}

pub(super) async fn revert(
    service: &Service,
    caller: Writer,
    request: RevertConfigChangeRequest,
) -> Result<RevertConfigChangeResponse> {
    let team = caller.team(&request.team_id)?;
    if request.revision < 1 {
        return Err(Problem::invalid("revision", reason::REQUIRED, "must be given").into());
    }
    for _ in 0..TRIES {
        let transaction = service.store().begin_reading().await?;
        teams::get(&transaction, team).await?;
        let found = store::find(&transaction, team, request.revision).await?;
        let row = found.ok_or_else(|| Problem::not_found("change of revision", request.revision))?;
        let difference = revertible(&row)?;
        let people = People::Some(people(&difference));
        let mut current = Current::read(&transaction, team, service.now()).await?;
        let state = State::read(&transaction, team, service.now(), &people).await?;
        transaction.rollback().await?;
        current.open(service.keyring(), team)?;
        let context = Context {
            team,
            now: service.now(),
        };
        let (to, conflicts) = taken_back(&state, &difference)?;
        if !conflicts.is_empty() {
            return Err(changed_again(service, team, request.revision, conflicts).await?);
        }
        let plan = document::plan_state(&current, &state, &to, context)?;
        let plan = checked(service, &caller, (team, &current), plan).await?;
        let change = service.change(team, &caller).await?;
        if change.revision() == current.revision + 1 {
            return make(service, &caller, change, plan, request.validate_only).await;
        }
    }
    Err(Problem::unavailable("the team's configuration keeps changing").into())
}

/// The difference of a change that can be taken back.
fn revertible(row: &config_history::Model) -> Result<Difference> {
    let refused = |message: &str| Problem::Precondition {
        reason: "NOT_REVERTIBLE",
        message: message.to_owned(),
    };
    if row.is_by_link() {
        let why =
            "the person who followed the link of an email made this change, and nobody else takes it back";
        return Err(refused(why).into());
    }
    let difference = row.difference()?;
    if difference.entries.is_empty() {
        return Err(refused("what this change was is not kept").into());
    }
    if difference.of(Kind::Team).any(|entry| entry.before.is_none()) {
        return Err(refused("the change made the team: DeleteTeam takes that back").into());
    }
    if difference.of(Kind::ApiKey).next().is_some() {
        let why = "keys are not kept: delete the key, or make another one";
        return Err(refused(why).into());
    }
    let mut violations = Violations::new();
    for entry in &difference.entries {
        if entry.before.is_some() && entry.after.is_some() {
            for secret in &entry.secrets {
                let at = format!("{}.{secret}", entry.id);
                let why = "was replaced, and the one before is not kept: set it anew";
                violations.add(at, reason::REQUIRED, why);
            }
        }
    }
    violations.into_result(())?;
    let mut difference = difference;
    // Who is asked to confirm follows from who is a recipient.
    difference
        .entries
        .retain(|entry| entry.key().is_some_and(|key| key.kind != Kind::Recipient));
    Ok(difference)
}

// === impl Conflict ===

impl Conflict {
    /// Notes a later change if it has changed the same.
    fn meet(&mut self, revision: i64, difference: &Difference) -> Result<()> {
        for entry in difference
            .of(self.key.kind)
            .filter(|entry| entry.id == self.key.id)
        {
            let is_same = match (self.key.kind.message(), &entry.before, &entry.after) {
                (Some(message), Some(before), Some(after)) => {
                    let fields = inverse::differing(message, before, after)?;
                    fields.iter().any(|field| self.is_of(field))
                }
                _ => entry.before != entry.after,
            };
            if is_same {
                self.revisions.push(revision);
            }
        }
        Ok(())
    }

    /// Whether it is of a field, or of one within it, or around it.
    fn is_of(&self, field: &str) -> bool {
        let within = |inner: &str, outer: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.field.is_empty() || within(field, &self.field) || within(&self.field, field)
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.field.is_empty() {
            write!(f, ": {}", self.field)?;
        }
        let revisions: Vec<_> = self.revisions.iter().map(i64::to_string).collect();
        match revisions.as_slice() {
            [] => Ok(()),
            [one] => write!(f, " (revision {one})"),
            several => write!(f, " (revisions {})", several.join(", ")),
        }
    }
}

/// The members whose entries a change has changed.
fn people(difference: &Difference) -> BTreeSet<MemberId> {
    let members = difference.of(Kind::Member).map(|entry| entry.id.as_str());
    let preferences = difference.of(Kind::Preference);
    let preferences = preferences.filter_map(|entry| entry.id.split_once('/').map(|(member, _)| member));
    members
        .chain(preferences)
        .filter_map(|id| id.parse().ok())
        .collect()
}

/// The state without a change, and every field in which a later change stands in the way.
fn taken_back(state: &State, difference: &Difference) -> Result<(State, Vec<Conflict>)> {
    let mut to = state.clone();
    let mut conflicts = Vec::new();
    for entry in &difference.entries {
        if let Some(key) = entry.key()
            && key.kind != Kind::RuleOrder
        {
            take_back(&key, entry, &mut to, &mut conflicts)?;
        }
    }
    if let Some(entry) = difference.of(Kind::RuleOrder).next() {
        take_order_back(entry, &mut to, &mut conflicts)?;
    }
    Ok((to, conflicts))
}

/// The refusal of a change in whose way later ones stand, which are looked for: they are to be taken back first.
async fn changed_again(
    service: &Service,
    team: TeamId,
    revision: i64,
    mut conflicts: Vec<Conflict>,
) -> Result<Error> {
    let transaction = service.store().begin_reading().await?;
    let mut before = None;
    loop {
        let rows = store::after(&transaction, team, revision, before, CHUNK).await?;
        for row in &rows {
            let difference = row.difference()?;
            for conflict in &mut conflicts {
                conflict.meet(row.revision, &difference)?;
            }
        }
        let Some(last) = rows.last() else { break };
        before = Some(last.revision);
    }
    transaction.rollback().await?;
    let problem = Problem::Conflict {
        reason: "CHANGED_AGAIN",
        message: "later changes have changed the same again; take these back first:".to_owned(),
        differences: conflicts.iter().map(Conflict::to_string).collect(),
    };
    Ok(problem.into())
}

fn take_back(key: &Key, entry: &EntryChange, to: &mut State, conflicts: &mut Vec<Conflict>) -> Result<()> {
    let now = to.entries.get(key).cloned();
    if now == entry.before {
        return Ok(());
    }
    if now == entry.after {
        match &entry.before {
            Some(before) => to.entries.insert(key.clone(), before.clone()),
            None => to.entries.remove(key),
        };
        return Ok(());
    }
    let name = store::called(
        key,
        now.as_deref()
            .or(entry.before.as_deref())
            .or(entry.after.as_deref()),
    );
    let conflict = |field: String| Conflict {
        key: key.clone(),
        name: name.clone(),
        field,
        revisions: Vec::new(),
    };
    let Some((message, now)) = key.kind.message().zip(now) else {
        conflicts.push(conflict(String::new()));
        return Ok(());
    };
    match (&entry.before, &entry.after) {
        (Some(before), Some(after)) => {
            let inverse = inverse::of_message(message, before, after, &now)?;
            conflicts.extend(inverse.conflicts.into_iter().map(conflict));
            to.entries.insert(key.clone(), inverse.value);
        }
        (side, other) => {
            let was = side.as_ref().or(other.as_ref()).map_or(&[][..], Vec::as_slice);
            let fields = inverse::differing(message, was, &now)?;
            conflicts.extend(fields.into_iter().map(conflict));
        }
    }
    Ok(())
}

fn take_order_back(entry: &EntryChange, to: &mut State, conflicts: &mut Vec<Conflict>) -> Result<()> {
    let key = Key::single(Kind::RuleOrder);
    let side = |bytes: &Option<Vec<u8>>| -> Result<Vec<String>> {
        let texts = bytes.as_deref().map(entry_message::<Texts>).transpose()?;
        Ok(texts.unwrap_or_default().texts)
    };
    let now = to.texts(&key)?;
    let kept: HashSet<String> = to
        .entries
        .keys()
        .filter(|key| key.kind == Kind::Rule)
        .map(|key| key.id.clone())
        .collect();
    let inverse = inverse::of_order(&side(&entry.before)?, &side(&entry.after)?, &now, &kept);
    conflicts.extend(inverse.conflicts.into_iter().map(|field| Conflict {
        key: key.clone(),
        name: store::called(&key, None),
        field,
        revisions: Vec::new(),
    }));
    if inverse.value.is_empty() {
        to.entries.remove(&key);
    } else {
        to.put(key, &Texts { texts: inverse.value });
    }
    Ok(())
}

/// The plan, with nothing wrong, that the caller may make.
async fn checked(
    service: &Service,
    caller: &Writer,
    (team, current): (TeamId, &Current),
    plan: StatePlan,
) -> Result<StatePlan> {
    let mut violations = plan.violations.clone();
    let guard = service.guard().on_behalf_of(team);
    violations.extend_unsaid(refusals(&guard, current, &plan.guard_checks).await);
    for event_type in &plan.event_types {
        match compiled(service, team, event_type.clone()).await {
            Ok(_) => {}
            Err(Error::Problem(Problem::Invalid(wrong))) => {
                violations.extend(wrong.under(&format!("event type {}", event_type.name)));
            }
            Err(error) => return Err(error),
        }
    }
    violations.into_result(())?;
    if plan
        .members
        .iter()
        .any(|member| caller.acts_for(*member).is_err())
    {
        return Err(Problem::Denied {
            reason: problem_reason::MISSING_SCOPE,
            message: "a member cannot change what others want by email".to_owned(),
        }
        .into());
    }
    Ok(plan)
}

async fn make(
    service: &Service,
    caller: &Writer,
    change: Change,
    plan: StatePlan,
    validate_only: bool,
) -> Result<RevertConfigChangeResponse> {
    let (connection, team) = (change.connection(), change.team());
    let before = Listed::read(connection, team).await?;
    if let Some(draft) = plan.team {
        let mut row = teams::get(connection, team).await?;
        if draft.plan.as_str() != row.plan && !caller.allows(Scope::Platform) {
            return Err(Problem::Denied {
                reason: "PLATFORM_ONLY",
                message: "only the platform sets a team's plan".to_owned(),
            }
            .into());
        }
        row.configure(draft, change.now());
        teams::update(connection, &row).await?;
    }
    let (gone, there): (Vec<_>, Vec<_>) = plan
        .people
        .into_iter()
        .partition(|step| matches!(step, PersonStep::Delete(_)));
    for step in there {
        person(caller, &change, step).await?;
    }
    document::apply(&change, team, service.keyring(), plan.steps, caller).await?;
    for step in gone {
        person(caller, &change, step).await?;
    }
    confirmations::ask_new(service, &change, &before).await?;
    let made = history::made(service.keyring(), &change).await?;
    let revision = if validate_only {
        change.revision() - 1
    } else {
        change.revision()
    };
    service.finish(change, validate_only).await?;
    Ok(RevertConfigChangeResponse {
        changes: made.changes,
        revision,
    })
}

async fn person(caller: &Writer, change: &Change, step: PersonStep) -> Result<()> {
    let connection = change.connection();
    match step {
        PersonStep::Insert(row) => {
            owners_by_owners(caller, &[row.role()?])?;
            change.touch(row.member_id()).await?;
            member::Entity::add(connection, &row).await
        }
        PersonStep::Update(mut row, draft) => {
            owners_by_owners(caller, &[row.role()?, draft.role])?;
            if draft.role != Role::Owner {
                another_owner(caller, change, &row).await?;
            }
            change.touch(row.member_id()).await?;
            row.configure(draft, change.now());
            member::Entity::put(connection, &row).await
        }
        PersonStep::Delete(row) => {
            owners_by_owners(caller, &[row.role()?])?;
            another_owner(caller, change, &row).await?;
            change.touch(row.member_id()).await?;
            member::Entity::remove(connection, change.team(), &row.member_id()).await
        }
    }
}
