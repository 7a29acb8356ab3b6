//! Channels, apart from their secrets (see `secrets`) and from where their hosts lead (see `grpc::channels`).

use std::collections::HashSet;
use std::time::Duration;

use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    Channel, EmailDestination, EventFilter, HttpHeader, QuietHours, SmtpSecurity, SmtpServer, StormControl,
    WebhookDestination, WebhookEnvelope,
};
use watchbell_model::channel::{MAX_DESCRIPTION_CHARS, MAX_RECIPIENTS, delivery};
use watchbell_model::convert::span;
use watchbell_model::email;
use watchbell_model::filter::Filter;
use watchbell_model::header::is_reserved;
use watchbell_model::quiet_hours::QuietHours as ReadQuietHours;
use watchbell_model::rule::MAX_NAME_CHARS;
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{ChannelKind, EmailAddress};

use super::{Checked, can_match};

const MAX_HEADERS: usize = 20;
const MAX_HEADER_VALUE: usize = 4_096;
const SMTP_PORT: u32 = 587;

/// A channel as it is kept, and its kind. Secrets pass through.
pub(crate) fn channel(channel: &Channel) -> Checked<(Channel, ChannelKind)> {
    let mut violations = Violations::new();
    let display_name = violations.name("display_name", &channel.display_name, MAX_NAME_CHARS);
    violations.limit_chars("description", &channel.description, MAX_DESCRIPTION_CHARS);
    let (destination, kind) = match &channel.destination {
        None => {
            violations.add(
                "destination",
                reason::REQUIRED,
                "one of slack, teams, email, webhook, in_app must be given",
            );
            return Err(violations);
        }
        Some(Destination::Slack(slack)) => (Destination::Slack(slack.clone()), ChannelKind::Slack),
        Some(Destination::Teams(teams)) => (Destination::Teams(teams.clone()), ChannelKind::Teams),
        Some(Destination::Email(email)) => {
            let email = violations
                .take_under("email", self::email(email))
                .unwrap_or_default();
            (Destination::Email(email), ChannelKind::Email)
        }
        Some(Destination::Webhook(webhook)) => {
            let webhook = violations
                .take_under("webhook", self::webhook(webhook))
                .unwrap_or_default();
            (Destination::Webhook(webhook), ChannelKind::Webhook)
        }
        Some(Destination::InApp(in_app)) => (Destination::InApp(*in_app), ChannelKind::InApp),
    };
    let triggers = channel
        .triggers
        .as_ref()
        .map_or(Ok(None), |triggers| filter(triggers).map(Some));
    let triggers = violations.take_under("triggers", triggers).flatten();
    if triggers.is_some() && !kind.is_chat() {
        violations.add(
            "triggers",
            reason::NOT_ALLOWED,
            "are for Slack and Teams channels",
        );
    }
    let quiet_hours = channel
        .quiet_hours
        .as_ref()
        .map_or(Ok(None), |quiet| self::quiet_hours(quiet).map(Some));
    let quiet_hours = violations.take_under("quiet_hours", quiet_hours).flatten();
    if let Some(storm) = &channel.storm_control {
        violations.take_under("storm_control", storm_control(storm));
    }
    if let Some(policy) = &channel.delivery {
        violations.take_under("delivery", delivery(Some(policy), kind));
    }
    let kept = Channel {
        display_name,
        destination: Some(destination),
        triggers,
        quiet_hours,
        ..channel.clone()
    };
    violations.into_result((kept, kind))
}

fn email(email: &EmailDestination) -> Checked<EmailDestination> {
    let mut violations = Violations::new();
    let recipients = email::list(&email.recipients, "recipients", MAX_RECIPIENTS, &mut violations);
    let smtp = email
        .smtp
        .as_ref()
        .map_or(Ok(None), |smtp| self::smtp(smtp).map(Some));
    let smtp = violations.take_under("smtp", smtp).flatten();
    if email.recipients.is_empty() && email.smtp.is_none() {
        violations.add(
            "recipients",
            reason::REQUIRED,
            "recipients or a mail server must be given",
        );
    }
    violations.into_result(EmailDestination {
        recipients: recipients.into_iter().map(String::from).collect(),
        smtp,
        unconfirmed_recipients: Vec::new(),
    })
}

