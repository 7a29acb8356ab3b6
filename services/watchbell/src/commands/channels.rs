//! `channels`: where alerts go. A webhook channel is also called a subscription.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use watchbell_contracts::config::v1::{
    Channel, CreateChannelRequest, DeleteChannelRequest, EmailDestination, GetChannelRequest, HttpHeader,
    InAppDestination, ListChannelsResponse, ReenableChannelRequest, RotateWebhookSecretRequest,
    SetDefaultChannelRequest, SlackDestination, SmtpSecurity, SmtpServer, TeamsDestination,
    UpdateChannelRequest, WebhookDestination, WebhookEnvelope, channel::Destination,
};
use watchbell_contracts::convert::{self, FromWire as _};
use watchbell_contracts::dispatcher::v1::{DeliveryState, SendTestRequest};
use watchbell_domain::ChannelKind;

use super::channel_options::ChannelOptions;
use super::filter_options::{self, FilterOptions};
use super::{mask, present, yes};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::session::Session;
use crate::text::{self, Style, Table};

const NAME: &str = "watchbell.config.v1.Channel";

/// Channels.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All channels
    List {
        /// Only this kind: slack, teams, email, webhook, in-app
        #[arg(long, value_parser = input::word::<ChannelKind>)]
        kind: Option<ChannelKind>,
    },
    /// One channel
    Show {
        /// By id or name (slack:#name tells kinds apart)
        channel: String,
    },
    /// Make a channel
    #[command(subcommand)]
    Create(Box<Create>),
    /// Change a channel
    Update(Box<Update>),
    /// Delete a channel
    Delete {
        /// By id or name
        channel: String,
    },
    /// Send a test by the real way, and show the attempt
    Test {
        /// By id or name
        channel: String,
        /// The type of the synthetic event; finding.created when left out
        #[arg(long = "type", value_name = "TYPE")]
        event_type: Option<String>,
        /// Where an email channel without recipients sends it
        #[arg(long = "to", value_name = "ADDRESS")]
        recipient: Option<String>,
    },
    /// Make a channel the default of its kind
    SetDefault {
        /// By id or name
        channel: String,
    },
    /// Make an unhealthy channel carry again
    Reenable {
        /// By id or name
        channel: String,
        /// Deliver what was parked meanwhile, too
        #[arg(long)]
        recover: bool,
    },
    /// Give a webhook a new signing secret; the old one keeps signing for the overlap
    RotateSecret {
        /// By id or name
        channel: String,
        /// The new secret, or @FILE; made when left out
        #[arg(
            long,
            env = "WATCHBELL_SIGNING_SECRET",
            hide_env_values = true,
            value_name = "SECRET"
        )]
        secret: Option<String>,
        /// How long the old one keeps signing; 24h when left out
        #[arg(long, value_parser = input::duration, value_name = "DURATION")]
        overlap: Option<Duration>,
    },
}

/// Which kind.
#[derive(Debug, Subcommand)]
pub(crate) enum Create {
    /// A Slack channel, by an incoming webhook
    Slack(ChatChannel),
    /// A Microsoft Teams channel, by a Workflow's URL or an old connector's
    Teams(ChatChannel),
    /// Addresses, by the platform's mail server or the team's own
    Email(EmailChannel),
    /// An HTTPS endpoint that gets signed JSON
    Webhook(WebhookChannel),
    /// The in-app inbox
    InApp(InAppChannel),
}

/// A Slack or Teams channel.
#[derive(Debug, Args)]
pub(crate) struct ChatChannel {
    /// Such as '#security-critical'
    #[arg(long)]
    name: String,
    /// The webhook URL, or @FILE: it is a secret
    #[arg(long, env = "WATCHBELL_CHANNEL_URL", hide_env_values = true)]
    url: String,
    #[command(flatten)]
    common: ChannelOptions,
}

