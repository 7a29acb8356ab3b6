//! `Recover`: what failed or was parked is sent again, on a channel or by a filter.

use std::time::Duration;

use chrono::SubsecRound as _;
use tonic::Request;
use uuid::Uuid;
use watchbell_contracts::dispatcher::v1 as wire;
use watchbell_model::ChannelKind;
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::pace;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;

use super::deliveries::{begin, tell_watchers};
use super::selection::{MAX_TIME, Resent, Selected, Selection, period, refusal};
use super::{exists, filters, id};
use crate::channel::cache::Lookup;
use crate::error::Error;
use crate::job::State;
use crate::resend::Resend;
use crate::state::Core;
use crate::store::DeliveryFilter;

/// Deliveries of one transaction.
const CHUNK: usize = 1_000;

/// What is asked, checked.
struct Wanted {
    /// The channel that was named besides the filter.
    channel: Option<ChannelId>,
    filter: DeliveryFilter,
    /// All of the channel, however many.
    is_everything: bool,
    validate_only: bool,
    per_second: Option<u32>,
}

pub(super) async fn recover(
    core: &Core,
    request: Request<wire::RecoverRequest>,
) -> Result<wire::RecoverResponse, Error> {
    let principal = Principal::from_request(&request)?;
    let team = principal.team(&request.get_ref().team_id)?;
    let wanted = read(request.into_inner())?;
    core.channels.forget(team);
    if let Some(channel) = wanted.channel
        && let Some(problem) = refusal(core, team, channel).await?
    {
        return Err(problem.into());
    }
    core.resends.forget_idle(core.clock.now(), core.clock.monotonic());
    let _turn = core
        .resends
        .begin(team, Resend::Recover, core.clock.monotonic())?;
    let max_time = match wanted.is_everything {
        true => Duration::MAX,
        false => MAX_TIME,
    };
    let filters = filters_of(core, team, &wanted).await;
    let mut selection = Selection::find(core, team, Resend::Recover, filters, max_time).await?;
    if selection.deliveries.is_empty() {
        exists(core, principal, team).await?;
    }
    let mut resent = Resent::default();
    if wanted.validate_only {
        resent.add(selection.deliveries.len() as u64, None);
    } else {
        take_up(core, team, &selection, wanted.per_second, &mut resent).await?;
        // Each is taken up once, even if it fails again meanwhile.
        while wanted.is_everything && selection.is_truncated() {
            selection.go_on(core, team, Resend::Recover, max_time).await?;
            take_up(core, team, &selection, wanted.per_second, &mut resent).await?;
        }
    }
    Ok(wire::RecoverResponse {
        recovered_count: resent.count(),
        channels: selection.channels(),
        truncated: selection.is_truncated(),
        last_due_time: resent.last_due_time(),
    })
}

fn read(request: wire::RecoverRequest) -> Result<Wanted, Violations> {
    let mut violations = Violations::new();
    let is_filtered = request.filter.is_some();
    let channel: Option<ChannelId> = match request.channel_id.as_str() {
        "" if is_filtered => None,
        text => violations.take(id("channel_id", text)),
    };
    let (start, end) = period(request.start_time, request.end_time, &mut violations);
    let mut of_filter = Violations::new();
    let mut filter = filters::deliveries(request.filter.unwrap_or_default(), &mut of_filter);
    for (index, state) in filter.states.iter().enumerate() {
        if !matches!(state, State::Parked | State::Failed) {
            let field = format!("states[{index}]");
            of_filter.add(field, reason::NOT_ALLOWED, "must be PARKED or FAILED");
        }
    }
    if channel.is_some() && filter.channel.is_some_and(|id| Some(id) != channel) {
        let why = "must be the same as `channel_id` of the request, or empty";
        of_filter.add("channel_id", reason::NOT_ALLOWED, why);
    }
    violations.nest("filter", of_filter);
    if filter.states.is_empty() {
        filter.states = vec![State::Parked, State::Failed];
    }
    let per_second = pace::per_second(request.per_second, &mut violations);
    // Without a filter, as fast as the channel takes them.
    let per_second = per_second.or(is_filtered.then_some(pace::PER_SECOND));
    violations.into_result(Wanted {
        is_everything: !is_filtered && per_second.is_none() && end.is_none(),
        filter: DeliveryFilter {
            channel: channel.or(filter.channel),
            start,
            end,
            ..filter
        },
        channel,
        validate_only: request.validate_only,
        per_second,
    })
}

/// Which deliveries it takes up.
async fn filters_of(core: &Core, team: TeamId, wanted: &Wanted) -> Vec<DeliveryFilter> {
    let mut filters = vec![wanted.filter.clone()];
    // By the team's own mail server its people get their mail, too.
    if let Some(channel) = wanted.channel
        && wanted.filter.kind.is_none_or(|kind| kind == ChannelKind::Email)
        && let Ok(Lookup::Found(policy)) = core.channels.people(team).await
        && policy.channel_id == Some(channel)
    {
        filters.push(DeliveryFilter {
            channel: None,
            kind: Some(ChannelKind::Email),
            without_channel: true,
            ..wanted.filter.clone()
        });
    }
    filters
}

/// Makes deliveries pending, as if they were new, a chunk in each transaction.
async fn take_up(
    core: &Core,
    team: TeamId,
    selection: &Selection,
    per_second: Option<u32>,
    resent: &mut Resent,
) -> Result<(), Error> {
    for chunk in selection.deliveries.chunks(CHUNK) {
        let now = core.clock.now().trunc_subsecs(6);
        let transaction = begin(core, team).await?;
        let due = Selected::due(core, team, chunk, per_second, now).await?;
        let deliveries: Vec<_> = chunk.iter().map(|delivery| delivery.id).zip(due).collect();
        let count = core.db.recover(&transaction, team, &deliveries).await?;
        core.db.commit(transaction).await?;
        let ids: Vec<Uuid> = chunk.iter().map(|delivery| delivery.id).collect();
        // Before anything is sent again.
        tell_watchers(core, team, &ids).await;
        for (delivery, (_, due)) in chunk.iter().zip(&deliveries) {
            core.note_due(team, delivery.lane, *due);
        }
        resent.add(count, deliveries.iter().map(|(_, due)| *due).max());
        let mut recovered = ids;
        while !recovered.is_empty() {
            recovered = reopen_told(core, team, &recovered).await?;
        }
    }
    Ok(())
}

/// What summaries tell waits for them again, in short transactions; the summaries among that.
async fn reopen_told(core: &Core, team: TeamId, summaries: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    let mut within = Vec::new();
    loop {
        let transaction = begin(core, team).await?;
        let reopened = core.db.reopen_told(&transaction, team, summaries).await?;
        core.db.commit(transaction).await?;
        if reopened.is_empty() {
            return Ok(within);
        }
        let are_summaries = reopened.into_iter().filter(|(_, is_summary)| *is_summary);
        within.extend(are_summaries.map(|(id, _)| id));
    }
}
