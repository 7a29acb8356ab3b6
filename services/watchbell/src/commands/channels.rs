//! `channels`: where alerts go. A webhook channel is also called a subscription.

mod flags;
mod options;
mod show;
mod update;

use std::time::Duration;

use clap::Subcommand;
use watchbell_contracts::config::v1::{
    BeginSlackInstallRequest, Channel, CreateChannelRequest, DeleteChannelRequest, GetChannelRequest,
    ListChannelsResponse, ReenableChannelRequest, RotateWebhookSecretRequest, SetDefaultChannelRequest,
    UpdateChannelRequest,
};
use watchbell_contracts::dispatcher::v1::{DeliveryState, SendTestRequest};
use watchbell_model::ChannelKind;
use watchbell_model::convert::{self, FromWire as _};

use super::{mask, present};
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::session::Session;
use crate::text;
use flags::Create;
use show::{secret_once, shown, table};
use update::Update;

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
    /// Add a channel by Slack's own pages: prints a link that opens them, for ten minutes
    AddToSlack {
        /// Who opens the link: must be allowed to manage integrations
        #[arg(long, value_name = "MEMBER")]
        member: Option<String>,
    },
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
    /// Send a test by settings that are not saved: the options are those of create
    #[command(subcommand)]
    Try(Box<Create>),
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
                table(&all.channels, out)
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
            out.warn(&answer.warnings);
            let channel = present(answer.channel.clone())?;
            out.show("watchbell.config.v1.CreateChannelResponse", &answer, || {
                shown(&channel, out.style) + &secret_once(&answer.signing_secret, out.style)
            })
        }
        Command::AddToSlack { member } => {
            let member_id = match member {
                Some(member) => session.member_id(&member).await?,
                None => String::new(),
            };
            let request = BeginSlackInstallRequest {
                team_id,
                member_id,
                ..Default::default()
            };
            let begun = session
                .channels()
                .begin_slack_install(session.ask(request))
                .await?
                .into_inner();
            out.show("watchbell.config.v1.BeginSlackInstallResponse", &begun, || {
                format!(
                    "Open this in a browser and pick a channel, such as {}:\n\n    {}\n\nIt works once, until {}.",
                    begun.suggested_channel,
                    out.style.name(&begun.install_url),
                    text::clock_time(begun.expire_time.as_ref()),
                )
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
            out.warn(&answer.warnings);
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
            let request = SendTestRequest {
                team_id,
                channel_id: session.channel_id(&channel).await?,
                event_type: event_type.unwrap_or_default(),
                recipient: recipient.unwrap_or_default(),
                channel: None,
            };
            test(session, &channel, request).await
        }
        Command::Try(settings) => {
            let channel = settings.channel()?;
            let name = channel.display_name.clone();
            let request = SendTestRequest {
                team_id,
                channel: Some(channel),
                ..SendTestRequest::default()
            };
            test(session, &name, request).await
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
async fn test(session: &Session, channel: &str, request: SendTestRequest) -> Outcome {
    // Of a test before saving there is nothing in the log.
    let is_logged = request.channel.is_none();
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
            if is_logged {
                said += &style.faint(&format!("  {}\n", delivery.id));
            }
            said
        })?;
    if delivery.state == DeliveryState::Delivered as i32 {
        Ok(())
    } else {
        Err(Failure::Said(1))
    }
}
