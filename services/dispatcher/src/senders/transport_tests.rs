//! Sends to stand-ins that speak the real protocols and judge what they get by rules of their own.

use std::sync::OnceLock;
use std::time::Duration;

use watchbell_contracts::config::v1::{ChannelSecrets, EmailDestination, HttpHeader, SigningSecret};
use watchbell_egress::EgressPolicy;
use watchbell_model::ChannelKind;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::clock::SystemClock;
use watchbell_model::ids::{ChannelId, MemberId};
use watchbell_model::mention::{Mention, TeamsUser};
use watchbell_model::route::{Reason, Route};
use watchbell_testkit::{
    AfterData, Behaviour, Check, Reply, SlackReply, SlackStandIn, SmtpStandIn, TeamsReply, TeamsStandIn,
    WebhookReceiver,
};

use super::*;
use crate::senders::{AttemptOutcome, fixtures};

const LATER: AttemptOutcome = AttemptOutcome::Retryable { retry_after: None };
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn senders(policy: EgressPolicy, platform_mail: Option<SmtpServer>) -> Senders {
    let guard = Guard::new(policy);
    let brand = Brand {
        from_address: "alerts@bell.example.com".to_owned(),
        public_url: "https://bell.example.com".parse().unwrap(),
        ..Brand::default()
    };
    Senders::new(SenderDeps {
        http: HttpClient::new(guard.clone()),
        smtp: SmtpSender::new(guard.clone()),
        guard,
        clock: SystemClock::shared(),
        brand: Arc::new(brand),
        platform_mail,
        unsubscribe: UnsubscribeKeys::new([Secret::from("a key of many bytes")]).unwrap(),
    })
    .unwrap()
}

fn local() -> Senders {
    senders(EgressPolicy::allowing_loopback(), None)
}

