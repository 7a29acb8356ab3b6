//! Channels, apart from their secrets (see `secrets`) and from where their hosts lead (see `grpc::channels`).

use std::collections::HashSet;
use std::time::Duration;

use chrono::Weekday as Day;
use watchbell_contracts::config::v1::{
    Channel, DeliveryPolicy, EmailDestination, HttpHeader, QuietHours, QuietWindow, SmtpSecurity, SmtpServer,
    StormControl, WebhookDestination, WebhookEnvelope, Weekday, channel::Destination,
};
use watchbell_contracts::convert::{span, words};
use watchbell_domain::quiet_hours::{self, Window};
use watchbell_domain::retry::RetrySchedule;
use watchbell_domain::violation::{Violations, reason};
use watchbell_domain::{ChannelKind, EmailAddress, SeveritySet};

use super::filter::filter;
use super::words::name;
use super::{Checked, addresses, time_zone};

const MAX_DESCRIPTION: usize = 1_000;
const MAX_RECIPIENTS: usize = 50;
const MAX_HEADERS: usize = 20;
const MAX_HEADER_VALUE: usize = 4_096;
const MAX_CONCURRENCY: u32 = 64;
const MAX_PER_SECOND: f64 = 1_000.0;
const SMTP_PORT: u32 = 587;

/// A channel as it is kept, and its kind. Secrets pass through.
pub(crate) fn channel(channel: &Channel) -> Checked<(Channel, ChannelKind)> {
    let mut violations = Violations::new();
    let display_name = name(&channel.display_name, "display_name", &mut violations);
    violations.limit_chars("description", &channel.description, MAX_DESCRIPTION);
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
    if let Some(quiet) = &channel.quiet_hours {
        violations.take_under("quiet_hours", quiet_hours(quiet));
    }
    if let Some(storm) = &channel.storm_control {
        violations.take_under("storm_control", storm_control(storm));
    }
    if let Some(policy) = &channel.delivery {
        violations.take_under("delivery", delivery(policy));
    }
    let kept = Channel {
        display_name,
        destination: Some(destination),
        triggers,
        // No windows at all is the same as no quiet hours.
        quiet_hours: channel
            .quiet_hours
            .clone()
            .filter(|quiet| !quiet.windows.is_empty()),
        ..channel.clone()
    };
    violations.into_result((kept, kind))
}

fn email(email: &EmailDestination) -> Checked<EmailDestination> {
    let mut violations = Violations::new();
    let recipients = addresses(&email.recipients, "recipients", MAX_RECIPIENTS, &mut violations);
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
    violations.into_result(EmailDestination { recipients, smtp })
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
        let lower = header.name.to_ascii_lowercase();
        if !is_token(&header.name) || header.name.len() > 128 {
            violations.add(
                &at,
                reason::MALFORMED,
                "must be a header name (RFC 9110 section 5.6.2)",
            );
        } else if is_reserved(&lower) {
            violations.add(&at, reason::NOT_ALLOWED, "is set by Watchbell itself");
        } else if !seen.insert(lower) {
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

/// What Watchbell sets, and what belongs to the connection rather than to the message.
fn is_reserved(lower: &str) -> bool {
    const NAMES: [&str; 14] = [
        "host",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "content-type",
        "content-encoding",
        "expect",
        "traceparent",
        "tracestate",
    ];
    NAMES.contains(&lower)
        || lower.starts_with("webhook-")
        || lower.starts_with("ce-")
        // `X-<Brand>-Signature`, whatever the brand is today.
        || (lower.starts_with("x-") && lower.ends_with("-signature"))
}

fn quiet_hours(quiet: &QuietHours) -> Checked<()> {
    let mut violations = Violations::new();
    let zone = match quiet.time_zone.as_str() {
        "" => chrono_tz::Tz::UTC,
        text => time_zone(text, "time_zone", &mut violations),
    };
    let passing: SeveritySet = words(&quiet.passing_severities, "passing_severities", &mut violations)
        .into_iter()
        .collect();
    let mut windows = Vec::new();
    for (index, written) in quiet.windows.iter().enumerate() {
        windows.extend(violations.take_under(&format!("windows[{index}]"), window(written)));
    }
    if violations.is_empty() && !windows.is_empty() {
        violations.take(quiet_hours::QuietHours::try_new(
            zone,
            windows,
            passing,
            quiet.coalesce,
        ));
    }
    violations.into_result(())
}

fn window(window: &QuietWindow) -> Checked<Window> {
    let mut violations = Violations::new();
    let mut days = Vec::new();
    for (index, number) in window.weekdays.iter().enumerate() {
        match Weekday::try_from(*number).ok().and_then(day) {
            Some(day) => days.push(day),
            None => {
                violations.add(
                    format!("weekdays[{index}]"),
                    reason::UNKNOWN_VALUE,
                    "is not a weekday",
                );
            }
        }
    }
    let start = violations.parse("start", reason::MALFORMED, &window.start);
    let end = violations.parse("end", reason::MALFORMED, &window.end);
    match (start, end) {
        (Some(start), Some(end)) if violations.is_empty() => Ok(Window { days, start, end }),
        _ => Err(violations),
    }
}

fn day(day: Weekday) -> Option<Day> {
    match day {
        Weekday::Unspecified => None,
        Weekday::Monday => Some(Day::Mon),
        Weekday::Tuesday => Some(Day::Tue),
        Weekday::Wednesday => Some(Day::Wed),
        Weekday::Thursday => Some(Day::Thu),
        Weekday::Friday => Some(Day::Fri),
        Weekday::Saturday => Some(Day::Sat),
        Weekday::Sunday => Some(Day::Sun),
    }
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

fn delivery(policy: &DeliveryPolicy) -> Checked<()> {
    let mut violations = Violations::new();
    let mut waits = Vec::new();
    for (index, wait) in policy.retry_delays.iter().enumerate() {
        waits.extend(span(
            Some(wait),
            &format!("retry_delays[{index}]"),
            &mut violations,
        ));
    }
    violations.take_under("retry_delays", RetrySchedule::try_new(waits));
    if policy.max_concurrency > MAX_CONCURRENCY {
        let why = format!("must be at most {MAX_CONCURRENCY}");
        violations.add("max_concurrency", reason::OUT_OF_RANGE, why);
    }
    if !(0.0..=MAX_PER_SECOND).contains(&policy.max_per_second) {
        let why = format!("must be 0 to {MAX_PER_SECOND}");
        violations.add("max_per_second", reason::OUT_OF_RANGE, why);
    }
    let timeout = span(policy.timeout.as_ref(), "timeout", &mut violations);
    let bounds = Duration::from_secs(1)..=Duration::from_secs(60);
    if timeout.is_some_and(|timeout| !bounds.contains(&timeout)) {
        violations.add("timeout", reason::OUT_OF_RANGE, "must be 1 to 60 seconds");
    }
    violations.into_result(())
}
