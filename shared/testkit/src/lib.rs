//! Stand-ins for the outside world that speak its real protocols on loopback.
//!
//! Slack, Teams, a mail server, a webhook receiver, an identity provider, an OTLP collector and a name server, each with its
//! own rules and its own error words, and a clock that tests own. They serve the tests and `watchbell demo` alike: `start()` binds
//! a free port of 127.0.0.1, everything that arrives is kept and can be awaited, and dropping one stops it. They share
//! no code with what they judge: a signature is made or verified here by a second implementation.

mod clock;
mod identity;
mod journal;
mod loopback;
mod name_server;
mod otlp;
mod raw;
mod slack;
mod smtp;
mod teams;
mod tls;
pub mod vendors;
mod webhook;

pub use clock::TestClock;
pub use identity::{IdentityProvider, SigningKey};
pub use journal::{NotArrived, WAIT_TIMEOUT};
pub use name_server::NameServer;
pub use otlp::OtlpSink;
pub use raw::{RawEndpoint, Step};
pub use slack::{SlackMessage, SlackReply, SlackStandIn};
pub use smtp::{AfterData, Mail, SmtpStandIn, SmtpStandInBuilder};
pub use teams::{TeamsFlavour, TeamsMessage, TeamsReply, TeamsStandIn};
pub use tls::{PrivateAuthority, TlsFront};
pub use webhook::{
    Arrival, Behaviour, Check, Received, Reply, Script, Signatures, WebhookReceiver, WebhookReceiverBuilder,
};