fn outgoing(event: AcceptedEvent, kind: ChannelKind, target: Target) -> Message {
    let reason = Reason {
        sentence: "You asked for it.".into(),
        ..Reason::default()
    };
    Message {
        delivery_id: fixtures::delivery(),
        attempt_number: 1,
        event: Arc::new(event),
        route: Arc::new(Route {
            kind,
            target,
            reason,
            mentions: Vec::new(),
        }),
        recipients: Vec::new(),
        now: fixtures::noon(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
    }
}

fn to_channel(event: AcceptedEvent, kind: ChannelKind) -> Message {
    outgoing(
        event,
        kind,
        Target::Channel(ChannelId::generate(fixtures::noon())),
    )
}

fn channel(destination: Destination, secrets: ChannelSecrets) -> ResolvedChannel {
    let channel = config::Channel {
        destination: Some(destination),
        ..config::Channel::default()
    };
    ResolvedChannel {
        team_id: fixtures::team(),
        via: Via::Channel {
            channel: Box::new(channel),
            secrets: Box::new(secrets),
        },
        timeout: Duration::from_secs(5),
        url: OnceLock::new(),
    }
}

fn at_url(destination: Destination, url: &str) -> ResolvedChannel {
    channel(
        destination,
        ChannelSecrets {
            url: url.to_owned(),
            ..ChannelSecrets::default()
        },
    )
}

fn slack_at(url: &str) -> ResolvedChannel {
    at_url(Destination::Slack(config::SlackDestination::default()), url)
}

fn teams_at(url: &str) -> ResolvedChannel {
    at_url(Destination::Teams(config::TeamsDestination::default()), url)
}

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

fn mail_at(smtp: &SmtpStandIn, recipients: &[&str]) -> ResolvedChannel {
    let destination = EmailDestination {
        recipients: recipients.iter().map(|&address| address.to_owned()).collect(),
        smtp: Some(config::SmtpServer {
            host: smtp.host(),
            port: smtp.port().into(),
            from_address: "team@acme.example".to_owned(),
            security: SmtpSecurity::None.into(),
            ..config::SmtpServer::default()
        }),
        ..EmailDestination::default()
    };
    channel(Destination::Email(destination), ChannelSecrets::default())
}

/// Neither the result nor anything in it may hold any of these.
fn shows_none_of(result: &AttemptResult, secrets: &[&str]) {
    let all = format!("{result:?}");
    for secret in secrets {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

// === Slack ===

#[tokio::test]
async fn slack_takes_every_message_hostile_ones_and_summaries_included() {
    let slack = SlackStandIn::start().await.unwrap();
    let channel = slack_at(&slack.any_webhook_url());
    for event in [
        fixtures::event("finding.created"),
        fixtures::hostile(),
        fixtures::summary(2_000),
        AcceptedEvent {
            test: true,
            ..fixtures::event("scan.failed")
        },
    ] {
        let mut outgoing = to_channel(event, ChannelKind::Slack);
        Arc::make_mut(&mut outgoing.route).mentions =
            vec![Mention::Here, Mention::SlackUser("U012AB3CD".parse().unwrap())];
        let result = local().send(&outgoing, &channel).await;
        assert_eq!(result.outcome, AttemptOutcome::Delivered, "{result:?}");
        assert_eq!((result.status_code, result.response_body.as_str()), (200, "ok"));
        assert!(result.latency > Duration::ZERO);
    }
    assert_eq!(slack.messages().len(), 4);
}

#[tokio::test]
async fn a_slack_url_is_a_secret_and_a_removed_webhook_breaks_the_channel() {
    let slack = SlackStandIn::start().await.unwrap();
    let url = slack.any_webhook_url();
    slack.revoke_webhook(&url);
    let result = local()
        .send(
            &to_channel(fixtures::event("finding.created"), ChannelKind::Slack),
            &slack_at(&url),
        )
        .await;
    assert_eq!(
        (result.outcome, result.channel_broken),
        (AttemptOutcome::Permanent, true)
    );
    assert_eq!(result.error_code, "slack.no_service");
    shows_none_of(&result, &["/services/"]);
}

#[tokio::test]
async fn slacks_retry_after_is_passed_on() {
    let slack = SlackStandIn::start().await.unwrap();
    slack.reply_next(SlackReply::RateLimited(7));
    let outgoing = to_channel(fixtures::event("finding.created"), ChannelKind::Slack);
    let result = local().send(&outgoing, &slack_at(&slack.any_webhook_url())).await;
    assert_eq!(
        result.outcome,
        AttemptOutcome::Retryable {
            retry_after: Some(Duration::from_secs(7))
        }
    );
}

// === Teams ===

#[tokio::test]
async fn teams_takes_every_card_by_both_doors() {
    let teams = TeamsStandIn::start().await.unwrap();
    for event in [
        fixtures::event("finding.created"),
        fixtures::hostile(),
        fixtures::summary(2_000),
    ] {
        let mut outgoing = to_channel(event, ChannelKind::Teams);
        let boss = Mention::TeamsUser(TeamsUser {
            id: "boss@acme.example".to_owned(),
            name: "Boss".to_owned(),
        });
        Arc::make_mut(&mut outgoing.route).mentions = vec![boss];
        let workflow = local().send(&outgoing, &teams_at(&teams.workflow_url())).await;
        assert_eq!(workflow.outcome, AttemptOutcome::Accepted, "{workflow:?}");
        let connector = local().send(&outgoing, &teams_at(&teams.connector_url())).await;
        assert_eq!(connector.outcome, AttemptOutcome::Delivered, "{connector:?}");
    }
    assert_eq!(teams.messages().len(), 6);
    assert!(teams.messages().iter().all(|message| message.bytes < 20_000));
}

#[tokio::test]
async fn a_throttle_that_a_connector_hides_is_tried_again() {
    let teams = TeamsStandIn::start().await.unwrap();
    teams.reply_next(TeamsReply::HiddenError(429));
    let outgoing = to_channel(fixtures::event("finding.created"), ChannelKind::Teams);
    let result = local().send(&outgoing, &teams_at(&teams.connector_url())).await;
    assert_eq!(
        (result.outcome, result.error_code.as_str()),
        (LATER, "teams.rate_limited")
    );
}

// === webhooks ===

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

// === email ===

fn person(address: &str) -> Target {
    let member = MemberId::generate(fixtures::noon());
    Target::Person {
        member,
        address: address.to_owned(),
        topic: "findings".to_owned(),
        channel: None,
    }
}

#[tokio::test]
async fn a_person_gets_one_message_by_the_teams_server_with_one_click_to_stop() {
    let smtp = SmtpStandIn::start().await.unwrap();
    let outgoing = outgoing(
        fixtures::event("finding.created"),
        ChannelKind::Email,
        person("ann@example.com"),
    );
    let result = local()
        .send(&outgoing, &mail_at(&smtp, &["not@this.example"]))
        .await;
    assert_eq!(
        (result.outcome, result.status_code),
        (AttemptOutcome::Accepted, 250),
        "{result:?}"
    );
    let mail = &smtp.received()[0];
    assert_eq!(
        (mail.from.as_str(), &mail.to[..]),
        ("team@acme.example", &["ann@example.com".to_owned()][..])
    );
    let parsed = mail_parser::MessageParser::default().parse(&mail.raw).unwrap();
    assert_eq!(
        parsed.subject(),
        Some("[Critical] Public S3 bucket with customer data")
    );
    assert_eq!(
        parsed.message_id(),
        Some(format!("{}@acme.example", fixtures::delivery()).as_str())
    );
    let text = mail.text();
    assert!(text.contains("List-Unsubscribe: <https://bell.example.com/unsubscribe?token="));
    assert!(text.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"));
    assert!(
        parsed
            .body_html(0)
            .unwrap()
            .contains("Unsubscribe from emails about findings")
    );
    assert!(parsed.body_text(0).unwrap().contains("You asked for it."));
}

#[tokio::test]
async fn without_a_server_of_the_teams_mail_goes_by_the_platforms() {
    let smtp = SmtpStandIn::start().await.unwrap();
    let server = SmtpServer {
        host: smtp.host(),
        port: smtp.port(),
        username: None,
        password: None,
        security: Security::None,
    };
    let platform = senders(EgressPolicy::allowing_loopback(), Some(server));
    let channel = ResolvedChannel {
        team_id: fixtures::team(),
        via: Via::PlatformMail,
        timeout: Duration::from_secs(5),
        url: OnceLock::new(),
    };
    let to = Target::Address {
        address: "officer@example.com".to_owned(),
        channel: None,
    };
    let outgoing = outgoing(
        fixtures::event("compliance.receipt.issued"),
        ChannelKind::Email,
        to,
    );
    assert_eq!(
        platform.send(&outgoing, &channel).await.outcome,
        AttemptOutcome::Accepted
    );
    let mail = &smtp.received()[0];
    assert_eq!(mail.from, "alerts@bell.example.com");
    assert!(!mail.text().contains("List-Unsubscribe"), "a receipt is a record");
    let result = local().send(&outgoing, &channel).await;
    assert_eq!(
        (result.outcome, result.error_code.as_str()),
        (AttemptOutcome::Permanent, "smtp.no_server")
    );
}

#[tokio::test]
async fn an_email_that_asks_to_confirm_has_a_link_for_its_recipient_alone() {
    let smtp = SmtpStandIn::start().await.unwrap();
    let server = SmtpServer {
        host: smtp.host(),
        port: smtp.port(),
        username: None,
        password: None,
        security: Security::None,
    };
    let platform = senders(EgressPolicy::allowing_loopback(), Some(server));
    let channel = ResolvedChannel {
        team_id: fixtures::team(),
        via: Via::PlatformMail,
        timeout: Duration::from_secs(5),
        url: OnceLock::new(),
    };
    let to = Target::Address {
        address: "ann@elsewhere.example".to_owned(),
        channel: None,
    };
    let mut outgoing = outgoing(fixtures::event("recipient.confirmation"), ChannelKind::Email, to);
    // Whoever emits an event of that type, the link is not made for.
    platform.send(&outgoing, &channel).await;
    assert!(!smtp.received()[0].text().contains("/confirm"));

    Arc::make_mut(&mut outgoing.route).reason.code = "recipient_confirmation".into();
    let result = platform.send(&outgoing, &channel).await;
    assert_eq!(result.outcome, AttemptOutcome::Accepted);
    assert!(
        !format!("{result:?}").contains("token="),
        "the log does not have it"
    );
    let text = smtp.received()[1].text();
    assert!(
        !text.contains("List-Unsubscribe") && text.contains("Acme"),
        "{text}"
    );
    // Quoted-printable breaks lines.
    let text = text.replace("=\r\n", "").replace("=3D", "=");
    let (_, link) = text
        .split_once("https://bell.example.com/confirm?token=")
        .expect("a link");
    let token: String = link
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .collect();
    let keys = UnsubscribeKeys::new([Secret::from("a key of many bytes")]).unwrap();
    let confirmation = Confirmation::verify(&keys, &token).unwrap();
    assert_eq!(confirmation.address.as_str(), "ann@elsewhere.example");
    assert_eq!(confirmation.team, fixtures::team());
}

#[tokio::test]
async fn one_bad_mailbox_of_a_channel_blocks_no_other() {
    let smtp = SmtpStandIn::start().await.unwrap();
    smtp.answer_recipient("gone@acme.example", 550, "5.1.1 no such user");
    let channel = mail_at(
        &smtp,
        &[
            "gone@acme.example",
            "ann@acme.example",
            "ANN@acme.example",
            "lee@acme.example",
        ],
    );
    let result = local()
        .send(
            &to_channel(fixtures::event("scan.failed"), ChannelKind::Email),
            &channel,
        )
        .await;
    assert_eq!(
        (result.outcome, result.error_code.as_str()),
        (AttemptOutcome::Permanent, "smtp.550")
    );
    assert!(
        result
            .error
            .contains("2 of 3 recipients have it; not: gone@acme.example"),
        "{}",
        result.error
    );
    assert_eq!(smtp.received().len(), 2);
    let ids: HashSet<_> = smtp
        .received()
        .iter()
        .map(|mail| {
            let parsed = mail_parser::MessageParser::default().parse(&mail.raw).unwrap();
            parsed.message_id().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids.len(), 2);
}

#[tokio::test]
async fn a_mail_server_that_falls_silent_after_the_message_leaves_it_open() {
    let smtp = SmtpStandIn::start().await.unwrap();
    smtp.after_next_data(AfterData::Hang);
    let mut channel = mail_at(&smtp, &[]);
    channel.timeout = Duration::from_millis(500);
    let outgoing = outgoing(
        fixtures::event("scan.failed"),
        ChannelKind::Email,
        person("ann@example.com"),
    );
    let result = local().send(&outgoing, &channel).await;
    assert_eq!((result.outcome, result.ambiguous), (LATER, true));
}

#[tokio::test]
async fn hostile_event_text_reaches_the_mailbox_as_text() {
    let smtp = SmtpStandIn::start().await.unwrap();
    let outgoing = outgoing(fixtures::hostile(), ChannelKind::Email, person("ann@example.com"));
    assert_eq!(
        local().send(&outgoing, &mail_at(&smtp, &[])).await.outcome,
        AttemptOutcome::Accepted
    );
    let raw = &smtp.received()[0].raw;
    let parsed = mail_parser::MessageParser::default().parse(raw).unwrap();
    assert!(parsed.bcc().is_none());
    assert_eq!(
        parsed.to().unwrap().first().unwrap().address(),
        Some("ann@example.com")
    );
    assert_eq!(
        parsed.date().unwrap().to_timestamp(),
        fixtures::noon().timestamp()
    );
}
