//! A channel as an admin writes it: all that [`Channel::read`] checks, and what concerns only whoever keeps it (names, mail
//! servers, headers). Secrets pass through.

use std::collections::HashSet;

use chrono_tz::Tz;
use uuid::Uuid;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{self as wire, SmtpSecurity, WebhookEnvelope};

use super::{Channel, MAX_DESCRIPTION_CHARS};
use crate::body::{BodyTemplate, PRESETS, Preset};
use crate::convert::FromWire as _;
use crate::email::EmailAddress;
use crate::filter::Filter;
use crate::header::{is_reserved, is_token};
use crate::ids::{ChannelId, TeamId};
use crate::quiet_hours::QuietHours;
use crate::rule::MAX_NAME_CHARS;
use crate::violation::{Violations, reason};
use crate::vocabulary::ChannelKind;

const MAX_HEADERS: usize = 20;
const MAX_HEADER_VALUE: usize = 4_096;
const SMTP_PORT: u32 = 587;

/// A checked channel whose id and team are still to be given.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenChannel {
    /// The kind, which follows from the destination.
    pub kind: ChannelKind,
    /// The message in normal form: texts trimmed, defaults of the destination filled in.
    pub message: wire::Channel,
}

// === impl WrittenChannel ===

impl TryFrom<&wire::Channel> for WrittenChannel {
    type Error = Violations;

    fn try_from(written: &wire::Channel) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let mut message = written.clone();
        message.display_name = violations.name("display_name", &written.display_name, MAX_NAME_CHARS);
        violations.limit_chars("description", &written.description, MAX_DESCRIPTION_CHARS);
        violations.plain_text("description", &written.description);
        let Some(kind) = ChannelKind::of(written) else {
            let why = "one of slack, teams, email, webhook, in_app must be given";
            violations.add("destination", reason::REQUIRED, why);
            return Err(violations);
        };
        match &mut message.destination {
            Some(Destination::Email(email)) => violations.nest("email", self::email(email)),
            Some(Destination::Webhook(webhook)) => violations.nest("webhook", self::webhook(webhook)),
            _ => {}
        }
        let read = Channel::read_with(
            &wire::Channel {
                id: ChannelId::from_uuid(Uuid::nil()).to_string(),
                team_id: TeamId::from_uuid(Uuid::nil()).to_string(),
                kind: kind.to_wire(),
                ..message.clone()
            },
            Tz::UTC,
            Filter::written,
        );
        let read = violations.take(read);
        if written.triggers.is_some() && !kind.is_chat() {
            let why = "are for Slack and Teams channels";
            violations.add("triggers", reason::NOT_ALLOWED, why);
        }
        if written
            .quiet_hours
            .as_ref()
            .is_some_and(|quiet| quiet.windows.is_empty())
        {
            let why = "must have at least one window; leave `quiet_hours` out for none";
            violations.add("quiet_hours.windows", reason::REQUIRED, why);
        }
        let Some(read) = read.filter(|_| violations.is_empty()) else {
            return Err(violations);
        };
        message.triggers = read.triggers.as_ref().map(Into::into);
        match &mut message.destination {
            Some(Destination::Email(email)) => {
                email.recipients = read.recipients.into_iter().map(String::from).collect();
                email.unconfirmed_recipients.clear();
            }
            Some(Destination::Webhook(webhook)) => webhook.filter = Some((&read.filter).into()),
            _ => {}
        }
        let windows = message
            .quiet_hours
            .iter_mut()
            .flat_map(|quiet| &mut quiet.windows);
        for (window, read) in windows.zip(read.quiet_hours.iter().flat_map(QuietHours::windows)) {
            window.start = read.start.to_string();
            window.end = read.end.to_string();
        }
        Ok(Self { kind, message })
    }
}

// === impl ChannelKind ===

impl ChannelKind {
    /// The kind of a channel's destination; none without one.
    #[must_use]
    pub fn of(channel: &wire::Channel) -> Option<Self> {
        channel.destination.as_ref().map(|destination| match destination {
            Destination::Slack(_) => Self::Slack,
            Destination::Teams(_) => Self::Teams,
            Destination::Email(_) => Self::Email,
            Destination::Webhook(_) => Self::Webhook,
            Destination::InApp(_) => Self::InApp,
        })
    }
}

fn email(email: &mut wire::EmailDestination) -> Violations {
    let mut violations = Violations::new();
    match &mut email.smtp {
        Some(smtp) => violations.nest("smtp", self::smtp(smtp)),
        None if email.recipients.is_empty() => {
            let why = "recipients or a mail server must be given";
            violations.add("recipients", reason::REQUIRED, why);
        }
        None => {}
    }
    violations
}

