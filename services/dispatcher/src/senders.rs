//! Sending. A [`Transport`] makes one attempt and returns its [`AttemptResult`]; retries are decided elsewhere. It
//! does not follow redirects, and it never fails: every failure is a result.

pub(crate) mod alert;
mod answer;
mod email;
#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub(crate) mod logged;
mod notice;
pub(crate) mod preview;
mod slack;
pub(crate) mod summary;
mod teams;
pub(crate) mod text;
mod transport;
mod webhook;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use watchbell_contracts::config::v1 as config;
use watchbell_egress::{GuardedUrl, Refusal};
use watchbell_model::ids::{DeliveryId, TeamId};

pub(crate) use transport::{SenderDeps, Senders};
pub(crate) use webhook::NoContent;

use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::route::Route;

use self::logged::LoggedHeaders;

/// The most that is kept of an answer, in bytes.
pub(crate) const MAX_RESPONSE: usize = 4096;

/// Makes attempts.
#[async_trait]
pub(crate) trait Transport: Send + Sync {
    /// One attempt, within the channel's time-out.
    async fn send(&self, outgoing: &Message, channel: &ResolvedChannel) -> AttemptResult;
}

/// What is carried.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The same for every attempt: for a `Message-ID` that stays.
    pub(crate) delivery_id: DeliveryId,
    /// From 1.
    #[cfg_attr(not(test), allow(dead_code, reason = "only tests read it"))]
    pub(crate) attempt_number: u32,
    /// The event.
    pub(crate) event: Arc<AcceptedEvent>,
    /// To whom, and why.
    pub(crate) route: Arc<Route>,
    /// Recipients of a receipt that goes to the team's current recipients; else empty.
    pub(crate) recipients: Vec<String>,
    /// When the attempt begins; for timestamps in messages and for which secrets are live.
    pub(crate) now: DateTime<Utc>,
    /// W3C Trace Context of the attempt, to be passed on.
    pub(crate) traceparent: Option<String>,
}

/// Where it is carried. Holds opened secrets: its `Debug` shows none.
#[derive(Clone, PartialEq)]
pub(crate) struct ResolvedChannel {
    /// Whose.
    pub(crate) team_id: TeamId,
    /// By what.
    pub(crate) via: Via,
    /// How long an attempt may take.
    pub(crate) timeout: Duration,
    /// Its URL, once the guard has judged it.
    pub(crate) url: OnceLock<Result<GuardedUrl, Refusal>>,
    /// The body that it lays out, once that was compiled.
    pub(crate) body: webhook::Compiled,
}

/// By what something is carried.
#[derive(Clone, PartialEq)]
pub(crate) enum Via {
    /// A configured channel with its opened secrets. Mail to people comes with the team's own mail server here when
    /// it has one; the recipients are then the route's and not the channel's.
    Channel {
        /// Its configuration, without secrets.
        channel: Box<config::Channel>,
        /// Its secrets.
        secrets: Box<config::ChannelSecrets>,
    },
    /// The platform's own mail server.
    PlatformMail,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AttemptResult {
    /// The answer in one word.
    pub(crate) outcome: AttemptOutcome,
    /// The destination itself is gone: the channel is unhealthy at once.
    pub(crate) channel_broken: bool,
    /// The HTTP status or SMTP reply code; 0 when there was no answer.
    pub(crate) status_code: u16,
    /// A stable word such as `slack.no_service` or `timeout`; empty when nothing went wrong.
    pub(crate) error_code: String,
    /// What went wrong, whose fault it is and what to do, in words; empty when nothing did.
    pub(crate) error: String,
    /// The headers sent, secrets masked.
    pub(crate) request_headers: LoggedHeaders,
    /// The first [`MAX_RESPONSE`] bytes of the answer, as text.
    pub(crate) response_body: String,
    /// The request was sent and no answer came: it may have arrived.
    pub(crate) ambiguous: bool,
    /// How long it took.
    pub(crate) latency: Duration,
}

/// An attempt's answer in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// The destination has it.
    Delivered,
    /// Handed over to a relay that answers before anybody has seen it.
    Accepted,
    /// Did not get through, and may be tried again.
    Retryable {
        /// Minimum wait requested by the destination; the whole lane pauses.
        retry_after: Option<Duration>,
    },
    /// Did not get through, and trying again would not help.
    Permanent,
}

// === impl ResolvedChannel ===

impl fmt::Debug for ResolvedChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let via = match &self.via {
            Via::Channel { channel, .. } => channel.id.as_str(),
            Via::PlatformMail => "the platform's mail server",
        };
        f.debug_struct("ResolvedChannel")
            .field("team_id", &self.team_id)
            .field("via", &via)
            .finish_non_exhaustive()
    }
}

// === impl AttemptResult ===

impl AttemptResult {
    /// It got through.
    pub(crate) fn delivered(status_code: u16, latency: Duration) -> Self {
        Self {
            outcome: AttemptOutcome::Delivered,
            channel_broken: false,
            status_code,
            error_code: String::new(),
            error: String::new(),
            request_headers: LoggedHeaders::default(),
            response_body: String::new(),
            ambiguous: false,
            latency,
        }
    }

    /// It did not, and may later.
    pub(crate) fn retryable(code: impl Into<String>, error: impl Into<String>) -> Self {
        Self {
            outcome: AttemptOutcome::Retryable { retry_after: None },
            error_code: code.into(),
            error: error.into(),
            ..Self::delivered(0, Duration::ZERO)
        }
    }

    /// It did not and will not.
    pub(crate) fn permanent(code: impl Into<String>, error: impl Into<String>) -> Self {
        Self {
            outcome: AttemptOutcome::Permanent,
            ..Self::retryable(code, error)
        }
    }

    /// Whether it got through, as far as anybody can tell.
    pub(crate) fn got_through(&self) -> bool {
        matches!(self.outcome, AttemptOutcome::Delivered | AttemptOutcome::Accepted)
    }
}
