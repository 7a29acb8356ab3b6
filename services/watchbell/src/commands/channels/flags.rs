//! The flags of each kind of channel, and the channel that they make or change.

use clap::{Args, Subcommand, ValueEnum};
use watchbell_contracts::config::v1::{
    Channel, EmailDestination, HttpHeader, InAppDestination, SlackDestination, SmtpSecurity, SmtpServer,
    TeamsDestination, WebhookDestination, WebhookEnvelope, channel::Destination,
};

use super::options::ChannelOptions;
use crate::commands::filter_options::FilterOptions;
use crate::failure::Outcome;
use crate::input;

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

impl SmtpOptions {
    pub(super) fn put(&self, server: &mut SmtpServer) -> Outcome<Vec<&'static str>> {
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
    pub(super) fn put(&self, webhook: &mut WebhookDestination) -> Outcome<Vec<String>> {
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
    pub(super) fn channel(self) -> Outcome<Channel> {
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
                    Destination::Email(EmailDestination {
                        recipients,
                        smtp,
                        ..EmailDestination::default()
                    }),
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

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::show::quiet;
    use super::*;
    use crate::cli::{Cli, Command as Top};
    use crate::commands::Command as Group;
    use clap::Parser as _;

    fn parsed(line: &str) -> Command {
        match Cli::try_parse_from(std::iter::once("watchbell").chain(line.split_whitespace()))
            .unwrap()
            .command
        {
            Top::Client(Group::Channels(command)) => *command,
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
