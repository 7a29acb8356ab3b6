//! What an admin may write, checked field by field: a draft comes out, or every violation at once. Whatever needs the
//! database or the network (whether a channel exists, where a host name leads) is asked elsewhere, afterwards.

mod channel;
mod defaults;
mod event_type;
mod filter;
mod rules;
mod words;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use watchbell_contracts::config::v1::{ApiKey, DigestSettings, Member, Preference, PreferenceSetting, Team};
use watchbell_contracts::convert::{instant, optional, words as wire_words};
use watchbell_domain::mention::SlackUserId;
use watchbell_domain::violation::{Violations, reason};
use watchbell_domain::{EmailAddress, Permission, Plan, Role, SeveritySet, Topic};
use watchbell_runtime::auth::Scope;

pub(crate) use channel::channel;
pub(crate) use defaults::default_preferences;
pub(crate) use event_type::{definition, event_type};
pub(crate) use rules::{mention_rule, rule};
use words::{name, scope};

type Checked<T> = Result<T, Violations>;

/// The longest name of anything, in characters.
const MAX_NAME: usize = 120;
const MAX_COMPLIANCE_RECIPIENTS: usize = 20;
const MAX_DIGEST_RECIPIENTS: usize = 50;

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
    violations.limit_chars("display_name", &member.display_name, MAX_NAME);
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
    let cron = digest.cron.trim();
    if !cron.is_empty() {
        words::cron(cron, "cron", &mut violations);
    }
    let recipients = addresses(
        &digest.recipients,
        "recipients",
        MAX_DIGEST_RECIPIENTS,
        &mut violations,
    );
    violations.into_result(DigestSettings {
        cron: cron.to_owned(),
        recipients,
        paused: digest.paused,
        etag: String::new(),
    })
}

/// What a member says of a topic; `None` goes back to the default.
pub(crate) struct PreferenceDraft {
    pub(crate) topic: Topic,
    pub(crate) setting: Option<(PreferenceSetting, SeveritySet)>,
}

pub(crate) fn preferences(preferences: &[Preference]) -> Checked<Vec<PreferenceDraft>> {
    let mut violations = Violations::new();
    let mut drafts: Vec<PreferenceDraft> = Vec::new();
    for (index, preference) in preferences.iter().enumerate() {
        let at = format!("preferences[{index}]");
        let Some(draft) = violations.take_under(&at, self::preference(preference)) else {
            continue;
        };
        if drafts.iter().any(|other| other.topic == draft.topic) {
            violations.add(format!("{at}.topic"), reason::DUPLICATE, "is given twice");
        }
        drafts.push(draft);
    }
    violations.into_result(drafts)
}

fn preference(preference: &Preference) -> Checked<PreferenceDraft> {
    let mut violations = Violations::new();
    let topic = violations.parse::<Topic>("topic", reason::UNKNOWN_VALUE, &preference.topic);
    let severities: SeveritySet = wire_words(&preference.severities, "severities", &mut violations)
        .into_iter()
        .collect();
    let setting = match PreferenceSetting::try_from(preference.setting) {
        Ok(PreferenceSetting::Unspecified) => None,
        Ok(PreferenceSetting::Severities) if severities.is_empty() => {
            violations.required("severities");
            None
        }
        Ok(setting) => Some((setting, severities)),
        Err(_) => {
            violations.add("setting", reason::UNKNOWN_VALUE, "is not a setting");
            None
        }
    };
    if !severities.is_empty() && !setting.is_some_and(|(setting, _)| setting == PreferenceSetting::Severities)
    {
        violations.add(
            "severities",
            reason::NOT_ALLOWED,
            "go with the setting SEVERITIES only",
        );
    }
    match topic {
        Some(topic) if violations.is_empty() => Ok(PreferenceDraft { topic, setting }),
        _ => Err(violations),
    }
}
