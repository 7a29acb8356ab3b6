use watchbell_contracts::config::v1::{ChannelSecrets, EmailDestination};
use watchbell_model::alert_link::AlertLink;
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_testkit::{AfterData, SmtpStandIn};

use super::*;

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

/// Senders of a platform with a mail server, and the channel of those who have none of their own.
fn platform_at(smtp: &SmtpStandIn) -> (Senders, ResolvedChannel) {
    let server = SmtpServer {
        host: smtp.host(),
        port: smtp.port(),
        username: None,
        password: None,
        security: Security::None,
    };
    let channel = ResolvedChannel {
        team_id: fixtures::team(),
        via: Via::PlatformMail,
        timeout: Duration::from_secs(5),
        url: OnceLock::new(),
        body: Arc::default(),
    };
    let platform = senders(EgressPolicy::allowing_loopback(), Some(server));
    (platform, channel)
}

fn person(address: &str) -> Target {
    let member = MemberId::generate(fixtures::noon());
    Target::Person {
        member,
        address: address.to_owned(),
        topic: "findings".to_owned(),
        channel: None,
    }
}

/// The token of the first link of a mail that begins so.
fn token_in(text: &str, link: &str) -> String {
    // Quoted-printable breaks lines.
    let text = text.replace("=\r\n", "").replace("=3D", "=");
    let (_, rest) = text.split_once(link).expect("a link");
    rest.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .collect()
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
    let (platform, channel) = platform_at(&smtp);
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
    let (platform, channel) = platform_at(&smtp);
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
    let token = token_in(&text, "https://bell.example.com/confirm?token=");
    let keys = UnsubscribeKeys::new([Secret::from("a key of many bytes")]).unwrap();
    let confirmation = Confirmation::verify(&keys, &token).unwrap();
    assert_eq!(confirmation.address.as_str(), "ann@elsewhere.example");
    assert_eq!(confirmation.team, fixtures::team());
}

#[tokio::test]
async fn a_mail_about_an_open_alert_has_a_link_for_its_mailbox_alone() {
    let smtp = SmtpStandIn::start().await.unwrap();
    let outgoing = outgoing(
        fixtures::open_alert(),
        ChannelKind::Email,
        person("ann@example.com"),
    );
    let result = local().send(&outgoing, &mail_at(&smtp, &[])).await;
    assert_eq!(result.outcome, AttemptOutcome::Accepted);
    let token = token_in(
        &smtp.received()[0].text(),
        "https://bell.example.com/acknowledge?token=",
    );
    let link = AlertLink::verify(&local().deps.link_keys, &token).unwrap();
    assert_eq!(
        link.holder,
        LinkHolder::Mailbox("ann@example.com".parse().unwrap())
    );
    assert!(
        !format!("{result:?}").contains(&token),
        "the log does not have it"
    );
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

#[tokio::test]
async fn teams_share_connections_to_the_platforms_server_and_not_to_their_own() {
    let teams = [fixtures::team(), TeamId::generate(fixtures::noon())];
    let send_for_both = async |senders: &Senders, channel: &ResolvedChannel| {
        for team_id in teams {
            let event = AcceptedEvent {
                team_id,
                ..fixtures::event("scan.failed")
            };
            let outgoing = outgoing(event, ChannelKind::Email, person("ann@example.com"));
            let result = senders.send(&outgoing, channel).await;
            assert_eq!(result.outcome, AttemptOutcome::Accepted, "{result:?}");
        }
    };
    let smtp = SmtpStandIn::start().await.unwrap();
    let (platform, channel) = platform_at(&smtp);
    send_for_both(&platform, &channel).await;
    assert_eq!(smtp.connections(), 1);

    let smtp = SmtpStandIn::start().await.unwrap();
    send_for_both(&local(), &mail_at(&smtp, &[])).await;
    assert_eq!(smtp.connections(), 2);
}