/// An email channel.
#[derive(Debug, Args)]
pub(crate) struct EmailChannel {
    /// Such as 'audit trail'
    #[arg(long)]
    name: String,
    /// Who gets what a rule sends here
    #[arg(long = "to", value_name = "ADDRESS", value_delimiter = ',')]
    recipients: Vec<String>,
    #[command(flatten)]
    smtp: SmtpOptions,
    #[command(flatten)]
    common: ChannelOptions,
}

/// The team's own mail server.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SmtpOptions {
    /// The team's own server; the platform's when left out
    #[arg(long, value_name = "HOST", help_heading = "Mail server")]
    smtp_host: Option<String>,
    /// 587 when left out
    #[arg(long, value_name = "PORT", help_heading = "Mail server")]
    smtp_port: Option<u32>,
    /// The account that sends
    #[arg(long, value_name = "USER", help_heading = "Mail server")]
    smtp_user: Option<String>,
    /// Its password, or @FILE
    #[arg(
        long,
        env = "WATCHBELL_SMTP_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD",
        help_heading = "Mail server"
    )]
    smtp_password: Option<String>,
    /// The sender shown; the user when left out
    #[arg(long, value_name = "ADDRESS", help_heading = "Mail server")]
    smtp_from: Option<String>,
    /// How the connection is protected
    #[arg(long, value_enum, help_heading = "Mail server")]
    smtp_security: Option<Security>,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Security {
    /// STARTTLS, or no mail
    Starttls,
    /// STARTTLS when the server offers it
    Optional,
    /// TLS from the first byte
    Tls,
    /// None; only to addresses that the egress allow-list names
    None,
}

/// A webhook channel.
#[derive(Debug, Args)]
pub(crate) struct WebhookChannel {
    /// A label for the subscription
    #[arg(long)]
    name: String,
    /// The HTTPS endpoint, or @FILE: it may carry a token
    #[arg(long, env = "WATCHBELL_CHANNEL_URL", hide_env_values = true)]
    url: String,
    #[command(flatten)]
    webhook: WebhookOptions,
    #[command(flatten)]
    common: ChannelOptions,
}

/// How a webhook is called.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct WebhookOptions {
    #[command(flatten)]
    filter: FilterOptions,
    /// The signing secret, or @FILE; made when left out
    #[arg(
        long,
        env = "WATCHBELL_SIGNING_SECRET",
        hide_env_values = true,
        value_name = "SECRET"
    )]
    signing_secret: Option<String>,
    /// An extra header, 'Name: value'
    #[arg(long = "header", value_parser = input::header, value_name = "HEADER")]
    headers: Vec<HttpHeader>,
    /// How the body is laid out
    #[arg(long, value_enum)]
    envelope: Option<Envelope>,
    /// Sign with Ed25519 as well (true or false)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    ed25519: Option<bool>,
}

/// How a webhook's body is laid out.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Envelope {
    /// event, type, timestamp, data, test
    Standard,
    /// CloudEvents 1.0, structured mode
    CloudEvents,
}

/// The in-app inbox.
#[derive(Debug, Args)]
pub(crate) struct InAppChannel {
    /// Such as 'notification center'
    #[arg(long)]
    name: String,
    #[command(flatten)]
    common: ChannelOptions,
}

/// What to change.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// By id or name
    channel: String,
    /// A new name
    #[arg(long)]
    name: Option<String>,
    /// No new deliveries; what waits stays waiting
    #[arg(long)]
    pause: bool,
    /// Carry again
    #[arg(long, conflicts_with = "pause")]
    resume: bool,
    /// No quiet hours
    #[arg(long, conflicts_with = "quiet")]
    no_quiet: bool,
    /// Back to the catalog's policy
    #[arg(long)]
    no_triggers: bool,
    /// A new URL, or @FILE
    #[arg(long)]
    url: Option<String>,
    /// Who gets what a rule sends here
    #[arg(long = "to", value_name = "ADDRESS", value_delimiter = ',')]
    recipients: Vec<String>,
    #[command(flatten)]
    smtp: SmtpOptions,
    #[command(flatten)]
    webhook: WebhookOptions,
    #[command(flatten)]
    common: ChannelOptions,
}

