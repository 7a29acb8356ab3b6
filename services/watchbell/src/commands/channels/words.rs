//! Channels in words.

use prost_reflect::DynamicMessage;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    BeginSlackInstallResponse, Channel, EmailDestination, EventFilter, QuietHours,
    RotateWebhookSecretResponse, WebhookDestination,
};
use watchbell_contracts::dispatcher::v1::render_preview_response::Message as Rendered;
use watchbell_contracts::dispatcher::v1::{Delivery, DeliveryState, RenderPreviewResponse, RequestHeader};

use crate::commands::filter_flags;
use crate::commands::resource::{View, secret_once, typed};
use crate::text;

fn channel(channel: &DynamicMessage) -> Channel {
    channel.transcode_to().unwrap_or_default()
}

fn webhook(item: &DynamicMessage) -> Option<WebhookDestination> {
    match channel(item).destination {
        Some(Destination::Webhook(webhook)) => Some(webhook),
        _ => None,
    }
}

pub(super) fn state(item: &DynamicMessage, view: &View) -> String {
    let channel = channel(item);
    if channel.paused {
        view.style.warn("PAUSED")
    } else {
        view.style.state(&text::health(channel.health))
    }
}

pub(super) fn goes_to(item: &DynamicMessage, _: &View) -> String {
    match channel(item).destination {
        Some(Destination::Slack(slack)) => format!("{} {}", slack.masked_webhook_url, slack.workspace)
            .trim_end()
            .to_owned(),
        Some(Destination::Teams(teams)) => teams.masked_webhook_url,
        Some(Destination::Email(email)) => email.recipients.join(", "),
        Some(Destination::Webhook(webhook)) => webhook.masked_url,
        Some(Destination::InApp(_)) => "the inbox".to_owned(),
        None => String::new(),
    }
}

pub(super) fn subscribed(item: &DynamicMessage, _: &View) -> String {
    let filter = webhook(item).and_then(|webhook| webhook.filter);
    filter.as_ref().map(filter_flags::words).unwrap_or_default()
}

/// Names of headers; their values may be secrets.
pub(super) fn headers(item: &DynamicMessage, _: &View) -> String {
    let headers = webhook(item).map(|webhook| webhook.headers).unwrap_or_default();
    let names: Vec<_> = headers.iter().map(|header| header.name.as_str()).collect();
    names.join(", ")
}

pub(super) fn secrets(item: &DynamicMessage, _: &View) -> String {
    webhook(item)
        .map(|webhook| webhook.live_secret_count.to_string())
        .unwrap_or_default()
}

pub(super) fn public_key(item: &DynamicMessage, _: &View) -> String {
    webhook(item)
        .map(|webhook| webhook.ed25519_public_key)
        .unwrap_or_default()
}

fn email(item: &DynamicMessage) -> Option<EmailDestination> {
    match channel(item).destination {
        Some(Destination::Email(email)) => Some(email),
        _ => None,
    }
}

pub(super) fn mail_server(item: &DynamicMessage, _: &View) -> String {
    let server = email(item).and_then(|email| email.smtp);
    server.map_or_else(String::new, |smtp| {
        format!("{}:{} as {}", smtp.host, smtp.port, smtp.username)
    })
}

pub(super) fn unconfirmed(item: &DynamicMessage, _: &View) -> String {
    let recipients = email(item).map(|email| email.unconfirmed_recipients);
    let recipients: Vec<_> = recipients.iter().flatten().map(text::unconfirmed).collect();
    recipients.join("; ")
}

pub(super) fn alerts(item: &DynamicMessage, _: &View) -> String {
    let triggers: Option<EventFilter> = typed(item, "triggers");
    triggers.as_ref().map(filter_flags::words).unwrap_or_default()
}

pub(super) fn quiet(item: &DynamicMessage, _: &View) -> String {
    let Some(quiet) = typed::<QuietHours>(item, "quiet_hours") else {
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

pub(super) fn storm(item: &DynamicMessage, _: &View) -> String {
    match channel(item).storm_control {
        None => String::new(),
        Some(storm) if storm.max_messages == 0 => "off".to_owned(),
        Some(storm) => format!("{} in {}", storm.max_messages, text::span(storm.window.as_ref())),
    }
}

pub(super) fn retries(item: &DynamicMessage, _: &View) -> String {
    let delays = channel(item)
        .delivery
        .map(|policy| policy.retry_delays)
        .unwrap_or_default();
    let words: Vec<_> = delays.iter().map(|delay| text::span(Some(delay))).collect();
    if words.is_empty() {
        String::new()
    } else {
        format!("after {}", words.join(", "))
    }
}

/// What `add-to-slack` has begun.
pub(super) fn slack_install(answer: &DynamicMessage, view: &View) -> Result<String, String> {
    let begun: BeginSlackInstallResponse = answer.transcode_to().unwrap_or_default();
    Ok(format!(
        "Open this in a browser and pick a channel, such as {}:\n\n    {}\n\nIt works once, until {}.\n",
        begun.suggested_channel,
        view.style.name(&begun.install_url),
        text::clock_time(begun.expire_time.as_ref()),
    ))
}

/// The secret that `rotate-secret` has made.
pub(super) fn new_secret(answer: &DynamicMessage, view: &View) -> Result<String, String> {
    let answer: RotateWebhookSecretResponse = answer.transcode_to().unwrap_or_default();
    let until = text::local(answer.old_secret_expire_time.as_ref());
    Ok(secret_once(&answer.signing_secret, "signing secret", view.style)
        + &format!("the old secret signs until {until}\n"))
}

/// The attempt of a test; an error when it did not get through.
/// JSON to read, the text of an email with its subject, or a request.
pub(super) fn preview(answer: &DynamicMessage, view: &View) -> Result<String, String> {
    let answer: RenderPreviewResponse = answer.transcode_to().unwrap_or_default();
    let indented = |json: &str| {
        let value: Option<serde_json::Value> = serde_json::from_str(json).ok();
        value.map_or_else(|| json.to_owned(), |value| format!("{value:#}"))
    };
    Ok(match answer.message {
        Some(Rendered::SlackJson(json) | Rendered::TeamsJson(json)) => indented(&json) + "\n",
        Some(Rendered::Email(email)) => format!("Subject: {}\n\n{}\n", email.subject, email.text.trim_end()),
        Some(Rendered::Webhook(request)) => {
            let line = |header: &RequestHeader| format!("{}: {}\n", header.name, header.value);
            let headers: String = request.headers.iter().map(line).collect();
            let signed = view
                .style
                .faint(&format!("signed with {}", request.signing_secret));
            format!("{headers}\n{}\n\n{signed}\n", request.body)
        }
        None => String::new(),
    })
}

pub(super) fn test(answer: &DynamicMessage, view: &View) -> Result<String, String> {
    let delivery: Delivery = typed(answer, "delivery").unwrap_or_default();
    let style = view.style;
    let state = style.state(&text::delivery_state(delivery.state));
    let mut said = format!("{}: {state} {}\n", view.subject, delivery.state_message);
    for attempt in &delivery.attempts {
        let outcome = style.state(&text::attempt_outcome(attempt.outcome));
        let latency = text::span(attempt.latency.as_ref());
        let body = style.faint(attempt.response_body.trim_end());
        said += &format!("  {outcome} in {latency}, answer {}", attempt.status_code);
        said += &format!("  {} {body}\n", attempt.error);
    }
    if view.is_saved {
        said += &style.faint(&format!("  {}\n", delivery.id));
    }
    if delivery.state == DeliveryState::Delivered as i32 {
        Ok(said)
    } else {
        Err(said)
    }
}
