//! What can be changed of a channel: the flags, and the paths of the update mask that they stand for.

use clap::Args;
use watchbell_contracts::config::v1::{
    Channel, SlackDestination, SmtpServer, TeamsDestination, channel::Destination,
};

use super::flags::{SmtpOptions, WebhookOptions};
use super::options::ChannelOptions;
use crate::failure::{Failure, Outcome};
use crate::input;

/// What to change.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// By id or name
    pub(super) channel: String,
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

impl Update {
    /// Puts what was given into the channel; says what that was, as paths of an update mask.
    pub(super) fn put(self, channel: &mut Channel) -> Outcome<Vec<String>> {
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
