//! Silences. They have no names and are compared by what they say; one that has ended is no longer part of a document.

use watchbell_contracts::config::v1::Silence;
use watchbell_model::convert::instant;
use watchbell_model::silence;
use watchbell_model::violation::{Violations, reason};

use super::current::Current;
use super::plan_channels::{Channels, Known};
use super::plan_rules::{called, is_several};
use super::shape::SILENCE;
use super::steps::{ConfigPlan, Context, PlanStep};
use super::{ChannelRef, SilenceDraft, entry, plan_channels};

/// Plans the silences; those that a document names are of `channels`. Those of the document that have ended are passed over,
/// so that it can be applied again.
pub(super) fn silences(
    plan: &mut ConfigPlan,
    current: &Current,
    drafts: &[SilenceDraft],
    channels: Channels<'_>,
    context: Context,
    violations: &mut Violations,
) {
    let present = plan_channels::present(current);
    let mut left: Vec<_> = current
        .silences
        .iter()
        .map(|(row, was)| (row, was, entry::silence(was, |id| called(id, &present))))
        .collect();
    for draft in drafts {
        let end = instant(draft.message.end_time.as_ref(), "end", &mut Violations::new());
        if end.is_some_and(|end| end <= context.now) {
            continue;
        }
        let Some(message) = violations.take(with_channels(draft, channels)) else {
            continue;
        };
        let after = entry::silence(&message, |id| called(id, channels.known));
        let is_same = |before: &super::tree::Map| match message.start_time {
            Some(_) => *before == after,
            None => before.clone().without(&["start"]) == after,
        };
        if let Some(same) = left.iter().position(|(_, _, before)| is_same(before)) {
            left.swap_remove(same);
            continue;
        }
        let written = silence::Silence::written(&message, context.now)
            .map_err(|wrong| SILENCE.in_document(wrong).under(&draft.path));
        if let Some(silence) = violations.take(written) {
            let subject = format!("silence {}", silence.comment);
            plan.create(subject, PlanStep::InsertSilence(silence), after, Vec::new());
        }
    }
    for (row, was, _) in left {
        let subject = format!("silence {}", was.comment);
        plan.delete(subject, PlanStep::ExpireSilence(row.silence_id()));
    }
}

fn with_channels(draft: &SilenceDraft, channels: Channels<'_>) -> Result<Silence, Violations> {
    let mut violations = Violations::new();
    let mut channel_ids: Vec<String> = Vec::new();
    for to in &draft.channels {
        match meant(to, channels.known) {
            Ok(known) if channel_ids.contains(&known.id) => {
                violations.add(&to.path, reason::DUPLICATE, "is given twice");
            }
            Ok(known) => channel_ids.push(known.id.clone()),
            Err(_) if !channels.complete => {}
            Err(wrong) => violations.extend(wrong),
        }
    }
    violations.into_result(Silence {
        channel_ids,
        ..draft.message.clone()
    })
}

/// The channel that a silence of a document means.
fn meant<'k>(to: &ChannelRef, channels: &'k [Known]) -> Result<&'k Known, Violations> {
    let named = to.among(channels);
    let why = match named.as_slice() {
        [one] => return Ok(one),
        [] => to.is_none(),
        several => is_several(several),
    };
    Err(Violations::one(&to.path, reason::UNKNOWN_VALUE, why))
}
