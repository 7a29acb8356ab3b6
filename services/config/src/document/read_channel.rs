//! Channels of a document.

use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    Channel, DeliveryPolicy, EmailDestination, EventFilter, HttpHeader, InAppDestination, QuietHours,
    SlackDestination, SmtpSecurity, SmtpServer, StormControl, TeamsDestination, WebhookDestination,
    WebhookEnvelope,
};
use watchbell_model::convert::FromWire;
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{Category, ChannelKind, Severity};

use super::ChannelDraft;
use super::paths::renamed;
use super::reader::{Item, Table};
use super::words::parse_window;
use crate::check;

/// What the checks of single channels call a field, and what the document calls it. The first that fits holds.
const PATHS: [(&str, &str); 12] = [
    ("display_name", "name"),
    ("slack.webhook_url", "url"),
    ("teams.webhook_url", "url"),
    ("webhook.filter.categories", "filter.categories"),
    ("webhook.filter.severities", "filter.severity"),
    ("webhook", ""),
    ("email.smtp.from_address", "smtp.from"),
    ("email", ""),
    ("triggers.severities", "triggers.severity"),
    ("quiet_hours.passing_severities", "quiet_hours.pass"),
    ("quiet_hours.windows", "quiet_hours.windows"),
    ("", ""),
];

/// A channel, checked as far as that goes without the database and the network.
pub(super) fn channel(item: &Item<'_>) -> Option<ChannelDraft> {
    let table = item.table()?;
    let Some(kind) = table.word::<ChannelKind>("kind") else {
        if table.get("kind").is_none() {
            table
                .notes()
                .add(table.at("kind"), reason::REQUIRED, "must be given");
        }
        return None;
    };
    let mut left_out = LeftOut::default();
    let destination = match kind {
        ChannelKind::Slack => Destination::Slack(SlackDestination {
            webhook_url: secret(&table, "url").unwrap_or_default(),
            ..SlackDestination::default()
        }),
        ChannelKind::Teams => Destination::Teams(TeamsDestination {
            webhook_url: secret(&table, "url").unwrap_or_default(),
            ..TeamsDestination::default()
        }),
        ChannelKind::Email => Destination::Email(EmailDestination {
            recipients: table.texts("recipients"),
            smtp: table.table("smtp").map(|smtp| self::smtp(smtp, &mut left_out)),
            ..EmailDestination::default()
        }),
        ChannelKind::Webhook => Destination::Webhook(webhook(&table, &mut left_out)),
        ChannelKind::InApp => Destination::InApp(InAppDestination {}),
    };
    let message = Channel {
        display_name: table.text("name"),
        description: table.text("description"),
        paused: table.flag("paused"),
        destination: Some(destination),
        triggers: table.table("triggers").map(filter),
        quiet_hours: table.table("quiet_hours").map(quiet_hours),
        storm_control: table.item("storm_control").map(|item| storm_control(&item)),
        delivery: table.table("delivery").map(delivery),
        ..Channel::default()
    };
    let is_default = table.flag("default");
    let (notes, path) = (table.notes(), table.path().to_owned());
    table.close();
    let checked = check::channel(&message).map_err(|wrong| in_document(wrong).under(&path));
    // What is wrong is noted; where it leads and who refers to it can be asked all the same.
    let message = match notes.take(checked) {
        Some((message, _)) => message,
        None => message,
    };
    Some(ChannelDraft {
        path,
        kind,
        message,
        is_default,
        left_out,
    })
}

/// The secrets that the document does not speak of, which a channel must have already.
#[derive(Debug, Clone, Default)]
pub(crate) struct LeftOut {
    pub(crate) smtp_password: bool,
    /// Their places in the list.
    pub(crate) headers: Vec<usize>,
}

/// What the checks of single channels say, at the paths below the channel in the document.
pub(crate) fn in_document(violations: Violations) -> Violations {
    violations
        .into_iter()
        .map(|mut violation| {
            violation.field = renamed(&violation.field, &PATHS);
            // A window is one text.
            if let Some(end) = violation
                .field
                .strip_prefix("quiet_hours.windows[")
                .and_then(|rest| rest.find(']'))
            {
                violation.field.truncate("quiet_hours.windows[".len() + end + 1);
            }
            violation
        })
        .collect()
}

/// A secret, if it is given.
fn secret(table: &Table<'_>, key: &'static str) -> Option<String> {
    table.item(key).map(|item| item.text())
}

fn webhook(table: &Table<'_>, left_out: &mut LeftOut) -> WebhookDestination {
    let mut headers = Vec::new();
    for (index, item) in table.items("headers").iter().enumerate() {
        // One that cannot be read keeps its place.
        let Some(header) = item.table() else {
            headers.push(HttpHeader::default());
            continue;
        };
        let value = secret(&header, "value");
        if value.is_none() {
            left_out.headers.push(index);
        }
        headers.push(HttpHeader {
            name: header.text("name"),
            value: value.unwrap_or_default(),
        });
        header.close();
    }
    let envelope = match table.item("envelope") {
        None => WebhookEnvelope::Standard,
        Some(item) => match item.text().to_ascii_lowercase().as_str() {
            "standard" => WebhookEnvelope::Standard,
            "cloud_events" => WebhookEnvelope::CloudEvents,
            _ => {
                item.note(reason::UNKNOWN_VALUE, "must be standard or cloud_events");
                WebhookEnvelope::Standard
            }
        },
    };
    WebhookDestination {
        url: secret(table, "url").unwrap_or_default(),
        filter: table.table("filter").map(filter),
        signing_secret: secret(table, "signing_secret").unwrap_or_default(),
        headers,
        envelope: envelope.into(),
        sign_ed25519: table.flag("sign_ed25519"),
        ..WebhookDestination::default()
    }
}