impl SmtpOptions {
    fn put(&self, server: &mut SmtpServer) -> Outcome<Vec<&'static str>> {
        let mut paths = Vec::new();
        for (given, field, path) in [
            (&self.smtp_host, &mut server.host, "email.smtp.host"),
            (&self.smtp_user, &mut server.username, "email.smtp.username"),
            (
                &self.smtp_from,
                &mut server.from_address,
                "email.smtp.from_address",
            ),
        ] {
            if let Some(given) = given {
                field.clone_from(given);
                paths.push(path);
            }
        }
        if let Some(port) = self.smtp_port {
            server.port = port;
            paths.push("email.smtp.port");
        }
        if let Some(password) = &self.smtp_password {
            server.password = input::text_or_file(password)?;
            paths.push("email.smtp.password");
        }
        if let Some(security) = self.smtp_security {
            server.security = match security {
                Security::Starttls => SmtpSecurity::Starttls,
                Security::Optional => SmtpSecurity::OptionalStarttls,
                Security::Tls => SmtpSecurity::Tls,
                Security::None => SmtpSecurity::None,
            } as i32;
            paths.push("email.smtp.security");
        }
        Ok(paths)
    }
}

impl WebhookOptions {
    fn put(&self, webhook: &mut WebhookDestination) -> Outcome<Vec<String>> {
        let mut paths = self.filter.paths("webhook.filter");
        if !paths.is_empty() {
            webhook.filter = Some(self.filter.filter());
        }
        if let Some(secret) = &self.signing_secret {
            webhook.signing_secret = input::text_or_file(secret)?;
            paths.push("webhook.signing_secret".to_owned());
        }
        if !self.headers.is_empty() {
            webhook.headers.clone_from(&self.headers);
            paths.push("webhook.headers".to_owned());
        }
        if let Some(envelope) = self.envelope {
            webhook.envelope = match envelope {
                Envelope::Standard => WebhookEnvelope::Standard,
                Envelope::CloudEvents => WebhookEnvelope::CloudEvents,
            } as i32;
            paths.push("webhook.envelope".to_owned());
        }
        if let Some(on) = self.ed25519 {
            webhook.sign_ed25519 = on;
            paths.push("webhook.sign_ed25519".to_owned());
        }
        Ok(paths)
    }
}

impl Create {
    /// The channel that the flags say.
    fn channel(self) -> Outcome<Channel> {
        let (name, common, destination) = match self {
            Self::Slack(ChatChannel { name, url, common }) => {
                let webhook_url = input::text_or_file(&url)?;
                (
                    name,
                    common,
                    Destination::Slack(SlackDestination {
                        webhook_url,
                        ..SlackDestination::default()
                    }),
                )
            }
            Self::Teams(ChatChannel { name, url, common }) => {
                let webhook_url = input::text_or_file(&url)?;
                (
                    name,
                    common,
                    Destination::Teams(TeamsDestination {
                        webhook_url,
                        ..TeamsDestination::default()
                    }),
                )
            }
            Self::Email(EmailChannel {
                name,
                recipients,
                smtp,
                common,
            }) => {
                let mut server = SmtpServer::default();
                let smtp = (!smtp.put(&mut server)?.is_empty()).then_some(server);
                (
                    name,
                    common,
                    Destination::Email(EmailDestination { recipients, smtp }),
                )
            }
            Self::Webhook(WebhookChannel {
                name,
                url,
                webhook,
                common,
            }) => {
                let url = input::text_or_file(&url)?;
                let mut destination = WebhookDestination {
                    url,
                    ..WebhookDestination::default()
                };
                webhook.put(&mut destination)?;
                (name, common, Destination::Webhook(destination))
            }
            Self::InApp(InAppChannel { name, common }) => {
                (name, common, Destination::InApp(InAppDestination {}))
            }
        };
        let mut channel = Channel {
            display_name: name,
            destination: Some(destination),
            ..Channel::default()
        };
        common.put(&mut channel)?;
        Ok(channel)
    }
}

