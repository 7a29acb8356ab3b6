//! Mail servers that say what RFC 5321 allows and few expect.

use std::time::Duration;

use watchbell_egress::{Security, SmtpAnswer, SmtpError, SmtpSender, SmtpServer};
use watchbell_testkit::SmtpStandIn;

use crate::support::{at, trusting, with_account};

const TO: &str = "owner@acme.example";
const PASSWORD: &str = "correct horse";

fn sender(mail: &SmtpStandIn) -> SmtpSender {
    SmtpSender::new(trusting(mail)).with_timeout(Duration::from_secs(10))
}

fn acme_at(mail: &SmtpStandIn, security: Security) -> SmtpServer {
    with_account(at(mail, security), "acme", PASSWORD)
}

async fn send(mail: &SmtpStandIn, server: &SmtpServer) -> Result<SmtpAnswer, SmtpError> {
    sender(mail)
        .send(
            server,
            "alerts@watchbell.example",
            TO,
            b"Subject: hello\r\n\r\nhello\r\n".to_vec(),
        )
        .await
}

#[tokio::test]
async fn answers_without_text_or_in_any_encoding_are_answers() {
    let codes = [
        ("", "220"),
        ("AUTH", "235"),
        ("MAIL", "250"),
        ("RCPT", "251"),
        ("DATA", "354"),
        (".", "250"),
    ];
    let forms: [&[&[u8]]; 5] = [
        &[b"\r\n"],
        &[b" \r\n"],
        &[b" \xc4\xe3\xba\xc3\r\n"],
        &[b"-\r\n", b"\r\n"],
        &[b"-one\r\n", b"-\xff\r\n", b" three\r\n"],
    ];
    for form in forms {
        let mail = SmtpStandIn::builder()
            .account("acme", PASSWORD)
            .start()
            .await
            .unwrap();
        for (verb, code) in codes {
            let said = form.iter().flat_map(|line| [code.as_bytes(), line].concat());
            mail.answer_command(verb, said.collect::<Vec<_>>());
        }
        let answer = send(&mail, &acme_at(&mail, Security::None)).await;
        assert_eq!(answer.map(|answer| answer.code), Ok(250), "{form:?}");
        assert_eq!(mail.received().len(), 1);
    }
}

#[tokio::test]
async fn a_final_refusal_is_final_in_any_encoding_and_at_any_step() {
    let account = || SmtpStandIn::builder().account("acme", PASSWORD);
    for (code, final_one) in [("550", true), ("450", false)] {
        for verb in ["", "EHLO", "MAIL", "RCPT", "DATA", "."] {
            let mail = account().start().await.unwrap();
            mail.answer_command(verb, [code.as_bytes(), b" refus\xe9\r\n"].concat());
            let text = "refus\u{fffd}".to_owned();
            let wanted = if final_one {
                SmtpError::Permanent { code: 550, text }
            } else {
                SmtpError::Transient { code: 450, text }
            };
            let error = send(&mail, &acme_at(&mail, Security::None)).await.unwrap_err();
            assert_eq!(error, wanted, "{verb:?}");
        }
    }
}

#[tokio::test]
async fn a_goodbye_at_any_moment_is_a_refusal_for_now() {
    for verb in ["", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "."] {
        let mail = SmtpStandIn::builder()
            .account("acme", PASSWORD)
            .start()
            .await
            .unwrap();
        mail.answer_command(verb, "421 4.3.2 shutting down\r\n");
        let error = send(&mail, &acme_at(&mail, Security::None)).await.unwrap_err();
        let text = "4.3.2 shutting down".to_owned();
        assert_eq!(error, SmtpError::Transient { code: 421, text }, "{verb:?}");
    }
}

#[tokio::test]
async fn what_is_said_out_of_turn_is_no_answer_to_the_next_command() {
    for (said, wanted) in [
        ("354 go on\r\n250 queued\r\n", "broken"),
        ("354 go on\r\n421 4.4.2 bye\r\n", "421"),
    ] {
        let mail = SmtpStandIn::start().await.unwrap();
        mail.answer_command("DATA", said);
        let error = send(&mail, &at(&mail, Security::None)).await.unwrap_err();
        match error {
            SmtpError::Broken { .. } => assert_eq!(wanted, "broken"),
            SmtpError::Transient { code, .. } => assert_eq!(wanted, code.to_string()),
            other => panic!("{other:?}"),
        }
        assert!(mail.received().is_empty());
    }
}

