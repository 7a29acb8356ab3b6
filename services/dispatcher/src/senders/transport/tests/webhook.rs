use watchbell_contracts::config::v1::{ChannelSecrets, HttpHeader, SigningSecret};
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::alert::{AlertState, AlertStatus};
use watchbell_model::body::PRESETS;
use watchbell_testkit::{Behaviour, Check, Reply, WebhookReceiver, vendors};

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn webhook_at(url: &str, secrets: &[&str], headers: &[(&str, &str)]) -> ResolvedChannel {
    let secrets = ChannelSecrets {
        url: url.to_owned(),
        signing_secrets: secrets
            .iter()
            .map(|secret| SigningSecret {
                secret: (*secret).to_owned(),
                expire_time: None,
            })
            .collect(),
        headers: headers
            .iter()
            .map(|(name, value)| HttpHeader {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
            })
            .collect(),
        ..ChannelSecrets::default()
    };
    channel(
        Destination::Webhook(config::WebhookDestination::default()),
        secrets,
    )
}

#[tokio::test]
async fn a_webhook_request_is_signed_as_an_independent_receiver_verifies() {
    let receiver = WebhookReceiver::builder().secret(SECRET).start().await.unwrap();
    let channel = webhook_at(
        &receiver.url(),
        &["another-live-secret", SECRET],
        &[("X-Tenant", "tenant-secret")],
    );
    let outgoing = to_channel(fixtures::event("finding.created"), ChannelKind::Webhook);
    let result = local().send(&outgoing, &channel).await;
    assert_eq!(result.outcome, AttemptOutcome::Delivered, "{result:?}");
    let received = &receiver.received()[0];
    assert_eq!(
        (received.signatures.brand, received.signatures.standard),
        (Check::Valid, Check::Valid)
    );
    assert_eq!(received.event_id.as_deref(), Some("evt-4711"));
    assert_eq!(received.headers["webhook-id"], "evt-4711");
    assert_eq!(received.headers["x-tenant"], "tenant-secret");
    assert_eq!(
        received.headers["traceparent"],
        outgoing.traceparent.as_deref().unwrap()
    );
    assert_eq!(received.headers["user-agent"], AGENT);
    shows_none_of(&result, &["tenant-secret", SECRET, "another-live-secret"]);
}

#[tokio::test]
async fn during_a_rotation_the_check_of_the_documents_passes_with_either_secret() {
    for (known, expected, requests) in [
        ("the-oldest-secret", AttemptOutcome::Delivered, 1),
        ("the-newest-secret", AttemptOutcome::Delivered, 2),
        ("a-third-secret", AttemptOutcome::Permanent, 2),
    ] {
        let builder = WebhookReceiver::builder().secret(known).refusing_bad_signatures();
        let receiver = builder.start().await.unwrap();
        let channel = webhook_at(&receiver.url(), &["the-newest-secret", "the-oldest-secret"], &[]);
        let outgoing = to_channel(fixtures::event("finding.created"), ChannelKind::Webhook);
        let result = local().send(&outgoing, &channel).await;
        assert_eq!(
            (result.outcome, receiver.count()),
            (expected, requests),
            "{known}: {result:?}"
        );
    }
}

#[tokio::test]
async fn an_endpoint_that_echoes_its_secrets_does_not_get_them_into_the_log() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let url = receiver.url_at("/hook/token-0123456789abcdef");
    let body = format!("no: {url} Bearer tenant-secret {SECRET}");
    receiver.behave(Behaviour::Answer(
        Reply {
            status: http::StatusCode::INTERNAL_SERVER_ERROR,
            ..Reply::default()
        }
        .body(body),
    ));
    let channel = webhook_at(&url, &[SECRET], &[("Authorization", "Bearer tenant-secret")]);
    let result = local()
        .send(
            &to_channel(fixtures::event("scan.failed"), ChannelKind::Webhook),
            &channel,
        )
        .await;
    assert_eq!(
        (result.outcome, result.response_body.as_str()),
        (LATER, "no: *** *** ***")
    );
    shows_none_of(&result, &["tenant-secret", SECRET, "0123456789abcdef"]);
}

