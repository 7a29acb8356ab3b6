//! How a Dispatcher is set up. Every bound of memory and every retention is here; the defaults are those of one
//! process on a small machine.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchbell_egress::{Security, SmtpServer};
use watchbell_model::EmailAddress;
use watchbell_model::secret::Secret;
use watchbell_runtime::settings::write;
use watchbell_store::DatabaseSettings;

use crate::lanes::Limits;

/// Settings of the Dispatcher.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Database of this service.
    pub database: DatabaseSettings,
    /// Jobs of one lane in memory; one counts once, and once more for each 4 KiB of its event's payload.
    #[serde(default = "defaults::per_lane")]
    pub max_jobs_per_lane: usize,
    /// Jobs of all lanes in memory, counted likewise.
    #[serde(default = "defaults::total")]
    pub max_jobs: usize,
    /// Concurrent attempts; default 1,024 for each processor. One team has at most half of them.
    #[serde(default)]
    pub max_attempts_in_flight: Option<usize>,
    /// Submissions that may wait for a commit, counted like jobs; one team may use at most as much as is still
    /// free. Above it callers get `RESOURCE_EXHAUSTED`.
    #[serde(default = "defaults::intake")]
    pub intake_queue: usize,
    /// Outcomes that may wait for a commit; beyond it nothing new is started.
    #[serde(default = "defaults::outcomes")]
    pub outcome_queue: usize,
    /// Days that events, ended deliveries and notifications are kept.
    #[serde(default = "defaults::keep_days")]
    pub keep_days: u32,
    /// Days that answers of receivers are kept.
    #[serde(default = "defaults::keep_answers_days")]
    pub keep_answers_days: u32,
    /// URL at which the other services call this process; empty for the address that it listens at, as seen from the
    /// database.
    #[serde(default)]
    pub advertise: String,
    /// How long attempts under way may take when their shard is handed over, before its next owner sends, too.
    #[serde(skip, default = "defaults::hand_over_wait")]
    pub(crate) hand_over_wait: Duration,
}

/// The platform's own mail server, for teams that have none and for notices to Owners. Without a host there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSettings {
    /// Host name or address.
    pub host: String,
    /// Default 587.
    pub port: Option<u16>,
    /// The account that sends; empty for none.
    pub username: String,
    /// Password of the account.
    #[serde(serialize_with = "write::secret")]
    pub password: Option<Secret>,
    /// How the connection is encrypted: `starttls`, or no mail; `optional_starttls`, when the server offers it; `tls` from the
    /// first byte; `none`, only to addresses that `egress.allow` names.
    pub security: MailSecurity,
    /// Messages that one team may send by it in an hour; the rest waits for the next. Notices do not count.
    pub max_per_team_hour: u32,
    /// Address for notices that a team without an Owner cannot get, for example about a kept receipt.
    pub operator_address: Option<EmailAddress>,
}

/// Policy of the platform's mail, besides the connection to its server.
#[derive(Debug, Clone)]
pub(crate) struct MailPolicy {
    /// Whether there is a server.
    pub(crate) is_set: bool,
    /// Messages of one team in an hour.
    pub(crate) per_team_hour: u32,
    /// Address for notices that a team without an Owner cannot get.
    pub(crate) operator: Option<EmailAddress>,
}

/// How the connection to the platform's mail server is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// STARTTLS, or no mail.
    #[default]
    Starttls,
    /// STARTTLS when the server offers it.
    OptionalStarttls,
    /// TLS from the first byte.
    Tls,
    /// None; only to addresses that the egress allow-list names.
    None,
}

mod defaults {
    use std::time::Duration;

    pub(super) fn hand_over_wait() -> Duration {
        Duration::from_millis(400)
    }
    pub(super) fn per_lane() -> usize {
        2_000
    }
    pub(super) fn total() -> usize {
        20_000
    }
    pub(super) fn in_flight() -> usize {
        1_024 * std::thread::available_parallelism().map_or(1, usize::from)
    }
    pub(super) fn intake() -> usize {
        16_384
    }
    pub(super) fn outcomes() -> usize {
        8_192
    }
    pub(super) fn keep_days() -> u32 {
        90
    }
    pub(super) fn keep_answers_days() -> u32 {
        30
    }
}

// === impl Settings ===

impl Settings {
    /// The defaults over a database.
    #[must_use]
    pub fn new(database: DatabaseSettings) -> Self {
        Self {
            database,
            max_jobs_per_lane: defaults::per_lane(),
            max_jobs: defaults::total(),
            max_attempts_in_flight: None,
            intake_queue: defaults::intake(),
            outcome_queue: defaults::outcomes(),
            keep_days: defaults::keep_days(),
            keep_answers_days: defaults::keep_answers_days(),
            advertise: String::new(),
            hand_over_wait: defaults::hand_over_wait(),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            per_lane: self.max_jobs_per_lane.max(1),
            total: self.max_jobs.max(1),
            in_flight: self
                .max_attempts_in_flight
                .unwrap_or_else(defaults::in_flight)
                .max(1),
        }
    }
}

// === impl MailSettings ===

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: None,
            username: String::new(),
            password: None,
            security: MailSecurity::default(),
            max_per_team_hour: 1_000,
            operator_address: None,
        }
    }
}

impl MailSettings {
    pub(crate) fn policy(&self) -> MailPolicy {
        MailPolicy {
            is_set: self.is_set(),
            per_team_hour: self.max_per_team_hour,
            operator: self.operator_address.clone(),
        }
    }

    /// Whether there is such a server.
    #[must_use]
    pub fn is_set(&self) -> bool {
        !self.host.is_empty()
    }

    pub(crate) fn server(&self) -> Option<SmtpServer> {
        self.is_set().then(|| SmtpServer {
            host: self.host.clone(),
            port: self.port.unwrap_or(587),
            username: Some(self.username.clone()).filter(|username| !username.is_empty()),
            password: self.password.clone(),
            security: match self.security {
                MailSecurity::Starttls => Security::StartTls,
                MailSecurity::OptionalStarttls => Security::OptionalStartTls,
                MailSecurity::Tls => Security::ImplicitTls,
                MailSecurity::None => Security::None,
            },
        })
    }
}