fn smtp(smtp: &mut wire::SmtpServer) -> Violations {
    let mut violations = Violations::new();
    smtp.host = smtp.host.trim().to_owned();
    if smtp.host.is_empty() {
        violations.required("host");
    }
    violations.limit_chars("host", &smtp.host, 253);
    if smtp.port > u32::from(u16::MAX) {
        violations.add("port", reason::OUT_OF_RANGE, "must be 1 to 65535");
    } else if smtp.port == 0 {
        smtp.port = SMTP_PORT;
    }
    for (field, text) in [("username", &smtp.username), ("password", &smtp.password)] {
        violations.limit_chars(field, text, 512);
        if text.chars().any(char::is_control) {
            violations.add(field, reason::MALFORMED, "must not hold control characters");
        }
    }
    if smtp.username.is_empty() && !smtp.password.is_empty() {
        violations.add("username", reason::REQUIRED, "a password goes with a user");
    }
    smtp.from_address = match smtp.from_address.trim() {
        "" => {
            if smtp.username.parse::<EmailAddress>().is_err() {
                let why = "must be given unless the user is an address";
                violations.add("from_address", reason::REQUIRED, why);
            }
            String::new()
        }
        text => violations
            .parse::<EmailAddress>("from_address", reason::MALFORMED, text)
            .map(String::from)
            .unwrap_or_default(),
    };
    match SmtpSecurity::try_from(smtp.security) {
        Ok(SmtpSecurity::Unspecified) => smtp.set_security(SmtpSecurity::Starttls),
        Ok(_) => {}
        Err(_) => violations.add("security", reason::UNKNOWN_VALUE, "is not a kind of protection"),
    }
    violations
}

fn webhook(webhook: &mut wire::WebhookDestination) -> Violations {
    let mut violations = Violations::new();
    let filter = webhook.filter.get_or_insert_default();
    if filter.types.is_empty() {
        let why = "at least one event type or pattern must be given";
        violations.add("filter.types", reason::REQUIRED, why);
    }
    match WebhookEnvelope::try_from(webhook.envelope) {
        Ok(WebhookEnvelope::Unspecified) => webhook.set_envelope(WebhookEnvelope::Standard),
        Ok(_) => {}
        Err(_) => violations.add("envelope", reason::UNKNOWN_VALUE, "is not a layout"),
    }
    headers(&webhook.headers, &mut violations);
    body(webhook, &mut violations);
    violations
}

fn body(webhook: &mut wire::WebhookDestination, violations: &mut Violations) {
    webhook.preset = webhook.preset.trim().to_owned();
    if !webhook.body.is_empty()
        && let Err(invalid) = BodyTemplate::parse(&webhook.body)
    {
        violations.add("body", reason::MALFORMED, invalid.to_string());
    }
    if webhook.body.is_empty() && webhook.preset.is_empty() {
        return;
    }
    if webhook.envelope() == WebhookEnvelope::CloudEvents {
        let why = "is not used with a body of your own or a preset";
        violations.add("envelope", reason::NOT_ALLOWED, why);
    }
    if webhook.preset.is_empty() {
        return;
    }
    if !webhook.body.is_empty() {
        violations.add("preset", reason::NOT_ALLOWED, "cannot be given with `body`");
    }
    let Some(preset) = Preset::named(&webhook.preset) else {
        let known: Vec<_> = PRESETS.iter().map(|preset| preset.name).collect();
        let why = format!("must be one of {}", known.join(", "));
        return violations.add("preset", reason::UNKNOWN_VALUE, why);
    };
    for wanted in preset.headers {
        let has = |header: &wire::HttpHeader| header.name.eq_ignore_ascii_case(wanted);
        if !webhook.headers.iter().any(has) {
            let why = format!("must have `{wanted}`, which the preset {} needs", preset.name);
            violations.add("headers", reason::REQUIRED, why);
        }
    }
}

/// What needs the value of an extra header: a preset, or a body that reads it. Values are secrets, which may be left out of an
/// update, so whoever keeps them asks.
#[must_use]
pub fn needs_header(webhook: &wire::WebhookDestination, name: &str) -> Option<String> {
    let wanted = |header: &&str| header.eq_ignore_ascii_case(name);
    if let Some(preset) = Preset::named(&webhook.preset)
        && preset.headers.iter().any(wanted)
    {
        return Some(format!("the preset {}", preset.name));
    }
    let name = name.to_ascii_lowercase();
    let reads = [format!("headers['{name}']"), format!("headers[\\\"{name}\\\"]")];
    let is_read = reads.iter().any(|read| webhook.body.contains(read));
    is_read.then(|| "the body".to_owned())
}

fn headers(headers: &[wire::HttpHeader], violations: &mut Violations) {
    if headers.len() > MAX_HEADERS {
        let why = format!("must have at most {MAX_HEADERS} headers");
        violations.add("headers", reason::TOO_LONG, why);
    }
    let mut seen = HashSet::new();
    for (index, header) in headers.iter().take(MAX_HEADERS).enumerate() {
        let at = format!("headers[{index}].name");
        if !is_token(&header.name) || header.name.len() > 128 {
            let why = "must be a header name (RFC 9110 section 5.6.2)";
            violations.add(&at, reason::MALFORMED, why);
        } else if is_reserved(&header.name) {
            violations.add(&at, reason::NOT_ALLOWED, "is set by Watchbell itself");
        } else if !seen.insert(header.name.to_ascii_lowercase()) {
            violations.add(&at, reason::DUPLICATE, "is given twice");
        }
        let at = format!("headers[{index}].value");
        violations.limit_chars(&at, &header.value, MAX_HEADER_VALUE);
        let is_printable = |byte| byte == b'\t' || (0x20..0x7f).contains(&byte);
        if !header.value.bytes().all(is_printable) {
            violations.add(at, reason::MALFORMED, "must be printable ASCII");
        }
    }
}
