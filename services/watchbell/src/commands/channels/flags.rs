//! The flags of channels: those of each kind, and those of all.

use prost::Message as _;
use watchbell_contracts::config::v1::{SmtpSecurity, WebhookEnvelope};

use crate::commands::filter_flags::{FILTER, TRIGGERS};
use crate::commands::resource::{Flag, Form, Group, On};
use crate::input;

/// Flags of `create` and `update`, in the order of the help.
#[rustfmt::skip]
pub(super) const GROUPS: &[Group] = &[
    Group::new(&[name("Such as '#security-critical'")]).of("slack"),
    Group::new(&[name("Such as 'Security'")]).of("teams"),
    Group::new(&[name("Such as 'audit trail'")]).of("email"),
    Group::new(&[name("A label for the subscription")]).of("webhook"),
    Group::new(&[name("Such as 'notification center'")]).of("in_app"),
    Group::new(&[
        Flag::new("pause", "paused", "No new deliveries; what waits stays waiting").form(Form::Is(true)).on(On::Update),
        Flag::new("resume", "paused", "Carry again").form(Form::Is(false)).on(On::Update).conflicts("pause"),
        Flag::new("no-quiet", "quiet_hours", "No quiet hours").form(Form::Clear).on(On::Update).conflicts("quiet"),
        Flag::new("no-triggers", "triggers", "Back to the catalog's policy").form(Form::Clear).on(On::Update),
    ]),
    Group::new(&[url("slack.webhook_url", "The webhook URL, or @FILE: it is a secret")]).of("slack"),
    Group::new(&[url("teams.webhook_url", "The webhook URL, or @FILE: it is a secret")]).of("teams"),
    Group::new(&[url("webhook.url", "The HTTPS endpoint, or @FILE: it may carry a token")]).of("webhook"),
    Group::new(&[Flag::new("to", "email.recipients", "Who gets what a rule sends here").value("ADDRESS")]).of("email"),
    Group::under("email.smtp", Some("Mail server"), &[
        Flag::new("smtp-host", "host", "The team's own server; the platform's when left out").value("HOST"),
        Flag::new("smtp-port", "port", "587 when left out").value("PORT"),
        Flag::new("smtp-user", "username", "The account that sends").value("USER"),
        Flag::new("smtp-password", "password", "Its password, or @FILE")
            .value("PASSWORD").env("WATCHBELL_SMTP_PASSWORD").form(Form::Secret),
        Flag::new("smtp-from", "from_address", "The sender shown; the user when left out").value("ADDRESS"),
        Flag::new("smtp-security", "security", "How the connection is protected").form(Form::Choice(&[
            ("starttls", SmtpSecurity::Starttls as i32, "STARTTLS, or no mail"),
            ("optional", SmtpSecurity::OptionalStarttls as i32, "STARTTLS when the server offers it"),
            ("tls", SmtpSecurity::Tls as i32, "TLS from the first byte"),
            ("none", SmtpSecurity::None as i32, "None; only to addresses that the egress allow-list names"),
        ])),
    ]).of("email"),
    Group::under("webhook.filter", Some("Which events"), FILTER).of("webhook"),
    Group::under("webhook", Some("The request"), &[
        Flag::new("signing-secret", "signing_secret", "The signing secret, or @FILE; made when left out")
            .value("SECRET").env("WATCHBELL_SIGNING_SECRET").form(Form::Secret),
        Flag::new("header", "headers", "An extra header, 'Name: value'")
            .form(Form::Message(|text| input::header(text).map(|header| header.encode_to_vec()))),
        Flag::new("envelope", "envelope", "How the body is laid out").form(Form::Choice(&[
            ("standard", WebhookEnvelope::Standard as i32, "event, type, timestamp, data, test"),
            ("cloud-events", WebhookEnvelope::CloudEvents as i32, "CloudEvents 1.0, structured mode"),
        ])),
        Flag::new("preset", "preset", "A body that Watchbell knows: pagerduty, opsgenie, discord, google_chat, mattermost, telegram, splunk_hec, ocsf").value("NAME"),
        Flag::new("body", "body", "A JSON document to send, with ${…} for CEL expressions over the event, or @FILE").value("JSON").form(Form::Secret),
        Flag::new("ed25519", "sign_ed25519", "Sign with Ed25519 as well (true or false)").value("BOOL"),
    ]).of("webhook"),
    Group::new(&[Flag::new("description", "description", "For your own reference")]),
    Group::under("quiet_hours", Some("Quiet hours"), &[
        Flag::new("quiet", "windows", "When to hold: '22:00-07:00' or 'Mon-Fri 22:00-07:00'; give it several times for several windows")
            .value("WINDOW").form(Form::Message(|text| input::window(text).map(|window| window.encode_to_vec()))),
        Flag::new("quiet-zone", "time_zone", "The zone of the windows, such as Europe/Berlin; the team's when left out").value("ZONE"),
        Flag::new("quiet-pass", "passing_severities", "Severities that pass anyway; critical when left out").value("SEVERITY"),
        Flag::new("coalesce", "coalesce", "One summary at the end instead of many messages (true or false)").value("BOOL"),
    ]),
    Group::under("triggers", Some("What alerts"), TRIGGERS),
    Group::under("", Some("How to carry"), &[
        Flag::new("storm", "storm_control", "Fold what exceeds so many messages in a window: 20/1m, or off")
            .value("COUNT/WINDOW").form(Form::Message(|text| input::storm(text).map(|storm| storm.encode_to_vec()))),
        Flag::new("retry", "delivery.retry_delays", "Waits before each retry: 1m,5m,30m,2h,12h").value("DURATIONS"),
        Flag::new("timeout", "delivery.timeout", "How long one attempt may take").value("DURATION"),
        Flag::new("concurrency", "delivery.max_concurrency", "Attempts at the same time").value("COUNT"),
        Flag::new("max-per-second", "delivery.max_per_second", "Attempts per second").value("RATE"),
    ]),
];

const fn name(help: &'static str) -> Flag {
    Flag::new("name", "display_name", help)
        .update_help("A new name")
        .on(On::Required)
}

const fn url(field: &'static str, help: &'static str) -> Flag {
    Flag::new("url", field, help)
        .update_help("A new URL, or @FILE")
        .env("WATCHBELL_CHANNEL_URL")
        .form(Form::Secret)
        .on(On::Required)
}
