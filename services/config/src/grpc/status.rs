//! Status of a team's integrations: the set-up comes from Config, the deliveries from the Dispatcher.

use prost_types::Timestamp;
use watchbell_contracts::config::v1::{
    ChannelHealth, GetIntegrationStatusRequest, GetIntegrationStatusResponse, IntegrationStatus,
};
use watchbell_contracts::dispatcher::v1::ChannelStats;
use watchbell_model::ChannelKind;
use watchbell_model::convert::{FromWire, timestamp};
use watchbell_runtime::auth::Principal;

use crate::confirmations::{Listed, Unconfirmed};
use crate::error::Result;
use crate::expressions;
use crate::service::Service;
use crate::store::entities::channel;
use crate::store::{Resource, teams};
use crate::warnings::without_mail_server;

pub(super) async fn get(
    service: &Service,
    caller: Principal,
    request: GetIntegrationStatusRequest,
) -> Result<GetIntegrationStatusResponse> {
    let team = caller.team(&request.team_id)?;
    teams::get(service.store().reader(), team).await?;
    let rows = channel::Entity::all(service.store().reader(), team).await?;
    let stats = service.dispatcher().stats(team).await;
    let expression_failures = expressions::failing(service, team).await?;
    let reader = service.store().reader();
    let listed = Listed::read(reader, team).await?;
    let unconfirmed_recipients = Unconfirmed::read(reader, team).await?.listed(&listed);
    let integrations = ChannelKind::ALL
        .iter()
        .map(|kind| {
            let built_in = match kind {
                // The inbox needs no channel, and by the platform's mail server neither does mail.
                ChannelKind::InApp => true,
                ChannelKind::Email => service.platform_mail(),
                ChannelKind::Slack | ChannelKind::Teams | ChannelKind::Webhook => false,
            };
            let stats = stats.as_deref().unwrap_or_default();
            status(*kind, built_in, &rows, stats, service.platform_mail())
        })
        .collect::<Result<_>>()?;
    Ok(GetIntegrationStatusResponse {
        integrations,
        dispatcher_away: stats.is_none(),
        expression_failures,
        unconfirmed_recipients,
    })
}

fn status(
    kind: ChannelKind,
    built_in: bool,
    channels: &[channel::Model],
    stats: &[ChannelStats],
    platform_mail: bool,
) -> Result<IntegrationStatus> {
    let of_kind: Vec<_> = channels.iter().filter(|row| row.kind == kind.as_str()).collect();
    let enabled: Vec<_> = of_kind.iter().filter(|row| !row.paused).collect();
    let unhealthy: Vec<_> = enabled.iter().filter(|row| row.unhealthy).collect();
    let count = |rows: usize| i32::try_from(rows).unwrap_or(i32::MAX);
    let messages = enabled.iter().map(|row| row.to_message(row.create_time));
    let warnings = messages
        .filter_map(|message| {
            message
                .map(|channel| without_mail_server(&channel, platform_mail))
                .transpose()
        })
        .collect::<Result<Vec<_>>>()?;
    let configured = built_in || enabled.len() > warnings.len();
    let health = match (configured, unhealthy.is_empty()) {
        (false, _) => ChannelHealth::Unspecified,
        (true, true) => ChannelHealth::Healthy,
        (true, false) => ChannelHealth::Unhealthy,
    };
    // Of a channel that is deleted nobody wants to hear any more.
    let there = |stats: &&ChannelStats| {
        stats.kind == kind.to_wire()
            && (stats.channel_id.is_empty()
                || of_kind
                    .iter()
                    .any(|row| row.channel_id().to_string() == stats.channel_id))
    };
    let stats: Vec<_> = stats.iter().filter(there).collect();
    let instants =
        |of: fn(&ChannelStats) -> Option<Timestamp>| stats.iter().filter_map(move |stats| of(stats));
    let (last_error_time, last_error) = newest_failure(&stats, &unhealthy).unzip();
    Ok(IntegrationStatus {
        kind: kind.to_wire(),
        configured,
        default_channel_id: of_kind
            .iter()
            .find(|row| row.is_default)
            .map(|row| row.channel_id().to_string())
            .unwrap_or_default(),
        health: health.into(),
        channel_count: count(enabled.len()),
        unhealthy_count: count(unhealthy.len()),
        last_success_time: instants(|stats| stats.last_success_time).max_by_key(order),
        last_error: last_error.unwrap_or_default(),
        oldest_waiting_time: instants(|stats| stats.oldest_waiting_time).min_by_key(order),
        last_error_time: last_error_time.flatten(),
        warnings,
    })
}

/// By the Dispatcher's own log; without it, by what it has reported of channels that are unhealthy.
fn newest_failure(
    stats: &[&ChannelStats],
    unhealthy: &[&&&channel::Model],
) -> Option<(Option<Timestamp>, String)> {
    let seen = stats
        .iter()
        .filter(|stats| !stats.last_error.is_empty())
        .max_by_key(|stats| stats.last_error_time.as_ref().map(order))
        .map(|stats| (stats.last_error_time, stats.last_error.clone()));
    let reported = || {
        let row = unhealthy.iter().max_by_key(|row| row.health_time)?;
        Some((row.health_time.map(timestamp), row.health_message.clone()))
    };
    seen.or_else(reported)
}

fn order(at: &Timestamp) -> (i64, i32) {
    (at.seconds, at.nanos)
}