fn smtp(table: Table<'_>, left_out: &mut LeftOut) -> SmtpServer {
    let security = match table.item("security") {
        None => SmtpSecurity::Starttls,
        Some(item) => match item.text().to_ascii_lowercase().as_str() {
            "starttls" => SmtpSecurity::Starttls,
            "optional_starttls" => SmtpSecurity::OptionalStarttls,
            "tls" => SmtpSecurity::Tls,
            "none" => SmtpSecurity::None,
            _ => {
                item.note(
                    reason::UNKNOWN_VALUE,
                    "must be starttls, optional_starttls, tls or none",
                );
                SmtpSecurity::Starttls
            }
        },
    };
    let password = secret(&table, "password");
    left_out.smtp_password = password.is_none();
    let smtp = SmtpServer {
        host: table.text("host"),
        port: table.whole("port"),
        username: table.text("username"),
        password: password.unwrap_or_default(),
        from_address: table.text("from"),
        security: security.into(),
        ..SmtpServer::default()
    };
    table.close();
    smtp
}

/// Which events.
pub(super) fn filter(table: Table<'_>) -> EventFilter {
    let filter = EventFilter {
        types: table.texts("types"),
        categories: wire(table.words::<Category>("categories")),
        severities: wire(table.words::<Severity>("severity")),
        sources: table.texts("sources"),
        expression: table.text("expression"),
    };
    table.close();
    filter
}

pub(super) fn wire<T: FromWire>(words: Vec<T>) -> Vec<i32> {
    words.into_iter().map(FromWire::to_wire).collect()
}

fn quiet_hours(table: Table<'_>) -> QuietHours {
    let mut windows = Vec::new();
    for item in table.items("windows") {
        let window = item.value.as_str().and_then(parse_window);
        if window.is_none() {
            let why =
                "must be hours like 22:00-07:00, with days before them if not every day: mon-fri 22:00-07:00";
            item.note(reason::MALFORMED, why);
        }
        windows.push(window.unwrap_or_default());
    }
    let quiet = QuietHours {
        time_zone: table.text("time_zone"),
        windows,
        passing_severities: wire(table.words::<Severity>("pass")),
        coalesce: table.flag("coalesce"),
    };
    table.close();
    quiet
}

/// `off`, or a mapping.
fn storm_control(item: &Item<'_>) -> StormControl {
    let is_off = item.value.as_bool() == Some(false) || item.value.as_str().is_some_and(|text| text == "off");
    if is_off {
        return StormControl::default();
    }
    let Some(table) = item.table() else {
        return StormControl::default();
    };
    let storm = StormControl {
        max_messages: table.whole("max_messages"),
        window: table.span("window"),
    };
    if storm.max_messages == 0 {
        let why = "must be at least 1; `storm_control: off` turns it off";
        table.notes().add(table.at("max_messages"), reason::REQUIRED, why);
    }
    table.close();
    storm
}

fn delivery(table: Table<'_>) -> DeliveryPolicy {
    let policy = DeliveryPolicy {
        retry_delays: table
            .items("retry_delays")
            .iter()
            .filter_map(Item::span)
            .collect(),
        max_concurrency: table.whole("max_concurrency"),
        max_per_second: table.number("max_per_second"),
        timeout: table.span("timeout"),
    };
    table.close();
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_checks_say_is_told_at_the_paths_of_the_document() {
        for (check, document) in [
            ("display_name", "name"),
            ("slack.webhook_url", "url"),
            ("webhook.url", "url"),
            ("webhook.filter.severities[1]", "filter.severity[1]"),
            ("webhook.filter.types[0]", "filter.types[0]"),
            ("webhook.headers[3].value", "headers[3].value"),
            ("email.recipients[2]", "recipients[2]"),
            ("email.smtp.from_address", "smtp.from"),
            ("email.smtp.host", "smtp.host"),
            ("triggers.severities[0]", "triggers.severity[0]"),
            ("quiet_hours.windows[12].weekdays[1]", "quiet_hours.windows[12]"),
            ("quiet_hours.windows", "quiet_hours.windows"),
            ("quiet_hours.passing_severities[0]", "quiet_hours.pass[0]"),
            ("delivery.retry_delays[1]", "delivery.retry_delays[1]"),
            ("description", "description"),
        ] {
            let violations = in_document(Violations::one(check, reason::MALFORMED, ""));
            let fields: Vec<_> = violations.into_iter().map(|violation| violation.field).collect();
            assert_eq!(fields, [document], "{check}");
        }
    }
}