#[tokio::test]
async fn an_endpoint_that_echoes_its_signatures_does_not_get_them_into_the_log() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let channel = webhook_at(&receiver.url(), &[SECRET], &[]);
    let outgoing = to_channel(fixtures::event("scan.failed"), ChannelKind::Webhook);
    local().send(&outgoing, &channel).await;
    let got = receiver.received().remove(0).headers;
    let signatures =
        ["webhook-signature", "x-watchbell-signature"].map(|name| got[name].to_str().unwrap().to_owned());
    let body = format!("got {} and {}", signatures[0], signatures[1]);
    receiver.behave(Behaviour::Answer(Reply::default().body(body)));
    let result = local().send(&outgoing, &channel).await;
    assert_eq!(result.response_body, "got v1,*** and ***");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_gone_endpoint_breaks_the_channel() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let channel = webhook_at(&receiver.url(), &[SECRET], &[]);
    let outgoing = to_channel(fixtures::event("scan.failed"), ChannelKind::Webhook);
    receiver.behave(Behaviour::redirect(&receiver.url_at("/elsewhere")));
    assert_eq!(local().send(&outgoing, &channel).await.outcome, LATER);
    assert_eq!(receiver.received_at("/elsewhere").len(), 0);
    receiver.behave(Behaviour::status(410));
    assert!(local().send(&outgoing, &channel).await.channel_broken);
    receiver.behave(Behaviour::retry_after(503, 90));
    let wanted = AttemptOutcome::Retryable {
        retry_after: Some(Duration::from_secs(90)),
    };
    assert_eq!(local().send(&outgoing, &channel).await.outcome, wanted);
}

#[tokio::test]
async fn a_timeout_after_the_request_was_sent_is_ambiguous() {
    let receiver = WebhookReceiver::start().await.unwrap();
    receiver.behave(Behaviour::Hang);
    let mut channel = webhook_at(&receiver.url(), &[SECRET], &[]);
    channel.timeout = Duration::from_millis(200);
    let result = local()
        .send(
            &to_channel(fixtures::event("scan.failed"), ChannelKind::Webhook),
            &channel,
        )
        .await;
    assert_eq!(
        (result.outcome, result.ambiguous, result.status_code),
        (LATER, true, 0)
    );
    assert_eq!(result.error_code, "timeout");
}

#[tokio::test]
async fn an_address_that_is_not_public_is_refused_for_good_and_not_dialled() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let strict = senders(EgressPolicy::default(), None);
    let outgoing = to_channel(fixtures::event("scan.failed"), ChannelKind::Webhook);
    let result = strict
        .send(&outgoing, &webhook_at(&receiver.url(), &[SECRET], &[]))
        .await;
    assert_eq!(result.outcome, AttemptOutcome::Permanent);
    assert!(result.error_code.starts_with("refused."), "{}", result.error_code);
    shows_none_of(&result, &["/hook"]);
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn nothing_is_sent_unsigned() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let outgoing = to_channel(fixtures::event("scan.failed"), ChannelKind::Webhook);
    let result = local()
        .send(&outgoing, &webhook_at(&receiver.url(), &[], &[]))
        .await;
    assert_eq!(
        (result.error_code.as_str(), receiver.count()),
        ("webhook.no_secret", 0)
    );
}

/// A channel with a body of its own, or a preset.
fn laid_out_at(url: &str, body: &str, preset: &str, headers: &[(&str, &str)]) -> ResolvedChannel {
    let mut channel = webhook_at(url, &[SECRET], headers);
    if let Via::Channel { channel, .. } = &mut channel.via {
        channel.destination = Some(Destination::Webhook(config::WebhookDestination {
            body: body.to_owned(),
            preset: preset.to_owned(),
            ..config::WebhookDestination::default()
        }));
    }
    channel
}

