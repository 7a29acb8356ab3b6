//! What the tests share.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;
use watchbell_egress::{Authorities, EgressPolicy, Guard, HttpClient, Resolver, Security, SmtpServer};
use watchbell_testkit::SmtpStandIn;

/// Answers look-ups in order; the last answer stays.
#[derive(Debug)]
pub(crate) struct Scripted {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    lookups: AtomicUsize,
}

impl Scripted {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers
            .iter()
            .rev()
            .map(|one| one.iter().map(|ip| ip.parse().unwrap()).collect());
        Arc::new(Self {
            answers: Mutex::new(answers.collect()),
            lookups: AtomicUsize::new(0),
        })
    }

    pub(crate) fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }
}

impl Resolver for Scripted {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.pop()
        } else {
            answers.last().cloned()
        };
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}

pub(crate) fn on_loopback() -> Guard {
    Guard::new(EgressPolicy::allowing_loopback())
}

pub(crate) fn client() -> HttpClient {
    HttpClient::new(on_loopback())
}

/// A guard that trusts the certificate authority of a mail server, if it has one.
pub(crate) fn trusting(mail: &SmtpStandIn) -> Guard {
    match mail.authority() {
        Some(pem) => on_loopback().trusting(Authorities::with_pem(pem.as_bytes()).unwrap()),
        None => on_loopback(),
    }
}

/// The settings of a mail server, without an account.
pub(crate) fn at(mail: &SmtpStandIn, security: Security) -> SmtpServer {
    SmtpServer {
        host: mail.host(),
        port: mail.port(),
        username: None,
        password: None,
        security,
    }
}

pub(crate) fn with_account(server: SmtpServer, username: &str, password: &str) -> SmtpServer {
    SmtpServer {
        username: Some(username.to_owned()),
        password: Some(password.into()),
        ..server
    }
}

/// Lets the runtime see what has happened to its sockets.
pub(crate) async fn look_around() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}
