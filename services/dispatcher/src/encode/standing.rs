//! Why a delivery stands where it does, in fields.

use chrono::{DateTime, Utc};
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_contracts::dispatcher::v1::delivery::StateDetail;
use watchbell_model::convert::timestamp;
use watchbell_model::ids::{DeliveryId, SilenceId};

use crate::job::{JobOutcome, State};
use crate::store::entities::deliveries;
use crate::store::instant;

/// What is known of where a delivery stands, from its row or from the outcome of its job.
struct Standing {
    state: State,
    due_at: Option<DateTime<Utc>>,
    held_by: Option<SilenceId>,
    folded_into: Option<DeliveryId>,
    /// The number of the reason.
    parked_for: Option<i16>,
    /// The alert of one that ended folded, without a summary.
    alert_key: String,
    /// It was folded when it was made.
    is_repeat: bool,
    /// It waits in a rule's group.
    is_gathered: bool,
}

/// The detail of a row's state. Of one that failed, the last attempt is not known.
pub(super) fn of_row(row: &deliveries::Model, alert: Option<&wire::AlertStatus>) -> Option<StateDetail> {
    let standing = Standing {
        state: State::from_number(i32::from(row.state))?,
        due_at: row.due_at.map(instant),
        held_by: row.held_by.map(SilenceId::from_uuid),
        folded_into: row.folded_into.map(DeliveryId::from_uuid),
        parked_for: row.parked_for,
        alert_key: match (alert, row.ended_at) {
            (Some(alert), Some(_)) => alert.key.clone(),
            _ => String::new(),
        },
        is_repeat: row.ended_at == Some(row.created_at),
        is_gathered: row.gathered_with.is_some(),
    };
    standing.detail()
}

/// The detail of the state that an outcome leads to.
pub(super) fn of_outcome(outcome: &JobOutcome) -> Option<StateDetail> {
    if let (State::Failed, Some(attempt)) = (outcome.state, &outcome.attempt) {
        let failed = failed_by(attempt.outcome(), attempt.result.error_code.clone());
        return Some(StateDetail::Failed(failed));
    }
    let standing = Standing {
        state: outcome.state,
        due_at: outcome.due_at,
        held_by: outcome.held_by,
        folded_into: None,
        parked_for: outcome.parked_for.map(|why| why as i16),
        alert_key: String::new(),
        is_repeat: false,
        is_gathered: false,
    };
    standing.detail()
}

/// The detail of a repeat that is only counted.
pub(super) fn of_repeat(alert_key: String) -> StateDetail {
    StateDetail::Folded(wire::Folded {
        reason: wire::FoldedReason::Repeat as i32,
        alert_key,
        ..wire::Folded::default()
    })
}

/// The detail of what waits in a rule's group until then.
pub(super) fn of_gathered(until: DateTime<Utc>) -> StateDetail {
    StateDetail::Folded(wire::Folded {
        reason: wire::FoldedReason::Group as i32,
        until_time: Some(timestamp(until)),
        ..wire::Folded::default()
    })
}

/// Why a delivery has failed whose last attempt came to this.
pub(crate) fn failed_by(outcome: i16, error_code: String) -> wire::Failed {
    let is_permanent = i32::from(outcome) == wire::AttemptOutcome::Permanent as i32;
    let reason = match is_permanent {
        true => wire::FailedReason::Refused,
        false => wire::FailedReason::RetriesExhausted,
    };
    wire::Failed {
        reason: reason as i32,
        error_code,
        summary_id: String::new(),
    }
}

// === impl Standing ===

impl Standing {
    fn detail(self) -> Option<StateDetail> {
        match self.state {
            State::Held => Some(StateDetail::Held(self.held())),
            State::Folded => Some(StateDetail::Folded(self.folded())),
            State::Parked => Some(StateDetail::Parked(wire::Parked {
                reason: self.parked_for.map_or(0, i32::from),
                unhealthy_since_time: None,
            })),
            State::Failed => Some(StateDetail::Failed(self.failed())),
            State::Pending | State::Delivered | State::Cancelled => None,
        }
    }

    fn held(self) -> wire::Held {
        let reason = match self.held_by {
            Some(_) => wire::HeldReason::Silence,
            None => wire::HeldReason::QuietHours,
        };
        wire::Held {
            reason: reason as i32,
            until_time: self.due_at.map(timestamp),
            silence_id: id(self.held_by),
        }
    }

    fn folded(self) -> wire::Folded {
        use wire::FoldedReason as Reason;
        let reason = match (self.folded_into, self.due_at, self.held_by) {
            (Some(_), _, _) => Reason::Summary,
            (None, Some(_), Some(_)) => Reason::Silence,
            (None, Some(_), None) if self.is_gathered => Reason::Group,
            (None, Some(_), None) => Reason::Storm,
            (None, None, _) if self.is_repeat => Reason::Repeat,
            (None, None, _) => Reason::AlertTold,
        };
        wire::Folded {
            reason: reason as i32,
            until_time: self.due_at.map(timestamp),
            summary_id: id(self.folded_into),
            silence_id: id(self.held_by),
            alert_key: match self.folded_into {
                Some(_) => String::new(),
                None => self.alert_key,
            },
        }
    }

    fn failed(self) -> wire::Failed {
        let reason = match self.folded_into {
            Some(_) => wire::FailedReason::SummaryFailed,
            None => wire::FailedReason::Unspecified,
        };
        wire::Failed {
            reason: reason as i32,
            error_code: String::new(),
            summary_id: id(self.folded_into),
        }
    }
}

fn id(id: Option<impl ToString>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}
