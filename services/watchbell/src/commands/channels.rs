//! `channels`: where alerts go. A webhook channel is also called a subscription.

mod flags;
mod words;

use prost_reflect::Value;
use watchbell_contracts::dispatcher::v1::DeliveryState;

use super::resource::{
    Column, Described, Flag, Form, Kind, Owned, Resource, Shows, Subject, Verb, Which, Words,
};
use crate::session::{Named, rpc};

const SERVICE: &str = "watchbell.config.v1.ChannelService";
const DISPATCHER: &str = "watchbell.dispatcher.v1.DispatcherService";

/// Channels.
#[derive(Debug, Clone)]
pub(crate) enum Channels {}

#[rustfmt::skip]
impl Described for Channels {
    const RESOURCE: &'static Resource = &Resource {
        service: SERVICE,
        message: "watchbell.config.v1.Channel",
        which: Which {
            argument: "channel",
            help: "By id or name (slack:#name tells kinds apart)",
            field: "channel_id",
            named: Some(Named::Channel),
            or_own: None,
        },
        commands: &[
            Words::new("list", Verb::List, "All channels").flags(&[
                Flag::new("kind", "kind", "Only this kind: slack, teams, email, webhook, in-app"),
            ]),
            Words::new("show", Verb::Show, "One channel"),
            Words::new("create", Verb::Create, "Make a channel"),
            Words::new(
                "add-to-slack",
                Verb::Call(SERVICE, "BeginSlackInstall", Subject::Team, Shows::With(words::slack_install)),
                "Add a channel by Slack's own pages: prints a link that opens them, for ten minutes",
            ).flags(&[
                Flag::new("member", "member_id", "Who opens the link: must be allowed to manage integrations").form(Form::Id(Named::Member)),
            ]),
            Words::new("update", Verb::Update, "Change a channel"),
            Words::new("delete", Verb::Delete, "Delete a channel"),
            Words::new(
                "test",
                Verb::Call(DISPATCHER, "SendTest", Subject::One, Shows::With(words::test)),
                "Send a test by the real way, and show the attempt",
            ).flags(&[
                Flag::new("type", "event_type", "The type of the synthetic event; finding.created when left out"),
                Flag::new("to", "recipient", "Where an email channel without recipients sends it").value("ADDRESS"),
            ]),
            Words::new(
                "try",
                Verb::Call(DISPATCHER, "SendTest", Subject::Draft, Shows::With(words::test)),
                "Send a test by settings that are not saved: the options are those of create",
            ),
            Words::new(
                "preview",
                Verb::Call(DISPATCHER, "RenderPreview", Subject::One, Shows::With(words::preview)),
                "Show an event as the channel's message, which is not sent",
            ).flags(&[
                Flag::new("event", "event_id", "An event that was accepted, evt_…"),
                Flag::new("type", "event.type", "Instead: the example of a type; finding.created when left out"),
            ]),
            Words::new("set-default", Verb::Call(SERVICE, "SetDefaultChannel", Subject::One, Shows::One), "Make a channel the default of its kind"),
            Words::new("reenable", Verb::Call(SERVICE, "ReenableChannel", Subject::One, Shows::One), "Make an unhealthy channel carry again").flags(&[
                Flag::new("recover", "recover_parked", "Deliver what was parked meanwhile, too").form(Form::Is(true)),
            ]),
            Words::new(
                "rotate-secret",
                Verb::Call(SERVICE, "RotateWebhookSecret", Subject::One, Shows::With(words::new_secret)),
                "Give a webhook a new signing secret; the old one keeps signing for the overlap",
            ).flags(&[
                Flag::new("secret", "signing_secret", "The new secret, or @FILE; made when left out")
                    .env("WATCHBELL_SIGNING_SECRET").form(Form::Secret),
                Flag::new("overlap", "overlap", "How long the old one keeps signing; 24h when left out").value("DURATION"),
            ]),
        ],
        kinds: &[
            Kind("slack", "slack", "A Slack channel, by an incoming webhook"),
            Kind("teams", "teams", "A Microsoft Teams channel, by a Workflow's URL or an old connector's"),
            Kind("email", "email", "Addresses, by the platform's mail server or the team's own"),
            Kind("webhook", "webhook", "An HTTPS endpoint that gets signed JSON"),
            Kind("in-app", "in_app", "The in-app inbox"),
        ],
        groups: flags::GROUPS,
        columns: &[
            Column::Field("KIND", "kind"),
            Column::Field("NAME", "display_name"),
            Column::With("STATE", words::state),
            Column::Field("DEFAULT", "is_default"),
            Column::With("GOES TO", words::goes_to),
            Column::Id("ID", "id"),
        ],
        empty: "no channels; `watchbell channels create --help` shows the kinds",
        lines: &[
            Column::Id("id", "id"),
            Column::Field("name", "display_name"),
            Column::Field("kind", "kind"),
            Column::Field("description", "description"),
            Column::With("state", words::state),
            Column::Field("note", "health_message"),
            Column::Field("default", "is_default"),
            Column::With("goes to", words::goes_to),
            Column::With("subscribed", words::subscribed),
            Column::With("headers", words::headers),
            Column::With("secrets", words::secrets),
            Column::With("public key", words::public_key),
            Column::With("mail server", words::mail_server),
            Column::With("unconfirmed", words::unconfirmed),
            Column::With("alerts", words::alerts),
            Column::With("quiet", words::quiet),
            Column::With("storm", words::storm),
            Column::With("retries", words::retries),
            Column::Field("created", "create_time"),
            Column::Field("updated", "update_time"),
        ],
        once: Some(("signing_secret", "signing secret")),
        owns: &[Owned {
            list: (DISPATCHER, "ListDeliveries"),
            message: "watchbell.dispatcher.v1.Delivery",
            names: ["waiting delivery", "waiting deliveries"],
            narrow: |request| {
                let waiting = [
                    DeliveryState::Pending,
                    DeliveryState::Held,
                    DeliveryState::Parked,
                    DeliveryState::Folded,
                ];
                let waiting = waiting.map(|state| Value::EnumNumber(state as i32));
                rpc::set(request, "states", Value::List(waiting.into()));
            },
        }],
        ..Resource::BARE
    };
}
