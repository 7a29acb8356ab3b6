//! Checks of what an admin writes, field by field: a draft comes out, or every violation at once. Whatever needs the
//! database or the network (whether a channel exists, where a host name leads) is asked elsewhere, afterwards.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;
use uuid::Uuid;
use watchbell_contracts::config::v1::{self as wire, ApiKey, Preference, Scope as WireScope, Team};
use watchbell_model::catalog::EventTypeSpec;
use watchbell_model::convert::{instant, optional};
use watchbell_model::email;
use watchbell_model::ids::{MemberId, MentionRuleId, RuleId, SilenceId, TeamId};
use watchbell_model::member::Member;
use watchbell_model::mention::MentionRule;
use watchbell_model::preference::Preference as Word;
use watchbell_model::quiet_hours::time_zone;
use watchbell_model::rule::{MAX_NAME_CHARS, Rule};
use watchbell_model::silence::Silence;
use watchbell_model::text::MAX_TITLE_CHARS;
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{Plan, Topic};
use watchbell_runtime::auth::Scope;

type Checked<T> = Result<T, Violations>;

const MAX_COMPLIANCE_RECIPIENTS: usize = 20;

pub(crate) struct TeamDraft {
    pub(crate) display_name: String,
    pub(crate) plan: Plan,
    pub(crate) time_zone: String,
}

pub(crate) fn team(team: &Team) -> Checked<TeamDraft> {
    let mut violations = Violations::new();
    let display_name = violations.name("display_name", &team.display_name, MAX_NAME_CHARS);
    let plan = optional::<Plan>(team.plan, "plan", &mut violations).unwrap_or_default();
    let zone = time_zone(&team.time_zone, "time_zone", &mut violations).unwrap_or_default();
    violations.into_result(TeamDraft {
        display_name,
        plan,
        time_zone: zone.name().to_owned(),
    })
}

/// A member whose id and team are still to be given.
pub(crate) fn member(member: &wire::Member) -> Checked<Member> {
    let mut violations = Violations::new();
    if !member.display_name.trim().is_empty() {
        violations.name("display_name", &member.display_name, MAX_NAME_CHARS);
    }
    let read = Member::try_from(&wire::Member {
        id: MemberId::from_uuid(Uuid::nil()).to_string(),
        team_id: TeamId::from_uuid(Uuid::nil()).to_string(),
        ..member.clone()
    });
    with(violations, read)
}

/// An event type of a team's own.
pub(crate) fn event_type(message: &wire::EventType) -> Checked<EventTypeSpec> {
    let mut violations = Violations::new();
    if !message.title.trim().is_empty() {
        violations.name("title", &message.title, MAX_TITLE_CHARS);
    }
    violations.plain_text("description", &message.description);
    with(violations, EventTypeSpec::try_from(message))
}

/// What was read, if nothing else is wrong either.
fn with<T>(mut violations: Violations, read: Checked<T>) -> Checked<T> {
    match read {
        Ok(read) => violations.into_result(read),
        Err(part) => {
            violations.extend_unsaid(part);
            Err(violations)
        }
    }
}

/// A rule whose id is still to be given. That its channels exist is asked elsewhere.
pub(crate) fn rule(rule: &wire::Rule) -> Checked<Rule> {
    Rule::written(&wire::Rule {
        id: RuleId::from_uuid(Uuid::nil()).to_string(),
        ..rule.clone()
    })
}

/// A mention rule whose id is still to be given.
pub(crate) fn mention_rule(rule: &wire::MentionRule) -> Checked<MentionRule> {
    MentionRule::try_from(&wire::MentionRule {
        id: MentionRuleId::from_uuid(Uuid::nil()).to_string(),
        ..rule.clone()
    })
}

/// A silence whose id is still to be given, and its beginning if it names none. Whether its time is over is asked elsewhere.
pub(crate) fn silence(silence: &wire::Silence) -> Checked<Silence> {
    Silence::checked(&wire::Silence {
        id: SilenceId::from_uuid(Uuid::nil()).to_string(),
        start_time: silence.start_time.or(Some(Timestamp::default())),
        ..silence.clone()
    })
}

pub(crate) struct ApiKeyDraft {
    pub(crate) display_name: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) expire_time: Option<DateTime<Utc>>,
}

pub(crate) fn api_key(key: &ApiKey, now: DateTime<Utc>) -> Checked<ApiKeyDraft> {
    let mut violations = Violations::new();
    let display_name = violations.name("display_name", &key.display_name, MAX_NAME_CHARS);
    if key.scopes.is_empty() {
        violations.required("scopes");
    }
    let mut scopes = Vec::new();
    for (index, number) in key.scopes.iter().enumerate() {
        match scope(*number) {
            Some(scope) if !scopes.contains(&scope) => scopes.push(scope),
            Some(_) => {}
            None => violations.add(
                format!("scopes[{index}]"),
                reason::UNKNOWN_VALUE,
                "is not a scope",
            ),
        }
    }
    let expire_time = instant(key.expire_time.as_ref(), "expire_time", &mut violations);
    if expire_time.is_some_and(|end| end <= now) {
        violations.add("expire_time", reason::OUT_OF_RANGE, "must lie in the future");
    }
    violations.into_result(ApiKeyDraft {
        display_name,
        scopes,
        expire_time,
    })
}

pub(crate) fn compliance_recipients(texts: &[String], field: &str) -> Checked<Vec<String>> {
    let mut violations = Violations::new();
    let recipients = email::list(texts, field, MAX_COMPLIANCE_RECIPIENTS, &mut violations);
    violations.into_result(recipients.into_iter().map(String::from).collect())
}

/// Reads a member's preferences, `None` for a topic's default. No topic twice.
pub(crate) fn preferences(written: &[Preference]) -> Checked<Vec<(Topic, Option<Word>)>> {
    let mut violations = Violations::new();
    let mut said: Vec<(Topic, Option<Word>)> = Vec::new();
    for (index, written) in written.iter().enumerate() {
        let at = format!("preferences[{index}]");
        let Some((topic, word)) = violations.take_under(&at, Word::read(written)) else {
            continue;
        };
        if said.iter().any(|(other, _)| *other == topic) {
            violations.add(format!("{at}.topic"), reason::DUPLICATE, "is given twice");
        }
        said.push((topic, word));
    }
    violations.into_result(said)
}

/// The scope of a number of the contracts.
pub(crate) fn scope(number: i32) -> Option<Scope> {
    match WireScope::try_from(number).ok()? {
        WireScope::Unspecified => None,
        WireScope::Emit => Some(Scope::Emit),
        WireScope::ConfigRead => Some(Scope::ConfigRead),
        WireScope::ConfigWrite => Some(Scope::ConfigWrite),
        WireScope::DeliveriesRead => Some(Scope::DeliveriesRead),
        WireScope::DeliveriesWrite => Some(Scope::DeliveriesWrite),
        WireScope::Inbox => Some(Scope::Inbox),
        WireScope::Platform => Some(Scope::Platform),
    }
}
