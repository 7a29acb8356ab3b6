//! A private certificate authority: believed on every connection when the operator says so, and on none otherwise.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use watchbell_egress::{
    Authorities, Guard, HttpClient, Security, SendError, SmtpError, SmtpSender, SmtpServer,
};
use watchbell_testkit::{PrivateAuthority, SmtpStandIn, TlsFront, WebhookReceiver};

use crate::support::{at, on_loopback};

async fn post(guard: &Guard, url: &str) -> Result<u16, SendError> {
    let url = guard.check_url(url).unwrap();
    let answer = HttpClient::new(guard.clone())
        .post(
            &url,
            HeaderMap::new(),
            Bytes::from_static(b"{}"),
            Duration::from_secs(10),
        )
        .await?;
    Ok(answer.status.as_u16())
}

async fn mail(guard: &Guard, server: &SmtpServer) -> Result<u16, SmtpError> {
    let answer = SmtpSender::new(guard.clone())
        .send(
            server,
            "a@watchbell.example",
            "b@acme.example",
            b"Subject: x\r\n\r\n".to_vec(),
        )
        .await?;
    Ok(answer.code)
}

#[tokio::test]
async fn a_private_authority_is_believed_everywhere_or_nowhere() {
    let authority = Arc::new(PrivateAuthority::new().unwrap());
    let receiver = WebhookReceiver::start().await.unwrap();
    let address = receiver.url().parse::<http::Uri>().unwrap();
    let address = address.authority().unwrap().as_str().parse().unwrap();
    let front = TlsFront::start(&authority, address).await.unwrap();
    let url = front.url_at("/hook");
    let believing = on_loopback().trusting(Authorities::with_pem(authority.pem().as_bytes()).unwrap());

    let refused = post(&on_loopback(), &url).await.unwrap_err();
    assert!(matches!(refused, SendError::Tls(_)), "{refused:?}");
    assert_eq!(
        (receiver.count(), post(&believing, &url).await.unwrap()),
        (0, 200)
    );
    assert_eq!(receiver.count(), 1);

    for security in [Security::StartTls, Security::ImplicitTls] {
        let builder = SmtpStandIn::builder().authority(Arc::clone(&authority));
        let server = match security {
            Security::ImplicitTls => builder.implicit_tls(),
            _ => builder.starttls(),
        };
        let server = server.start().await.unwrap();
        let there = at(&server, security);
        let refused = mail(&on_loopback(), &there).await.unwrap_err();
        assert!(matches!(refused, SmtpError::Tls(_)), "{refused:?}");
        assert!(server.received().is_empty());
        assert_eq!(mail(&believing, &there).await, Ok(250));
        assert!(server.received()[0].encrypted);
    }
}