impl Update {
    /// Puts what was given into the channel; says what that was, as paths of an update mask.
    fn put(self, channel: &mut Channel) -> Outcome<Vec<String>> {
        let mut paths = self.common.put(channel)?;
        if let Some(name) = self.name {
            channel.display_name = name;
            paths.push("display_name".to_owned());
        }
        if self.pause || self.resume {
            channel.paused = self.pause;
            paths.push("paused".to_owned());
        }
        if self.no_quiet {
            channel.quiet_hours = None;
            paths.push("quiet_hours".to_owned());
        }
        if self.no_triggers {
            channel.triggers = None;
            paths.push("triggers".to_owned());
        }
        let url = self.url.as_deref().map(input::text_or_file).transpose()?;
        let mut strangers = Vec::new();
        match channel.destination.as_mut() {
            Some(Destination::Slack(SlackDestination { webhook_url, .. })) => {
                put_url(url, webhook_url, "slack.webhook_url", &mut paths);
            }
            Some(Destination::Teams(TeamsDestination { webhook_url, .. })) => {
                put_url(url, webhook_url, "teams.webhook_url", &mut paths);
            }
            Some(Destination::Email(email)) => {
                if !self.recipients.is_empty() {
                    email.recipients = self.recipients;
                    paths.push("email.recipients".to_owned());
                }
                let mut server = email.smtp.take().unwrap_or_default();
                let changed = self.smtp.put(&mut server)?;
                if !changed.is_empty() || server != SmtpServer::default() {
                    email.smtp = Some(server);
                }
                paths.extend(changed.into_iter().map(str::to_owned));
                strangers.extend(url.map(|_| "--url"));
            }
            Some(Destination::Webhook(webhook)) => {
                put_url(url, &mut webhook.url, "webhook.url", &mut paths);
                paths.extend(self.webhook.put(webhook)?);
            }
            Some(Destination::InApp(_)) | None => strangers.extend(url.map(|_| "--url")),
        }
        match strangers.first() {
            Some(flag) => Err(Failure::usage(format!(
                "{flag} means nothing to a channel of this kind"
            ))),
            None => Ok(paths),
        }
    }
}