fn smtp(smtp: &SmtpServer) -> Checked<SmtpServer> {
    let mut violations = Violations::new();
    let host = smtp.host.trim();
    if host.is_empty() {
        violations.required("host");
    }
    violations.limit_chars("host", host, 253);
    if smtp.port > u32::from(u16::MAX) {
        violations.add("port", reason::OUT_OF_RANGE, "must be 1 to 65535");
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
    let from_address = match smtp.from_address.trim() {
        "" if smtp.username.parse::<EmailAddress>().is_err() => {
            violations.add(
                "from_address",
                reason::REQUIRED,
                "must be given unless the user is an address",
            );
            String::new()
        }
        "" => String::new(),
        text => violations
            .parse::<EmailAddress>("from_address", reason::MALFORMED, text)
            .map(String::from)
            .unwrap_or_default(),
    };
    let security = match SmtpSecurity::try_from(smtp.security) {
        Ok(SmtpSecurity::Unspecified) => SmtpSecurity::Starttls,
        Ok(security) => security,
        Err(_) => {
            violations.add("security", reason::UNKNOWN_VALUE, "is not a kind of protection");
            SmtpSecurity::Starttls
        }
    };
    violations.into_result(SmtpServer {
        host: host.to_owned(),
        port: if smtp.port == 0 { SMTP_PORT } else { smtp.port },
        from_address,
        security: security.into(),
        ..smtp.clone()
    })
}

fn webhook(webhook: &WebhookDestination) -> Checked<WebhookDestination> {
    let mut violations = Violations::new();
    let given = webhook.filter.clone().unwrap_or_default();
    if given.types.is_empty() {
        violations.add(
            "filter.types",
            reason::REQUIRED,
            "at least one event type or pattern must be given",
        );
    }
    let filter = violations.take_under("filter", filter(&given));
    let envelope = match WebhookEnvelope::try_from(webhook.envelope) {
        Ok(WebhookEnvelope::Unspecified) => WebhookEnvelope::Standard,
        Ok(envelope) => envelope,
        Err(_) => {
            violations.add("envelope", reason::UNKNOWN_VALUE, "is not a layout");
            WebhookEnvelope::Standard
        }
    };
    headers(&webhook.headers, &mut violations);
    violations.into_result(WebhookDestination {
        filter,
        envelope: envelope.into(),
        ..webhook.clone()
    })
}

fn headers(headers: &[HttpHeader], violations: &mut Violations) {
    if headers.len() > MAX_HEADERS {
        violations.add(
            "headers",
            reason::TOO_LONG,
            format!("must have at most {MAX_HEADERS} headers"),
        );
    }
    let mut seen = HashSet::new();
    for (index, header) in headers.iter().take(MAX_HEADERS).enumerate() {
        let at = format!("headers[{index}].name");
        if !is_token(&header.name) || header.name.len() > 128 {
            violations.add(
                &at,
                reason::MALFORMED,
                "must be a header name (RFC 9110 section 5.6.2)",
            );
        } else if is_reserved(&header.name) {
            violations.add(&at, reason::NOT_ALLOWED, "is set by Watchbell itself");
        } else if !seen.insert(header.name.to_ascii_lowercase()) {
            violations.add(&at, reason::DUPLICATE, "is given twice");
        }
        let at = format!("headers[{index}].value");
        violations.limit_chars(&at, &header.value, MAX_HEADER_VALUE);
        if !header
            .value
            .bytes()
            .all(|byte| byte == b'\t' || (0x20..0x7f).contains(&byte))
        {
            violations.add(at, reason::MALFORMED, "must be printable ASCII");
        }
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Quiet hours with their times as `09:00`. In which zone they hold is decided when they are asked.
fn quiet_hours(quiet: &QuietHours) -> Checked<QuietHours> {
    let Some(read) = ReadQuietHours::read(quiet, chrono_tz::Tz::UTC)? else {
        return Err(Violations::one(
            "windows",
            reason::REQUIRED,
            "must have at least one window; leave `quiet_hours` out for none",
        ));
    };
    let mut quiet = quiet.clone();
    for (written, window) in quiet.windows.iter_mut().zip(read.windows()) {
        written.start = window.start.to_string();
        written.end = window.end.to_string();
    }
    Ok(quiet)
}

fn storm_control(storm: &StormControl) -> Checked<()> {
    let mut violations = Violations::new();
    let window = span(storm.window.as_ref(), "window", &mut violations);
    let bounds = Duration::from_secs(1)..=Duration::from_secs(3_600);
    if storm.max_messages > 0 {
        match window {
            Some(window) if !bounds.contains(&window) => {
                violations.add("window", reason::OUT_OF_RANGE, "must be 1 second to 1 hour");
            }
            None if violations.is_empty() => violations.required("window"),
            _ => {}
        }
    }
    if storm.max_messages > 10_000 {
        violations.add("max_messages", reason::OUT_OF_RANGE, "must be at most 10000");
    }
    violations.into_result(())
}

/// A filter as it is kept.
fn filter(message: &EventFilter) -> Checked<EventFilter> {
    let mut violations = Violations::new();
    let filter = violations.take(Filter::try_from(message));
    violations.take(can_match(Some(message)));
    match filter {
        Some(filter) if violations.is_empty() => Ok((&filter).into()),
        _ => Err(violations),
    }
}
