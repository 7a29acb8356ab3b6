//! Who of a team wants no email on what. Routes are decided when an event is emitted, but mail may wait for long: the
//! member's word at the time of sending is what counts.

use std::collections::HashSet;

use watchbell_contracts::config::v1::ListOptOutsResponse;
use watchbell_domain::ids::MemberId;

use crate::job::Job;
use crate::route::Target;

/// A team's members and the topics that they turned off.
#[derive(Debug, Clone, Default)]
pub(crate) struct OptOuts(HashSet<(MemberId, String)>);

// === impl OptOuts ===

impl OptOuts {
    /// As Config tells them.
    pub(crate) fn of(answer: ListOptOutsResponse) -> Self {
        let mut all = HashSet::new();
        for opt_out in answer.opt_outs {
            match opt_out.member_id.parse::<MemberId>() {
                Ok(member) => all.extend(opt_out.topics.into_iter().map(|topic| (member, topic))),
                Err(_) => tracing::warn!(member = opt_out.member_id, "an opt-out is of no member"),
            }
        }
        Self(all)
    }

    /// Why a delivery is not to be sent, if its member does not want it. Whoever asks for a test wants that.
    pub(crate) fn refuse(&self, job: &Job) -> Option<String> {
        match &job.route.target {
            Target::Person { member, topic, .. }
                if !job.event.test && self.0.contains(&(*member, topic.clone())) =>
            {
                Some(format!("The member turned emails on {topic} off."))
            }
            _ => None,
        }
    }
}