fn put_url(url: Option<String>, field: &mut String, path: &str, paths: &mut Vec<String>) {
    if let Some(url) = url {
        *field = url;
        paths.push(path.to_owned());
    }
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    let out = session.out;
    let team_id = session.team();
    match command {
        Command::List { kind } => {
            let channels = session.all_channels(kind.map_or(0, ChannelKind::to_wire)).await?;
            let all = ListChannelsResponse {
                channels,
                ..ListChannelsResponse::default()
            };
            out.show("watchbell.config.v1.ListChannelsResponse", &all, || {
                table(&all.channels, session)
            })
        }
        Command::Show { channel } => {
            let channel = get(session, &channel).await?;
            out.show(NAME, &channel, || shown(&channel, out.style))
        }
        Command::Create(create) => {
            let channel = create.channel()?;
            let request = CreateChannelRequest {
                team_id,
                channel: Some(channel),
                validate_only: false,
            };
            let answer = session
                .channels()
                .create_channel(session.ask(request))
                .await?
                .into_inner();
            let channel = present(answer.channel.clone())?;
            out.show("watchbell.config.v1.CreateChannelResponse", &answer, || {
                shown(&channel, out.style) + &secret_once(&answer.signing_secret, out.style)
            })
        }
        Command::Update(update) => {
            let mut channel = get(session, &update.channel).await?;
            let paths = update.put(&mut channel)?;
            let request = UpdateChannelRequest {
                team_id,
                channel: Some(channel),
                update_mask: mask(paths.iter().map(String::as_str).collect())?,
                validate_only: false,
            };
            let answer = session
                .channels()
                .update_channel(session.ask(request))
                .await?
                .into_inner();
            let channel = present(answer.channel)?;
            out.show(NAME, &channel, || shown(&channel, out.style))
        }
        Command::Delete { channel } => {
            let channel_id = session.channel_id(&channel).await?;
            let request = DeleteChannelRequest {
                team_id,
                channel_id: channel_id.clone(),
                etag: String::new(),
            };
            session.channels().delete_channel(session.ask(request)).await?;
            out.print(&format!("deleted {channel_id}\n"))
        }
        Command::Test {
            channel,
            event_type,
            recipient,
        } => {
            test(
                session,
                &channel,
                event_type.unwrap_or_default(),
                recipient.unwrap_or_default(),
            )
            .await
        }
        Command::SetDefault { channel } => {
            let request = SetDefaultChannelRequest {
                team_id,
                channel_id: session.channel_id(&channel).await?,
            };
            let answer = session
                .channels()
                .set_default_channel(session.ask(request))
                .await?
                .into_inner();
            let channel = present(answer.channel)?;
            out.show(NAME, &channel, || shown(&channel, out.style))
        }
        Command::Reenable { channel, recover } => {
            let channel_id = session.channel_id(&channel).await?;
            let request = ReenableChannelRequest {
                team_id,
                channel_id,
                recover_parked: recover,
            };
            let answer = session
                .channels()
                .reenable_channel(session.ask(request))
                .await?
                .into_inner();
            let channel = present(answer.channel)?;
            out.show(NAME, &channel, || shown(&channel, out.style))
        }
        Command::RotateSecret {
            channel,
            secret,
            overlap,
        } => {
            let request = RotateWebhookSecretRequest {
                team_id,
                channel_id: session.channel_id(&channel).await?,
                signing_secret: secret
                    .as_deref()
                    .map(input::text_or_file)
                    .transpose()?
                    .unwrap_or_default(),
                overlap: overlap.map(convert::duration),
            };
            let answer = session
                .channels()
                .rotate_webhook_secret(session.ask(request))
                .await?
                .into_inner();
            out.show("watchbell.config.v1.RotateWebhookSecretResponse", &answer, || {
                let until = text::local(answer.old_secret_expire_time.as_ref());
                secret_once(&answer.signing_secret, out.style)
                    + &format!("the old secret signs until {until}\n")
            })
        }
    }
}

async fn get(session: &Session, given: &str) -> Outcome<Channel> {
    let request = GetChannelRequest {
        team_id: session.team(),
        channel_id: session.channel_id(given).await?,
    };
    present(
        session
            .channels()
            .get_channel(session.ask(request))
            .await?
            .into_inner()
            .channel,
    )
}

/// A test that did not get through makes the command fail.
async fn test(session: &Session, channel: &str, event_type: String, recipient: String) -> Outcome {
    let request = SendTestRequest {
        team_id: session.team(),
        channel_id: session.channel_id(channel).await?,
        event_type,
        recipient,
    };
    let answer = session
        .dispatcher()
        .send_test(session.ask(request))
        .await?
        .into_inner();
    let delivery = present(answer.delivery.clone())?;
    let style = session.out.style;
    session
        .out
        .show("watchbell.dispatcher.v1.SendTestResponse", &answer, || {
            let state = text::delivery_state(delivery.state);
            let mut said = format!("{channel}: {} {}\n", style.state(&state), delivery.state_message);
            for attempt in &delivery.attempts {
                let outcome = text::attempt_outcome(attempt.outcome);
                let latency = text::span(attempt.latency.as_ref());
                said += &format!(
                    "  {} in {latency}, answer {}",
                    style.state(&outcome),
                    attempt.status_code
                );
                said += &format!(
                    "  {} {}\n",
                    attempt.error,
                    style.faint(attempt.response_body.trim_end())
                );
            }
            said + &style.faint(&format!("  {}\n", delivery.id))
        })?;
    if delivery.state == DeliveryState::Delivered as i32 {
        Ok(())
    } else {
        Err(Failure::Said(1))
    }
}