/// Events at the limits of what is accepted.
fn extremes() -> Vec<AcceptedEvent> {
    let longest = AcceptedEvent {
        title: "\u{1f4a5}".repeat(300),
        subject: "s".repeat(256),
        url: format!("https://app.example.com/{}", "x".repeat(2_000)),
        data: r#"{"deep": {"list": [1, 2.5, null, "<b>"]}}"#.to_owned(),
        ..fixtures::event("finding.created")
    };
    let emptiest = AcceptedEvent {
        title: "t".to_owned(),
        subject: String::new(),
        url: String::new(),
        source: String::new(),
        data: "{}".to_owned(),
        ..fixtures::event("finding.created")
    };
    vec![
        fixtures::event("finding.created"),
        fixtures::hostile(),
        longest,
        emptiest,
    ]
}

#[tokio::test]
async fn every_preset_sends_what_its_service_takes() {
    let secrets = [
        ("X-Routing-Key", "0123456789abcdef0123456789abcdef"),
        ("Authorization", "Splunk 00000000-0000-0000-0000-000000000000"),
        ("X-Chat-Id", "-1001234567890"),
    ];
    for preset in PRESETS {
        let receiver = WebhookReceiver::builder().secret(SECRET).start().await.unwrap();
        let headers: Vec<_> = secrets
            .into_iter()
            .filter(|(name, _)| preset.headers.contains(name))
            .collect();
        assert_eq!(headers.len(), preset.headers.len(), "{}", preset.name);
        let channel = laid_out_at(&receiver.url(), "", preset.name, &headers);
        for event in extremes() {
            let outgoing = to_channel(event, ChannelKind::Webhook);
            let result = local().send(&outgoing, &channel).await;
            assert_eq!(
                result.outcome,
                AttemptOutcome::Delivered,
                "{}: {result:?}",
                preset.name
            );
            let received = receiver.received().pop().unwrap();
            assert_eq!(received.signatures.standard, Check::Valid);
            assert_eq!(received.headers["content-type"], "application/json");
            vendors::check(preset.name, &received.headers, &received.body)
                .unwrap_or_else(|why| panic!("{}: {why}", preset.name));
        }
    }
}

#[tokio::test]
async fn the_events_of_an_alert_are_one_incident_that_its_end_resolves() {
    let receiver = WebhookReceiver::builder().secret(SECRET).start().await.unwrap();
    let key = ("X-Routing-Key", "0123456789abcdef0123456789abcdef");
    let channel = laid_out_at(&receiver.url(), "", "pagerduty", &[key]);
    for (state, action) in [
        (AlertState::Open, "trigger"),
        (AlertState::Acknowledged, "acknowledge"),
        (AlertState::Snoozed, "acknowledge"),
        (AlertState::Resolved, "resolve"),
    ] {
        let status = AlertStatus {
            key: "finding_id=F-1".parse().unwrap(),
            state,
            opened: None,
            count: 2,
            news: None,
            still_open: None,
        };
        let event = AcceptedEvent {
            alert_status: status.into(),
            ..fixtures::event("finding.created")
        };
        let outgoing = to_channel(event, ChannelKind::Webhook);
        assert_eq!(
            local().send(&outgoing, &channel).await.outcome,
            AttemptOutcome::Delivered
        );
        let received = receiver.received().pop().unwrap();
        vendors::check("pagerduty", &received.headers, &received.body).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&received.body).unwrap();
        assert_eq!(body["event_action"], action);
        assert_eq!(body["dedup_key"], "finding_id=F-1");
    }
}

