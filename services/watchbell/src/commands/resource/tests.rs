use std::collections::HashMap;

use clap::Command as Words;
use prost_reflect::MessageDescriptor;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::rule::Action as Then;
use watchbell_contracts::config::v1::{
    Channel, EmailDestination, EventFilter, InAppDestination, QuietHours, Rule, SendAction, SilenceAction,
    SlackDestination, SmtpSecurity, WebhookDestination, WebhookEnvelope,
};

use super::*;
use crate::commands::catalog::Catalog;
use crate::commands::channels::Channels;
use crate::commands::keys::Keys;
use crate::commands::members::Members;
use crate::commands::mentions::Mentions;
use crate::commands::rules::Rules;
use crate::commands::teams::Teams;
use crate::input;
use crate::session::Out;

const ALL: [&Resource; 7] = [
    Catalog::RESOURCE,
    Channels::RESOURCE,
    Keys::RESOURCE,
    Members::RESOURCE,
    Mentions::RESOURCE,
    Rules::RESOURCE,
    Teams::RESOURCE,
];

#[test]
fn descriptions_name_fields_and_rpcs_that_exist() {
    let has = |message: &MessageDescriptor, path: &str| {
        let name = message.full_name();
        assert!(fields::descend(message, path).is_some(), "{name} has no {path}");
    };
    let mentions = |message: &MessageDescriptor, resource: &Resource| {
        let name = message.full_name();
        assert!(
            rpc::field_of(message, resource.message).is_some(),
            "{name} has no {}",
            resource.message
        );
    };
    for resource in ALL {
        let message = rpc::message(resource.message).unwrap();
        for words in resource.commands {
            let method = words.method(resource).unwrap();
            let (request, answer) = (method.input(), method.output());
            words.flags.iter().for_each(|flag| has(&request, flag.field));
            match words.verb {
                Verb::List => mentions(&answer, resource),
                Verb::Show => {
                    has(&request, resource.which.field);
                    mentions(&answer, resource);
                }
                Verb::Create | Verb::Update => {
                    mentions(&request, resource);
                    mentions(&answer, resource);
                }
                Verb::Delete | Verb::Call(_, _, Subject::One, _) => has(&request, resource.which.field),
                Verb::Call(_, _, Subject::Draft, _) => mentions(&request, resource),
                Verb::Call(_, _, Subject::Team, _) => has(&request, "team_id"),
            }
            if let Verb::Call(_, _, _, Shows::One | Shows::List) = words.verb {
                mentions(&answer, resource);
            }
            if let (Verb::Create, Some((field, _))) = (words.verb, resource.once) {
                has(&answer, field);
            }
        }
        resource.kinds.iter().for_each(|kind| has(&message, kind.1));
        for group in resource.groups {
            assert!(
                group
                    .kind
                    .is_none_or(|of| resource.kinds.iter().any(|kind| kind.1 == of))
            );
            group
                .flags
                .iter()
                .for_each(|flag| has(&message, &group.path(flag)));
        }
        for column in resource.columns.iter().chain(resource.lines) {
            if let Column::Field(_, field) | Column::Id(_, field) = column {
                has(&message, field);
            }
        }
    }
}

/// The flags of a line, as `put` takes them.
fn read<R: Described>(line: &str) -> Action<R> {
    let words = Action::<R>::augment_subcommands(Words::new("resource"));
    let matches = words.try_get_matches_from(std::iter::once("resource").chain(line.split_whitespace()));
    Action::from_arg_matches(&matches.unwrap()).unwrap()
}

/// What a line makes.
async fn created<R: Described, M: Message + Default>(line: &str) -> M {
    let draft = read::<R>(line).draft(&Session::offline()).await;
    draft.unwrap().transcode_to().unwrap()
}

/// What a line changes of a channel: the channel, and the paths of the mask.
async fn changed(line: &str, channel: Channel) -> Outcome<(Channel, Vec<String>)> {
    let action = read::<Channels>(line);
    let mut item = DynamicMessage::new(rpc::message(Channels::RESOURCE.message)?);
    item.transcode_from(&channel).unwrap();
    let session = Session::offline();
    let paths = fields::put(&session, Channels::RESOURCE, true, &action.given, &mut item).await?;
    Ok((item.transcode_to().unwrap(), paths))
}