fn secret_once(secret: &str, style: Style) -> String {
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

fn table(channels: &[Channel], session: &Session) -> String {
    let out = session.out;
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

fn shown(channel: &Channel, style: Style) -> String {
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
        Some(Destination::Email(EmailDestination { smtp: Some(smtp), .. })) => {
            fields.push((
                "mail server",
                format!("{}:{} as {}", smtp.host, smtp.port, smtp.username),
            ));
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

fn quiet(channel: &Channel) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command as Top};
    use clap::Parser as _;

    fn parsed(line: &str) -> Command {
        match Cli::try_parse_from(std::iter::once("watchbell").chain(line.split_whitespace()))
            .unwrap()
            .command
        {
            Top::Client(super::super::Command::Channels(command)) => *command,
            other => panic!("{other:?}"),
        }
    }

    fn created(line: &str) -> Channel {
        match parsed(line) {
            Command::Create(create) => create.channel().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_webhook_takes_its_filter_headers_and_envelope() {
        let channel = created(
            "channels create webhook --name siem --url https://siem.example/in --events finding.*,scan.failed \
             --severity critical --header X-Team:blue --envelope cloud-events --signing-secret whsec_x",
        );
        let Some(Destination::Webhook(webhook)) = channel.destination else {
            panic!()
        };
        let filter = webhook.filter.unwrap();
        assert_eq!(filter.types, ["finding.*", "scan.failed"]);
        assert_eq!(filter.severities, [5]);
        assert_eq!(webhook.headers[0].value, "blue");
        assert_eq!(webhook.envelope, WebhookEnvelope::CloudEvents as i32);
        assert_eq!(webhook.signing_secret, "whsec_x");
    }

    #[test]
    fn an_email_channel_has_a_server_only_when_one_was_named() {
        let channel = created("channels create email --name a --to x@y.example,z@y.example");
        let Some(Destination::Email(email)) = channel.destination else {
            panic!()
        };
        assert_eq!((email.recipients.len(), email.smtp), (2, None));
        let channel = created("channels create email --name a --smtp-host mail.example --smtp-security none");
        let Some(Destination::Email(email)) = channel.destination else {
            panic!()
        };
        assert_eq!(email.smtp.unwrap().security, SmtpSecurity::None as i32);
    }

    #[test]
    fn an_update_names_exactly_what_it_changes() {
        let update = |line: &str, destination| {
            let Command::Update(update) = parsed(line) else {
                panic!()
            };
            let mut channel = Channel {
                destination: Some(destination),
                ..Channel::default()
            };
            update.put(&mut channel)
        };
        let slack = || Destination::Slack(SlackDestination::default());
        let paths = update(
            "channels update x --url https://new --pause --no-quiet --storm off",
            slack(),
        )
        .unwrap();
        assert_eq!(
            paths,
            ["storm_control", "paused", "quiet_hours", "slack.webhook_url"]
        );
        let paths = update(
            "channels update x --type scan.*",
            Destination::Webhook(WebhookDestination::default()),
        );
        assert_eq!(paths.unwrap(), ["webhook.filter.types"]);
        let wrong = update(
            "channels update x --url https://new",
            Destination::InApp(InAppDestination {}),
        );
        assert_eq!(wrong.unwrap_err().exit_code(), 2);
    }

    #[test]
    fn quiet_hours_read_as_a_sentence() {
        let channel = created(
            "channels create in-app --name x --quiet 22:00-07:00 --quiet-zone Europe/Berlin --coalesce",
        );
        assert_eq!(
            quiet(&channel),
            "22:00-07:00 in Europe/Berlin; CRITICAL passes, one summary at the end"
        );
    }
}
