//! What an admin may write, checked field by field: a draft comes out, or every violation at once. Whatever needs the
//! database or the network (whether a channel exists, where a host name leads) is asked elsewhere, afterwards.

mod channel;
mod rules;
mod words;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use watchbell_contracts::config::v1::{ApiKey, DigestSettings, Member, Preference, Team};
use watchbell_model::convert::{digest_settings, instant, optional, preference, words as wire_words};
use watchbell_model::digest_settings::MAX_RECIPIENTS;
use watchbell_model::mention::SlackUserId;
use watchbell_model::preference::Preference as Word;
use watchbell_model::rule::MAX_NAME_CHARS;
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{EmailAddress, Permission, Plan, Role, Topic};
use watchbell_runtime::auth::Scope;

pub(crate) use channel::channel;
pub(crate) use rules::{mention_rule, rule};
use words::{name, scope};

type Checked<T> = Result<T, Violations>;

const MAX_COMPLIANCE_RECIPIENTS: usize = 20;

pub(crate) struct TeamDraft {
    pub(crate) display_name: String,
    pub(crate) plan: Plan,
    pub(crate) time_zone: String,
}

pub(crate) fn team(team: &Team) -> Checked<TeamDraft> {
    let mut violations = Violations::new();
    let display_name = name(&team.display_name, "display_name", &mut violations);
    let plan = optional::<Plan>(team.plan, "plan", &mut violations).unwrap_or_default();
    let zone = if team.time_zone.is_empty() {
        "UTC"
    } else {
        &team.time_zone
    };
    let zone = time_zone(zone, "time_zone", &mut violations);
    violations.into_result(TeamDraft {
        display_name,
        plan,
        time_zone: zone.name().to_owned(),
    })
}

/// An IANA zone; UTC in place of one that is unknown, which is noted.
fn time_zone(text: &str, field: &str, violations: &mut Violations) -> Tz {
    text.parse().unwrap_or_else(|_| {
        violations.add(
            field,
            reason::UNKNOWN_VALUE,
            "must be an IANA time zone such as `Europe/Berlin`",
        );
        Tz::UTC
    })
}

pub(crate) struct MemberDraft {
    pub(crate) email: EmailAddress,
    pub(crate) display_name: String,
    pub(crate) role: Role,
    pub(crate) slack_user_id: String,
    pub(crate) permissions: Vec<Permission>,
}

pub(crate) fn member(member: &Member) -> Checked<MemberDraft> {
    let mut violations = Violations::new();
    let email = address(&member.email, "email", &mut violations);
    violations.limit_chars("display_name", &member.display_name, MAX_NAME_CHARS);
    let role = optional::<Role>(member.role, "role", &mut violations).unwrap_or(Role::Member);
    let slack_user_id = member.slack_user_id.trim();
    if !slack_user_id.is_empty() {
        violations.parse::<SlackUserId>("slack_user_id", reason::MALFORMED, slack_user_id);
    }
    let mut permissions = wire_words::<Permission>(&member.permissions, "permissions", &mut violations);
    permissions.dedup();
    match email {
        Some(email) if violations.is_empty() => Ok(MemberDraft {
            email,
            display_name: member.display_name.trim().to_owned(),
            role,
            slack_user_id: slack_user_id.to_owned(),
            permissions,
        }),
        _ => Err(violations),
    }
}

/// An address that must be given.
fn address(text: &str, field: &str, violations: &mut Violations) -> Option<EmailAddress> {
    if text.trim().is_empty() {
        violations.required(field);
        return None;
    }
    violations.parse(field, reason::MALFORMED, text)
}

/// A list of addresses, each once.
fn addresses(texts: &[String], field: &str, limit: usize, violations: &mut Violations) -> Vec<String> {
    if texts.len() > limit {
        violations.add(
            field,
            reason::TOO_LONG,
            format!("must have at most {limit} addresses"),
        );
    }
    let mut seen = std::collections::HashSet::new();
    let mut addresses = Vec::new();
    for (index, text) in texts.iter().take(limit).enumerate() {
        let at = format!("{field}[{index}]");
        if let Some(address) = address(text, &at, violations) {
            if seen.insert(address.key()) {
                addresses.push(address.into());
            } else {
                violations.add(at, reason::DUPLICATE, "is given twice");
            }
        }
    }
    addresses
}

pub(crate) struct ApiKeyDraft {
    pub(crate) display_name: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) expire_time: Option<DateTime<Utc>>,
}

pub(crate) fn api_key(key: &ApiKey, now: DateTime<Utc>) -> Checked<ApiKeyDraft> {
    let mut violations = Violations::new();
    let display_name = name(&key.display_name, "display_name", &mut violations);
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

pub(crate) fn compliance_recipients(texts: &[String]) -> Checked<Vec<String>> {
    let mut violations = Violations::new();
    let recipients = addresses(texts, "recipients", MAX_COMPLIANCE_RECIPIENTS, &mut violations);
    violations.into_result(recipients)
}

pub(crate) fn digest(digest: &DigestSettings) -> Checked<DigestSettings> {
    let mut violations = Violations::new();
    let settings = violations.take(digest_settings(Some(digest)));
    if settings.is_some_and(|settings| !settings.schedule.is_hourly_at_most()) {
        violations.add("cron", reason::OUT_OF_RANGE, "must come once an hour at most");
    }
    // Once more for what a list of addresses can be wrong in as a whole.
    let recipients = addresses(
        &digest.recipients,
        "recipients",
        MAX_RECIPIENTS,
        &mut Violations::new(),
    );
    if violations.is_empty() && recipients.len() < digest.recipients.len() {
        violations.add("recipients", reason::DUPLICATE, "has an address twice");
    }
    violations.into_result(DigestSettings {
        cron: digest.cron.split_whitespace().collect::<Vec<_>>().join(" "),
        recipients,
        paused: digest.paused,
        etag: String::new(),
    })
}

/// What a member says of each topic, which may be to go back to its default. No topic twice.
pub(crate) fn preferences(written: &[Preference]) -> Checked<Vec<(Topic, Option<Word>)>> {
    let mut violations = Violations::new();
    let mut said: Vec<(Topic, Option<Word>)> = Vec::new();
    for (index, written) in written.iter().enumerate() {
        let at = format!("preferences[{index}]");
        let Some((topic, word)) = violations.take_under(&at, preference(written)) else {
            continue;
        };
        if said.iter().any(|(other, _)| *other == topic) {
            violations.add(format!("{at}.topic"), reason::DUPLICATE, "is given twice");
        }
        said.push((topic, word));
    }
    violations.into_result(said)
}
