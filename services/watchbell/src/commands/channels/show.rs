//! Channels in words: a row of the list, and one field by field.

use watchbell_contracts::config::v1::{Channel, channel::Destination};

use super::super::{filter_options, yes};
use crate::session::Out;
use crate::text::{self, Style, Table};

pub(super) fn secret_once(secret: &str, style: Style) -> String {
    if secret.is_empty() {
        return String::new();
    }
    let once = style.warn("Keep the secret now; it is never shown again.");
    format!(
        "{} {}\n{once}\n",
        style.faint("signing secret"),
        style.good(secret)
    )
}

pub(super) fn table(channels: &[Channel], out: Out) -> String {
    let mut table = Table::new(&["KIND", "NAME", "STATE", "DEFAULT", "GOES TO", "ID"]).keep(&[5]);
    for channel in channels {
        table.row([
            text::kind(channel.kind),
            channel.display_name.clone(),
            state(channel, out.style),
            yes(channel.is_default),
            goes_to(channel),
            channel.id.clone(),
        ]);
    }
    table.render(
        out.style,
        out.width,
        "no channels; `watchbell channels create --help` shows the kinds",
    )
}

fn state(channel: &Channel, style: Style) -> String {
    if channel.paused {
        style.warn("PAUSED")
    } else {
        style.state(&text::health(channel.health))
    }
}

fn goes_to(channel: &Channel) -> String {
    match &channel.destination {
        Some(Destination::Slack(slack)) => format!("{} {}", slack.masked_webhook_url, slack.workspace)
            .trim_end()
            .to_owned(),
        Some(Destination::Teams(teams)) => teams.masked_webhook_url.clone(),
        Some(Destination::Email(email)) => email.recipients.join(", "),
        Some(Destination::Webhook(webhook)) => webhook.masked_url.clone(),
        Some(Destination::InApp(_)) => "the inbox".to_owned(),
        None => String::new(),
    }
}

pub(super) fn shown(channel: &Channel, style: Style) -> String {
    let mut fields = vec![
        ("id", style.name(&channel.id)),
        ("name", channel.display_name.clone()),
        ("kind", text::kind(channel.kind)),
        ("description", channel.description.clone()),
        ("state", state(channel, style)),
        ("note", channel.health_message.clone()),
        ("default", yes(channel.is_default)),
        ("goes to", goes_to(channel)),
    ];
    match &channel.destination {
        Some(Destination::Webhook(webhook)) => {
            let headers: Vec<_> = webhook
                .headers
                .iter()
                .map(|header| header.name.as_str())
                .collect();
            fields.extend([
                (
                    "subscribed",
                    webhook
                        .filter
                        .as_ref()
                        .map(filter_options::words)
                        .unwrap_or_default(),
                ),
                ("headers", headers.join(", ")),
                ("secrets", webhook.live_secret_count.to_string()),
                ("public key", webhook.ed25519_public_key.clone()),
            ]);
        }
        Some(Destination::Email(email)) => {
            if let Some(smtp) = &email.smtp {
                fields.push((
                    "mail server",
                    format!("{}:{} as {}", smtp.host, smtp.port, smtp.username),
                ));
            }
            let waiting: Vec<_> = email
                .unconfirmed_recipients
                .iter()
                .map(text::unconfirmed)
                .collect();
            fields.push(("unconfirmed", waiting.join("; ")));
        }
        _ => {}
    }
    fields.extend([
        (
            "alerts",
            channel
                .triggers
                .as_ref()
                .map(filter_options::words)
                .unwrap_or_default(),
        ),
        ("quiet", quiet(channel)),
        ("storm", storm(channel)),
        ("retries", retries(channel)),
        ("created", text::local(channel.create_time.as_ref())),
        ("updated", text::local(channel.update_time.as_ref())),
    ]);
    text::pairs(style, &fields)
}

pub(super) fn quiet(channel: &Channel) -> String {
    let Some(quiet) = &channel.quiet_hours else {
        return String::new();
    };
    let windows: Vec<_> = quiet
        .windows
        .iter()
        .map(|window| {
            let days: Vec<_> = window.weekdays.iter().map(|day| weekday(*day)).collect();
            format!("{} {}-{}", days.join(","), window.start, window.end)
                .trim_start()
                .to_owned()
        })
        .collect();
    let zone = if quiet.time_zone.is_empty() {
        "the team's zone"
    } else {
        &quiet.time_zone
    };
    let coalesce = if quiet.coalesce {
        ", one summary at the end"
    } else {
        ""
    };
    let passing = if quiet.passing_severities.is_empty() {
        "CRITICAL".to_owned()
    } else {
        text::severities(&quiet.passing_severities)
    };
    format!("{} in {zone}; {passing} passes{coalesce}", windows.join(" and "))
}

fn weekday(number: i32) -> &'static str {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    usize::try_from(number - 1)
        .ok()
        .and_then(|index| DAYS.get(index))
        .copied()
        .unwrap_or("?")
}

fn storm(channel: &Channel) -> String {
    match &channel.storm_control {
        None => String::new(),
        Some(storm) if storm.max_messages == 0 => "off".to_owned(),
        Some(storm) => format!("{} in {}", storm.max_messages, text::span(storm.window.as_ref())),
    }
}

fn retries(channel: &Channel) -> String {
    let delays = channel
        .delivery
        .as_ref()
        .map(|policy| policy.retry_delays.as_slice())
        .unwrap_or_default();
    let words: Vec<_> = delays.iter().map(|delay| text::span(Some(delay))).collect();
    if words.is_empty() {
        words.concat()
    } else {
        format!("after {}", words.join(", "))
    }
}
