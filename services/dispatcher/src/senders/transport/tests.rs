//! Sends to stand-ins that speak the real protocols and judge what they get by rules of their own.

mod chat;
mod mail;
mod webhook;

use std::sync::OnceLock;
use std::time::Duration;

use watchbell_contracts::config::v1::ChannelSecrets;
use watchbell_egress::EgressPolicy;
use watchbell_model::ChannelKind;
use watchbell_model::clock::SystemClock;
use watchbell_model::ids::ChannelId;
use watchbell_model::route::{Reason, Route};
use watchbell_runtime::tenant_pool::TenantPool;

use super::*;
use crate::senders::{AttemptOutcome, fixtures};

const LATER: AttemptOutcome = AttemptOutcome::Retryable { retry_after: None };

fn senders(policy: EgressPolicy, platform_mail: Option<SmtpServer>) -> Senders {
    let guard = Guard::new(policy);
    let brand = Brand {
        from_address: "alerts@bell.example.com".to_owned(),
        public_url: "https://bell.example.com".parse().unwrap(),
        ..Brand::default()
    };
    Senders::new(SenderDeps {
        tenant_pool: TenantPool::new(),
        http: HttpClient::new(guard.clone()),
        smtp: SmtpSender::new(guard.clone()),
        guard,
        clock: SystemClock::shared(),
        brand: Arc::new(brand),
        platform_mail,
        link_keys: UnsubscribeKeys::new([Secret::from("a key of many bytes")]).unwrap(),
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
        route: Arc::new(Route::new(kind, target, reason)),
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
        body: Arc::default(),
    }
}

/// Neither the result nor anything in it may hold any of these.
fn shows_none_of(result: &AttemptResult, secrets: &[&str]) {
    let all = format!("{result:?}");
    for secret in secrets {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}