#[tokio::test]
async fn a_webhook_takes_its_filter_headers_and_envelope() {
    let channel: Channel = created::<Channels, _>(
        "create webhook --name siem --url https://siem.example/in --events finding.*,scan.failed \
         --severity critical --header X-Team:blue --envelope cloud-events --signing-secret whsec_x",
    )
    .await;
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

#[tokio::test]
async fn an_email_channel_has_a_server_only_when_one_was_named() {
    let server = |channel: Channel| match channel.destination {
        Some(Destination::Email(email)) => email.smtp,
        other => panic!("{other:?}"),
    };
    let without = created::<Channels, _>("create email --name a --to x@y.example,z@y.example").await;
    assert_eq!(server(without), None);
    let with = "create email --name a --smtp-host mail.example --smtp-security none";
    let with = created::<Channels, _>(with).await;
    assert_eq!(server(with).unwrap().security, SmtpSecurity::None as i32);
}

#[tokio::test]
async fn a_channel_without_flags_of_its_kind_still_has_its_kind() {
    let channel: Channel = created::<Channels, _>("create in-app --name x").await;
    assert_eq!(channel.destination, Some(Destination::InApp(InAppDestination {})));
}

#[tokio::test]
async fn an_update_names_exactly_what_it_changes() {
    let of = |destination| Channel {
        destination: Some(destination),
        ..Channel::default()
    };
    let slack = of(Destination::Slack(SlackDestination::default()));
    let line = "update x --url https://new --pause --no-quiet --storm off";
    let (channel, paths) = changed(line, slack).await.unwrap();
    assert_eq!(
        paths,
        ["paused", "quiet_hours", "slack.webhook_url", "storm_control"]
    );
    assert!(channel.paused && channel.delivery.is_none());

    let webhook = of(Destination::Webhook(WebhookDestination::default()));
    let (_, paths) = changed("update x --type scan.*", webhook).await.unwrap();
    assert_eq!(paths, ["webhook.filter.types"]);

    for flags in ["--url https://new", "--to a@b.example", "--signing-secret x"] {
        let inbox = of(Destination::InApp(InAppDestination {}));
        let refused = changed(&format!("update x {flags}"), inbox).await;
        assert_eq!(refused.unwrap_err().exit_code(), 2, "{flags}");
    }
}

#[tokio::test]
async fn an_update_of_one_part_leaves_the_others() {
    let channel = Channel {
        quiet_hours: Some(QuietHours {
            windows: vec![input::window("22:00-07:00").unwrap()],
            time_zone: "Europe/Berlin".to_owned(),
            ..QuietHours::default()
        }),
        destination: Some(Destination::Email(EmailDestination::default())),
        ..Channel::default()
    };
    let (channel, paths) = changed("update x --coalesce --retry 1s", channel).await.unwrap();
    assert_eq!(paths, ["quiet_hours.coalesce", "delivery.retry_delays"]);
    let quiet = channel.quiet_hours.unwrap();
    assert!(quiet.coalesce && quiet.time_zone == "Europe/Berlin" && quiet.windows.len() == 1);
    assert_eq!(channel.delivery.unwrap().retry_delays.len(), 1);
}

#[tokio::test]
async fn a_rule_is_named_after_what_it_does() {
    let rule: Rule = created::<Rules, _>("create --type audit.delivered --silence").await;
    assert_eq!(rule.display_name, "audit.delivered → silent");
    assert_eq!(rule.action, Some(Then::Silence(SilenceAction::default())));
    let rule: Rule = created::<Rules, _>("create --name x --silence slack").await;
    assert_eq!(rule.display_name, "x");
    assert_eq!(rule.r#match, Some(EventFilter::default()), "of everything");
}

#[tokio::test]
async fn a_rule_gathers_until_it_is_told_not_to() {
    let line = "create --silence --group-by data.scan_id,type --group-wait 2m";
    let rule: Rule = created::<Rules, _>(line).await;
    let group = rule.group.unwrap();
    assert_eq!(group.by, ["data.scan_id", "type"]);
    assert_eq!((group.wait.unwrap().seconds, group.at_most), (120, 0));
    let rule = Rule {
        group: Some(group),
        ..Rule::default()
    };
    let mut item = DynamicMessage::new(rpc::message(Rules::RESOURCE.message).unwrap());
    item.transcode_from(&rule).unwrap();
    let lines = view::lines(Rules::RESOURCE, &item, &View::default());
    assert!(lines.contains("by data.scan_id, type for 2 min"), "{lines}");

    let action = read::<Rules>("update x --no-group");
    let paths = fields::put(
        &Session::offline(),
        Rules::RESOURCE,
        true,
        &action.given,
        &mut item,
    )
    .await;
    assert_eq!(paths.unwrap(), ["group"]);
    assert_eq!(item.transcode_to::<Rule>().unwrap().group, None);
}

#[test]
fn a_rule_reads_as_a_sentence() {
    let rule = |position, action| Rule {
        id: format!("rul_{position}"),
        display_name: format!("r{position}"),
        position,
        r#match: Some(EventFilter {
            types: vec!["audit.*".to_owned()],
            ..EventFilter::default()
        }),
        action: Some(action),
        continues: position == 2,
        ..Rule::default()
    };
    let rules = [
        rule(
            1,
            Then::Send(SendAction {
                channel_ids: vec!["chn_1".to_owned(), "chn_2".to_owned()],
            }),
        ),
        rule(2, Then::Silence(SilenceAction { kinds: vec![1] })),
    ];
    let items: Vec<_> = rules
        .iter()
        .map(|rule| {
            let mut item = DynamicMessage::new(rpc::message(Rules::RESOURCE.message).unwrap());
            item.transcode_from(rule).unwrap();
            item
        })
        .collect();
    let out = Out {
        json: false,
        style: Style::new(false),
        width: None,
    };
    let view = View {
        style: out.style,
        channels: HashMap::from([("chn_1".to_owned(), "#appsec".to_owned())]),
        ..View::default()
    };
    let lines: Vec<_> = view::table(Rules::RESOURCE, &items, &view, out)
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "# NAME WHEN THEN ID",
            "1 r1 audit.* send to #appsec, chn_2 rul_1",
            "2 r2 audit.* stay silent on slack continues rul_2"
        ]
    );
}
