//! The SMTP client against a real server's moods.

use std::time::Duration;

use watchbell_egress::{
    AddressKind, EgressPolicy, Guard, Refusal, Security, SmtpError, SmtpSender, SmtpServer,
};
use watchbell_testkit::{AfterData, SmtpStandIn};

use crate::support::{at, on_loopback, trusting, with_account};

const FROM: &str = "alerts@watchbell.example";
const TO: &str = "owner@acme.example";
const MESSAGE: &[u8] = b"Subject: hello\r\n\r\nfirst\r\n.hidden\r\n..two\r\n.\r\nlast\r\n";

fn sender() -> SmtpSender {
    SmtpSender::new(on_loopback()).with_hello_name("watchbell.example")
}

fn sender_trusting(mail: &SmtpStandIn) -> SmtpSender {
    SmtpSender::new(trusting(mail)).with_hello_name("watchbell.example")
}

#[tokio::test]
async fn a_message_arrives_byte_by_byte() {
    let mail = SmtpStandIn::start().await.unwrap();
    let answer = sender()
        .send(&at(&mail, Security::None), FROM, TO, MESSAGE.to_vec())
        .await
        .unwrap();
    assert_eq!((answer.code, answer.text.as_str()), (250, "2.0.0 queued as 1"));
    let received = mail.wait_for(1).await.unwrap();
    assert_eq!(
        (received[0].from.as_str(), received[0].to.as_slice()),
        (FROM, &[TO.to_owned()][..])
    );
    assert_eq!(received[0].hello, "watchbell.example");
    assert_eq!(received[0].text().as_bytes(), MESSAGE);
}

#[tokio::test]
async fn without_encryption_only_allow_listed_servers_are_reached() {
    let mail = SmtpStandIn::start().await.unwrap();
    let sender = SmtpSender::new(Guard::new(EgressPolicy::default()));
    for security in [
        Security::None,
        Security::StartTls,
        Security::OptionalStartTls,
        Security::ImplicitTls,
    ] {
        let refused = sender
            .send(&at(&mail, security), FROM, TO, MESSAGE.to_vec())
            .await
            .unwrap_err();
        assert_eq!(
            refused,
            SmtpError::Refused(Refusal::Address(AddressKind::Loopback))
        );
    }
    let public = SmtpServer {
        host: "93.184.216.34".to_owned(),
        port: 25,
        username: None,
        password: None,
        security: Security::None,
    };
    assert_eq!(sender.admit(&public).await, Err(Refusal::NotAllowListed));
    assert_eq!(mail.connections(), 0);
}

#[tokio::test]
async fn starttls_encrypts_before_the_account_is_shown() {
    let mail = SmtpStandIn::builder()
        .starttls()
        .account("acme", "s3cret")
        .start()
        .await
        .unwrap();
    let sender = sender_trusting(&mail);
    for security in [Security::StartTls, Security::OptionalStartTls] {
        let server = with_account(at(&mail, security), "acme", "s3cret");
        sender.verify(&server).await.unwrap();
        sender.send(&server, FROM, TO, MESSAGE.to_vec()).await.unwrap();
    }
    for received in mail.wait_for(2).await.unwrap() {
        assert!(received.encrypted);
        assert_eq!(received.account.as_deref(), Some("acme"));
    }
}

#[tokio::test]
async fn implicit_tls_works_from_the_first_byte() {
    let mail = SmtpStandIn::builder()
        .implicit_tls()
        .account("acme", "s3cret")
        .start()
        .await
        .unwrap();
    let server = with_account(at(&mail, Security::ImplicitTls), "acme", "s3cret");
    sender_trusting(&mail)
        .send(&server, FROM, TO, MESSAGE.to_vec())
        .await
        .unwrap();
    assert!(mail.wait_for(1).await.unwrap()[0].encrypted);
}

#[tokio::test]
async fn a_wrong_password_fails_authentication_in_the_servers_words() {
    let mail = SmtpStandIn::builder()
        .starttls()
        .account("acme", "s3cret")
        .start()
        .await
        .unwrap();
    let server = with_account(at(&mail, Security::StartTls), "acme", "guess");
    let sender = sender_trusting(&mail);
    for error in [
        sender.verify(&server).await.unwrap_err(),
        sender
            .send(&server, FROM, TO, MESSAGE.to_vec())
            .await
            .unwrap_err(),
    ] {
        let refused = SmtpError::AuthRefused {
            code: 535,
            text: "5.7.8 username and password not accepted".to_owned(),
        };
        assert_eq!(error, refused);
    }
    assert!(mail.received().is_empty());
}