#[tokio::test]
async fn keywords_in_lower_case_are_offers() {
    let mail = SmtpStandIn::builder()
        .starttls()
        .account("acme", PASSWORD)
        .start()
        .await
        .unwrap();
    mail.answer_command(
        "EHLO",
        "250-mx\r\n250-starttls\r\n250-8bitmime\r\n250 auth plain login\r\n",
    );
    for security in [Security::StartTls, Security::OptionalStartTls] {
        send(&mail, &acme_at(&mail, security)).await.unwrap();
    }
    for received in mail.received() {
        assert!(
            received.encrypted && received.account.as_deref() == Some("acme"),
            "{received:?}"
        );
    }
    assert_eq!(mail.received().len(), 2);
}

#[tokio::test]
async fn a_server_of_the_old_school_is_greeted_in_its_way() {
    let mail = SmtpStandIn::start().await.unwrap();
    mail.answer_command("EHLO", "502 what?\r\n");
    send(&mail, &at(&mail, Security::None)).await.unwrap();
    let error = send(&mail, &at(&mail, Security::StartTls)).await.unwrap_err();
    assert!(matches!(error, SmtpError::Tls(_)), "{error:?}");
}

#[tokio::test]
async fn starttls_that_is_refused_is_not_done_without() {
    for security in [Security::StartTls, Security::OptionalStartTls] {
        let mail = SmtpStandIn::builder().starttls().start().await.unwrap();
        mail.answer_command("STARTTLS", "454 4.7.0 TLS not available\r\n");
        let error = send(&mail, &at(&mail, security)).await.unwrap_err();
        assert!(
            matches!(error, SmtpError::Transient { code: 454, .. }),
            "{error:?}"
        );
        mail.answer_command("STARTTLS", "220 go on\r\n250 injected\r\n");
        let error = send(&mail, &at(&mail, security)).await.unwrap_err();
        assert!(matches!(error, SmtpError::Tls(_)), "{error:?}");
        assert!(mail.received().is_empty());
    }
}

#[tokio::test]
async fn a_refused_account_is_told_in_the_servers_words_without_its_secrets() {
    let mail = SmtpStandIn::builder()
        .account("acme", PASSWORD)
        .start()
        .await
        .unwrap();
    // "\0acme\0correct horse" and "correct horse", as they go over the wire.
    let repeated =
        "535-5.7.8 no: AGFjbWUAY29ycmVjdCBob3JzZQ==\r\n535 5.7.8 or correct horse, Y29ycmVjdCBob3JzZQ==\r\n";
    mail.answer_command("AUTH", repeated);
    let refused = SmtpError::AuthRefused {
        code: 535,
        text: "5.7.8 no: *** or ***, ***".to_owned(),
    };
    let server = acme_at(&mail, Security::None);
    assert_eq!(send(&mail, &server).await, Err(refused.clone()));
    assert_eq!(sender(&mail).verify(&server).await, Err(refused));
}

#[tokio::test]
async fn a_server_that_cannot_be_signed_in_to_is_said_to_lack_what_it_lacks() {
    let mail = SmtpStandIn::start().await.unwrap();
    for (offers, said) in [
        ("250 mx\r\n", "the server offers no AUTH on this port"),
        (
            "250-mx\r\n250 AUTH CRAM-MD5 NTLM\r\n",
            "the server offers AUTH CRAM-MD5 NTLM, and neither PLAIN nor LOGIN",
        ),
    ] {
        mail.answer_command("EHLO", offers);
        let error = send(&mail, &acme_at(&mail, Security::None)).await.unwrap_err();
        assert!(
            matches!(&error, SmtpError::AuthUnavailable(why) if why.starts_with(said)),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn login_is_spoken_where_plain_is_not() {
    let mail = SmtpStandIn::builder()
        .account("acme", PASSWORD)
        .start()
        .await
        .unwrap();
    mail.answer_command("EHLO", "250-mx\r\n250-x\r\n250 AUTH LOGIN\r\n");
    send(&mail, &acme_at(&mail, Security::None)).await.unwrap();
    assert_eq!(mail.received()[0].account.as_deref(), Some("acme"));
}

#[tokio::test]
async fn an_answer_without_end_costs_a_bounded_amount() {
    let mail = SmtpStandIn::start().await.unwrap();
    mail.answer_command("RCPT", b"250-and\r\n".repeat(20_000));
    let error = send(&mail, &at(&mail, Security::None)).await.unwrap_err();
    assert!(
        matches!(&error, SmtpError::Broken { detail, after_data: false } if detail.contains("65536")),
        "{error:?}"
    );
}
