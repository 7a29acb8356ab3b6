//! What an event looks like as a message, which nobody sends.

use tonic::{Code, Status};
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::dispatcher::v1::render_preview_response::Message;
use watchbell_runtime::problem::from_status;
use watchbell_store::store_tests;

use super::*;
use crate::store::Migrator;

async fn preview(rig: &Rig, request: wire::RenderPreviewRequest) -> Result<Message, Status> {
    let request = wire::RenderPreviewRequest {
        team_id: rig.env.team.to_string(),
        ..request
    };
    let answer = rig.service.render_preview(internal_request(request)).await?;
    Ok(answer.into_inner().message.unwrap())
}

fn by(kind: ChannelKind) -> wire::RenderPreviewRequest {
    wire::RenderPreviewRequest {
        kind: kind.to_wire(),
        ..Default::default()
    }
}

fn to(channel: ChannelId) -> wire::RenderPreviewRequest {
    wire::RenderPreviewRequest {
        channel_id: channel.to_string(),
        ..Default::default()
    }
}

fn typed(event_type: &str) -> Option<event_wire::Event> {
    Some(event_wire::Event {
        r#type: event_type.to_owned(),
        ..Default::default()
    })
}

fn webhook(rig: &Rig) -> ChannelId {
    let channel = rig.env.channel("siem");
    rig.env.config.change(rig.env.team, channel, |channel| {
        let webhook = config::WebhookDestination {
            envelope: config::WebhookEnvelope::CloudEvents.into(),
            headers: vec![config::HttpHeader {
                name: "X-Tenant".to_owned(),
                value: "hunter22".to_owned(),
            }],
            ..Default::default()
        };
        channel.destination = Some(Destination::Webhook(webhook));
    });
    channel
}

fn violated(result: Result<Message, Status>) -> Vec<String> {
    let violations = from_status(&result.unwrap_err()).violations;
    violations
        .iter()
        .map(|violation| violation.field.clone())
        .collect()
}

store_tests! {
    migrator = Migrator;

    async fn an_accepted_event_looks_as_it_was_sent_and_nothing_is_sent_again(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = webhook(&rig);
        let mut submitted = request(&rig.env, "evt-1", &[channel]);
        submitted.routes[0].reason = Some(event_wire::Reason {
            sentence: "The rule “Findings” sends it here.".to_owned(),
            ..Default::default()
        });
        assert_eq!(rig.submit(vec![submitted]).await[0].error, None);
        rig.settle().await;
        let stored = |request| wire::RenderPreviewRequest { event_id: "evt-1".to_owned(), ..request };
        let Message::Webhook(request) = preview(&rig, stored(to(channel))).await.unwrap() else { panic!("a webhook") };
        assert!(request.body.contains(r#""data":{"n":1}"#) && request.body.contains(r#""specversion":"1.0""#));
        let header = |name: &str| request.headers.iter().find(|header| header.name == name).map(|header| header.value.as_str());
        assert_eq!((header("x-tenant"), header("webhook-id")), (Some("***"), Some("evt-1")));
        let Message::SlackJson(json) = preview(&rig, stored(by(ChannelKind::Slack))).await.unwrap() else { panic!("Slack") };
        assert!(json.contains("Finding evt-1"));
        let Message::Email(email) = preview(&rig, stored(by(ChannelKind::Email))).await.unwrap() else { panic!("mail") };
        assert!(email.subject.contains("Finding evt-1") && !email.html.contains("token="));
        assert_eq!(rig.deliveries().await.len(), 1);
    }

    async fn an_event_that_was_not_emitted_is_checked_and_has_its_types_example(store: Store) {
        let rig = Rig::new(&store).await;
        let Message::TeamsJson(card) = preview(&rig, by(ChannelKind::Teams)).await.unwrap() else { panic!("Teams") };
        assert!(card.contains("AdaptiveCard"));
        let draft = |event| wire::RenderPreviewRequest { event, ..by(ChannelKind::Email) };
        let Message::Email(email) = preview(&rig, draft(typed("scan.failed"))).await.unwrap() else { panic!("mail") };
        assert!(!email.subject.contains("[Test]"), "{}", email.subject);
        let wrong = event_wire::Event {
            payload: Some(event_wire::event::Payload::DataJson(br#"{"finding_id":7}"#.to_vec().into())),
            url: "javascript:alert(1)".to_owned(),
            ..typed("finding.created").unwrap()
        };
        assert_eq!(violated(preview(&rig, draft(Some(wrong))).await), ["event.url", "event.data.finding_id"]);
        assert_eq!(violated(preview(&rig, draft(typed("nonsense"))).await), ["event.type"]);
        assert_eq!(violated(preview(&rig, draft(typed(""))).await), ["event.type"]);
        assert_eq!(rig.deliveries().await, []);
    }

    async fn what_goes_not_together_or_is_not_there_is_named(store: Store) {
        let rig = Rig::new(&store).await;
        let channel = webhook(&rig);
        assert_eq!(violated(preview(&rig, wire::RenderPreviewRequest::default()).await), ["channel_id"]);
        let both = wire::RenderPreviewRequest { kind: ChannelKind::Slack.to_wire(), ..to(channel) };
        assert_eq!(violated(preview(&rig, both).await), ["kind"]);
        assert_eq!(violated(preview(&rig, by(ChannelKind::InApp)).await), ["kind"]);
        let both = wire::RenderPreviewRequest { event_id: "evt-1".to_owned(), event: typed("scan.failed"), ..to(channel) };
        assert_eq!(violated(preview(&rig, both).await), ["event"]);
        let receipt = wire::RenderPreviewRequest { event: typed("compliance.receipt.issued"), ..to(channel) };
        assert_eq!(violated(preview(&rig, receipt).await), ["event"]);
        let unknown = wire::RenderPreviewRequest { event_id: "evt-9".to_owned(), ..to(channel) };
        assert_eq!(preview(&rig, unknown).await.unwrap_err().code(), Code::NotFound);
        let theirs = ChannelId::generate(rig.env.now());
        rig.env.config.add(TeamId::generate(rig.env.now()), theirs, ChannelKind::Slack, "theirs");
        assert_eq!(preview(&rig, to(theirs)).await.unwrap_err().code(), Code::NotFound);
    }
}