#[tokio::test]
async fn required_starttls_is_never_done_without() {
    let mail = SmtpStandIn::start().await.unwrap();
    let error = sender()
        .send(&at(&mail, Security::StartTls), FROM, TO, MESSAGE.to_vec())
        .await
        .unwrap_err();
    assert!(matches!(error, SmtpError::Tls(_)), "{error:?}");
    assert!(mail.received().is_empty());
    sender()
        .send(&at(&mail, Security::OptionalStartTls), FROM, TO, MESSAGE.to_vec())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_unknown_certificate_is_a_tls_failure() {
    let starttls = SmtpStandIn::builder().starttls().start().await.unwrap();
    let implicit = SmtpStandIn::builder().implicit_tls().start().await.unwrap();
    for (mail, security) in [
        (&starttls, Security::StartTls),
        (&implicit, Security::ImplicitTls),
    ] {
        let error = sender()
            .send(&at(mail, security), FROM, TO, MESSAGE.to_vec())
            .await
            .unwrap_err();
        assert!(matches!(error, SmtpError::Tls(_)), "{security:?}: {error:?}");
        assert!(mail.received().is_empty());
    }
}

#[tokio::test]
async fn a_bad_mailbox_fails_no_other_recipient() {
    let mail = SmtpStandIn::start().await.unwrap();
    mail.answer_recipient("gone@acme.example", 550, "5.1.1 no such user");
    mail.answer_recipient_times("grey@acme.example", 450, "4.2.0 greylisted", 1);
    let (sender, server) = (sender(), at(&mail, Security::None));
    let send = async |to: &str| sender.send(&server, FROM, to, MESSAGE.to_vec()).await;

    let gone = SmtpError::Permanent {
        code: 550,
        text: "5.1.1 no such user".to_owned(),
    };
    assert_eq!(send("gone@acme.example").await, Err(gone));
    let grey = SmtpError::Transient {
        code: 450,
        text: "4.2.0 greylisted".to_owned(),
    };
    assert_eq!(send("grey@acme.example").await, Err(grey));
    send(TO).await.unwrap();
    send("grey@acme.example").await.unwrap();

    assert_eq!(mail.received().len(), 2);
    assert_eq!(mail.connections(), 1, "refusals do not cost the connection");
}

#[tokio::test]
async fn a_message_refused_after_its_final_dot_keeps_the_servers_verdict() {
    let mail = SmtpStandIn::start().await.unwrap();
    mail.after_next_data(AfterData::Answer(554, "5.7.1 looks like spam".to_owned()));
    mail.after_next_data(AfterData::Answer(452, "4.3.1 disk full".to_owned()));
    let (sender, server) = (sender(), at(&mail, Security::None));
    let spam = SmtpError::Permanent {
        code: 554,
        text: "5.7.1 looks like spam".to_owned(),
    };
    assert_eq!(sender.send(&server, FROM, TO, MESSAGE.to_vec()).await, Err(spam));
    let full = SmtpError::Transient {
        code: 452,
        text: "4.3.1 disk full".to_owned(),
    };
    assert_eq!(sender.send(&server, FROM, TO, MESSAGE.to_vec()).await, Err(full));
}

#[tokio::test]
async fn silence_or_a_broken_line_after_the_final_dot_is_ambiguous() {
    let mail = SmtpStandIn::start().await.unwrap();
    mail.after_next_data(AfterData::Hang);
    mail.after_next_data(AfterData::Close);
    let sender = sender().with_timeout(Duration::from_millis(500));
    let server = at(&mail, Security::None);
    let silent = sender
        .send(&server, FROM, TO, MESSAGE.to_vec())
        .await
        .unwrap_err();
    assert_eq!(silent, SmtpError::Timeout { after_data: true });
    let broken = sender
        .send(&server, FROM, TO, MESSAGE.to_vec())
        .await
        .unwrap_err();
    assert!(
        matches!(broken, SmtpError::Broken { after_data: true, .. }),
        "{broken:?}"
    );
    assert!(silent.is_ambiguous() && broken.is_ambiguous());
    assert_eq!(mail.received().len(), 2, "both had been taken over");
}

#[tokio::test]
async fn a_server_that_never_greets_times_out_before_anything_was_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = SmtpServer {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        username: None,
        password: None,
        security: Security::None,
    };
    let sender = sender().with_timeout(Duration::from_millis(300));
    let error = sender
        .send(&server, FROM, TO, MESSAGE.to_vec())
        .await
        .unwrap_err();
    assert_eq!(error, SmtpError::Timeout { after_data: false });
    assert_eq!(
        sender.verify(&server).await,
        Err(SmtpError::Timeout { after_data: false })
    );
}

#[tokio::test]
async fn a_worn_out_pooled_connection_is_replaced_unnoticed() {
    let mail = SmtpStandIn::start().await.unwrap();
    let (sender, server) = (sender(), at(&mail, Security::None));
    sender.send(&server, FROM, TO, MESSAGE.to_vec()).await.unwrap();
    mail.answer_recipient_times(TO, 421, "4.4.2 idle for too long, closing", 1);
    sender.send(&server, FROM, TO, MESSAGE.to_vec()).await.unwrap();
    assert_eq!((mail.received().len(), mail.connections()), (2, 2));
}

#[tokio::test]
async fn addresses_that_smtp_cannot_carry_are_refused_before_dialling() {
    let mail = SmtpStandIn::start().await.unwrap();
    for to in [
        "",
        "nobody",
        "a@b>\r\nRCPT TO:<c@d",
        "two@acme.example, three@acme.example",
    ] {
        let error = sender()
            .send(&at(&mail, Security::None), FROM, to, MESSAGE.to_vec())
            .await
            .unwrap_err();
        assert!(matches!(error, SmtpError::Unsendable(_)), "{to:?} gave {error:?}");
    }
    assert_eq!(mail.connections(), 0);
}