#[tokio::test]
async fn the_events_of_an_alert_are_one_finding_that_is_made_updated_and_closed() {
    let receiver = WebhookReceiver::builder().secret(SECRET).start().await.unwrap();
    let channel = laid_out_at(&receiver.url(), "", "ocsf", &[]);
    let sent = async |status: Option<AlertStatus>| {
        let event = AcceptedEvent {
            alert_status: status.map(Into::into).unwrap_or_default(),
            ..fixtures::event("finding.created")
        };
        let outgoing = to_channel(event, ChannelKind::Webhook);
        assert_eq!(
            local().send(&outgoing, &channel).await.outcome,
            AttemptOutcome::Delivered
        );
        let received = receiver.received().pop().unwrap();
        vendors::check("ocsf", &received.headers, &received.body).unwrap();
        serde_json::from_slice::<serde_json::Value>(&received.body).unwrap()
    };
    for (state, count, activity, name, status) in [
        (AlertState::Open, 1, 1, "Create", "New"),
        (AlertState::Open, 2, 2, "Update", "New"),
        (AlertState::Acknowledged, 1, 2, "Update", "In Progress"),
        (AlertState::Snoozed, 1, 2, "Update", "In Progress"),
        (AlertState::Resolved, 1, 3, "Close", "Resolved"),
    ] {
        let body = sent(Some(AlertStatus {
            key: "finding_id=F-1".parse().unwrap(),
            state,
            opened: None,
            count,
            news: None,
            still_open: None,
        }))
        .await;
        assert_eq!(body["activity_id"], activity);
        assert_eq!(body["type_uid"], 200_400 + activity);
        assert_eq!(body["type_name"], format!("Detection Finding: {name}"));
        assert_eq!(
            (&body["activity_name"], &body["status"]),
            (&name.into(), &status.into())
        );
        assert_eq!(body["finding_info"]["uid"], "finding_id=F-1");
        assert_eq!(body["finding_info"]["created_time"].is_null(), activity != 1);
        assert_eq!(body["finding_info"]["modified_time"].is_null(), activity == 1);
    }
    let alone = sent(None).await;
    assert_eq!(
        (&alone["activity_id"], &alone["status_id"]),
        (&1.into(), &1.into())
    );
    assert_eq!(alone["finding_info"]["uid"], alone["metadata"]["uid"]);
}

#[tokio::test]
async fn a_body_of_ones_own_is_what_is_sent_and_signed() {
    let receiver = WebhookReceiver::builder().secret(SECRET).start().await.unwrap();
    let document = r#"{"text": "${event.severity}: ${event.type}", "key": "${headers['x-key']}"}"#;
    let channel = laid_out_at(&receiver.url(), document, "", &[("X-Key", "a-secret-value")]);
    let outgoing = to_channel(fixtures::event("finding.created"), ChannelKind::Webhook);
    let result = local().send(&outgoing, &channel).await;
    assert_eq!(result.outcome, AttemptOutcome::Delivered, "{result:?}");
    let received = &receiver.received()[0];
    assert_eq!(received.signatures.standard, Check::Valid);
    assert_eq!(
        std::str::from_utf8(&received.body).unwrap(),
        r#"{"key":"a-secret-value","text":"CRITICAL: finding.created"}"#
    );
    shows_none_of(&result, &["a-secret-value"]);
}

#[tokio::test]
async fn a_body_that_cannot_be_made_fails_for_good_and_says_why_without_secrets() {
    let receiver = WebhookReceiver::start().await.unwrap();
    let outgoing = to_channel(fixtures::event("finding.created"), ChannelKind::Webhook);
    let headers = [("X-Key", "a-secret-value")];
    for (body, preset, code, says) in [
        (
            r#"{"a": ["${event.data.missing.deeper}"]}"#,
            "",
            "webhook.body",
            "at `a[0]` failed",
        ),
        (
            r#"{"key": "${headers['x-key']}", "a": "${event.data.none.deeper}"}"#,
            "",
            "webhook.body",
            "at `a` failed",
        ),
        (
            r#"{"a": "${event."#,
            "",
            "webhook.body",
            "must be a JSON document",
        ),
        ("", "pigeon", "webhook.body", "no preset `pigeon`"),
    ] {
        let channel = laid_out_at(&receiver.url(), body, preset, &headers);
        let result = local().send(&outgoing, &channel).await;
        assert_eq!(
            (result.outcome, result.error_code.as_str()),
            (AttemptOutcome::Permanent, code),
            "{body}: {result:?}"
        );
        assert!(result.error.contains(says), "{}", result.error);
        shows_none_of(&result, &["a-secret-value"]);
    }
    assert_eq!(receiver.count(), 0, "nothing was sent");
}
