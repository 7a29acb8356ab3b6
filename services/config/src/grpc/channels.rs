//! Channels. Where a channel leads is judged before it is saved, and outside of any transaction, since it asks DNS;
//! so an update is written only if the channel is still the one that was read.

use chrono::{SecondsFormat, TimeDelta};
use uuid::Uuid;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    Channel, CreateChannelRequest, CreateChannelResponse, DeleteChannelRequest, DeleteChannelResponse,
    GetChannelRequest, GetChannelResponse, ListChannelsRequest, ListChannelsResponse, ReenableChannelRequest,
    ReenableChannelResponse, RotateWebhookSecretRequest, RotateWebhookSecretResponse, Rule,
    SetDefaultChannelRequest, SetDefaultChannelResponse, SmtpSecurity, SmtpServer, UpdateChannelRequest,
    UpdateChannelResponse,
};
use watchbell_egress::{Guard, Refusal};
use watchbell_model::ChannelKind;
use watchbell_model::channel::WrittenChannel;
use watchbell_model::convert::{optional, span, timestamp};
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::rule::{NamedChannel, named_channels};
use watchbell_model::secret::Secret;
use watchbell_model::signature::SigningSecret;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;
use watchbell_store::paging::{FiltersHash, PageRequest};

use super::crud::{self, Update};
use super::{PAGE, checked, existing, id, required};
use crate::author::Writer;
use crate::confirmations::{self, Listed, Unconfirmed};
use crate::error::{Error, Result};
use crate::owners;
use crate::sealing::RowIdentity;
use crate::secrets::{self, Before, Rotation, Taken};
use crate::service::Service;
use crate::store::entities::{channel, rule};
use crate::store::{Resource, channels, teams};
use crate::warnings::{Known, without_mail_server};

/// Attempts of an update without an etag, when others change the channel meanwhile.
const TRIES: usize = 3;
const DEFAULT_OVERLAP: TimeDelta = TimeDelta::hours(24);
const MAX_OVERLAP: TimeDelta = TimeDelta::days(30);

pub(super) async fn list(
    service: &Service,
    caller: Principal,
    request: ListChannelsRequest,
) -> Result<ListChannelsResponse> {
    let team = existing(service, &caller, &request.team_id).await?;
    let mut violations = Violations::new();
    let kind = optional::<ChannelKind>(request.kind, "kind", &mut violations);
    let filters = FiltersHash::for_method("ListChannels")
        .with(team)
        .with(request.kind);
    let page = PageRequest::<Uuid>::parse(request.page_size, &request.page_token, PAGE, filters);
    let Some(page) = violations.take(page).filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };
    let now = service.now();
    let page = channels::list(service.store().reader(), team, kind, &page).await?;
    let unconfirmed = Unconfirmed::read(service.store().reader(), team).await?;
    let page = page.try_map(|row| {
        let mut channel = row.to_message(now)?;
        unconfirmed.show(&mut channel);
        Ok::<_, Error>(channel)
    })?;
    Ok(ListChannelsResponse {
        channels: page.items,
        next_page_token: page.next_page_token,
    })
}

pub(super) async fn get(
    service: &Service,
    caller: Principal,
    request: GetChannelRequest,
) -> Result<GetChannelResponse> {
    let team = caller.team(&request.team_id)?;
    let text = &request.channel_id;
    let found = crud::get::<channel::Entity>(service, &caller, &request.team_id, "channel_id", text);
    let mut channel = found.await?;
    Unconfirmed::read(service.store().reader(), team)
        .await?
        .show(&mut channel);
    Ok(GetChannelResponse {
        channel: Some(channel),
    })
}

pub(super) async fn create(
    service: &Service,
    caller: Writer,
    request: CreateChannelRequest,
) -> Result<CreateChannelResponse> {
    let team = caller.team(&request.team_id)?;
    let (mut row, taken) = draft(service, team, request.channel).await?;
    let change = service.change(team, &caller).await?;
    crud::room_for_one::<channel::Entity>(&change).await?;
    let before = Listed::read(change.connection(), team).await?;
    channels::insert(change.connection(), &mut row).await?;
    confirmations::ask_new(service, &change, &before).await?;
    let mut channel = row.to_message(row.create_time)?;
    Unconfirmed::read(change.connection(), team)
        .await?
        .show(&mut channel);
    let mut warnings = Known::read(change.connection(), team).await?.of_channel(&channel);
    warnings.extend(without_mail_server(&channel, service.platform_mail()));
    service.finish(change, request.validate_only).await?;
    Ok(CreateChannelResponse {
        channel: Some(channel),
        signing_secret: taken.made.filter(|_| !request.validate_only).unwrap_or_default(),
        warnings,
    })
}

/// The row of a new channel that passed every check, which nobody has stored yet, and its secrets.
pub(super) async fn draft(
    service: &Service,
    team: TeamId,
    channel: Option<Channel>,
) -> Result<(channel::Model, Taken)> {
    teams::get(service.store().reader(), team).await?;
    let draft = required(channel, "channel")?;
    let (channel, kind, taken) = checked(
        "channel",
        examine(&service.guard().on_behalf_of(team), &draft, None).await,
    )?;

    let mut row = channel::Model::new(team, kind, &channel, service.now());
    let identity = RowIdentity::channel(team, row.channel_id());
    row.secrets = secrets::seal(service.keyring(), identity, &taken.secrets)?;
    Ok((row, taken))
}

pub(super) async fn update(
    service: &Service,
    caller: Writer,
    request: UpdateChannelRequest,
) -> Result<UpdateChannelResponse> {
    let team = caller.team(&request.team_id)?;
    let update = required(request.channel, "channel")?;
    let id: ChannelId = id("channel.id", &update.id)?;
    let guard = service.guard().on_behalf_of(team);
    for _ in 0..TRIES {
        let asked = Update {
            message: &update,
            etag: &update.etag,
            mask: request.update_mask.as_ref(),
        };
        let reader = service.store().reader();
        let found = crud::merged::<channel::Entity>(service, reader, team, &id, asked).await?;
        let (mut row, read) = (found.row.clone(), found.row.version);
        let identity = RowIdentity::channel(team, id);
        let kept = secrets::open(service.keyring(), identity, &row.secrets)?;
        let before = Before {
            channel: &found.current,
            secrets: &kept,
        };
        let (channel, _, taken) = checked("channel", examine(&guard, &found.merged, Some(&before)).await)?;
        if taken.secrets.signing_secrets != kept.signing_secrets {
            row.rotation_end = None;
        }
        if taken.secrets != kept {
            row.secrets = secrets::seal(service.keyring(), identity, &taken.secrets)?;
        }
        let change = service.change(team, &caller).await?;
        row.configure(&channel, change.now());
        let before = Listed::read(change.connection(), team).await?;
        if channels::update_if(change.connection(), &row, read).await? {
            confirmations::ask_new(service, &change, &before).await?;
            let mut shown = row.to_message(service.now())?;
            Unconfirmed::read(change.connection(), team)
                .await?
                .show(&mut shown);
            let mut warnings = Known::read(change.connection(), team).await?.of_channel(&channel);
            warnings.extend(without_mail_server(&channel, service.platform_mail()));
            service.finish(change, request.validate_only).await?;
            return Ok(UpdateChannelResponse {
                channel: Some(shown),
                warnings,
            });
        }
    }
    Err(Problem::StaleEtag {
        resource: "channel",
        name: id.to_string(),
    }
    .into())
}

pub(super) async fn delete(
    service: &Service,
    caller: Writer,
    request: DeleteChannelRequest,
) -> Result<DeleteChannelResponse> {
    let team = caller.team(&request.team_id)?;
    let id: ChannelId = id("channel_id", &request.channel_id)?;
    let change = service.change(team, &caller).await?;
    let row = crud::read::<channel::Entity>(change.connection(), team, &id, &request.etag).await?;
    let name = id.to_string();
    for rule in rule::Entity::all(change.connection(), team).await? {
        let rule = rule.to_message()?;
        if let Some(named) = named_channels(&rule).iter().find(|named| named.id == name) {
            return Err(Problem::Precondition {
                reason: "CHANNEL_IN_USE",
                message: format!(
                    "the rule {} ({}) {} to this channel",
                    rule.id, rule.display_name, named.does
                ),
            }
            .into());
        }
    }
    owners::channels_removed(&change, &[&row], &caller).await?;
    channels::delete(change.connection(), &row).await?;
    service.finish(change, false).await?;
    Ok(DeleteChannelResponse {})
}

pub(super) async fn set_default(
    service: &Service,
    caller: Writer,
    request: SetDefaultChannelRequest,
) -> Result<SetDefaultChannelResponse> {
    let team = caller.team(&request.team_id)?;
    let id: ChannelId = id("channel_id", &request.channel_id)?;
    let change = service.change(team, &caller).await?;
    let mut row = channel::Entity::get(change.connection(), team, &id).await?;
    // Idempotent: what is so already changes nothing, and no snapshot.
    if !row.is_default {
        channels::set_default(change.connection(), &mut row).await?;
        service.finish(change, false).await?;
    }
    Ok(SetDefaultChannelResponse {
        channel: Some(row.to_message(service.now())?),
    })
}

pub(super) async fn rotate_secret(
    service: &Service,
    caller: Writer,
    request: RotateWebhookSecretRequest,
) -> Result<RotateWebhookSecretResponse> {
    let team = caller.team(&request.team_id)?;
    let mut violations = Violations::new();
    let id = violations.parse::<ChannelId>("channel_id", reason::MALFORMED, &request.channel_id);
    let overlap = span(request.overlap.as_ref(), "overlap", &mut violations)
        .and_then(|overlap| TimeDelta::from_std(overlap).ok())
        .unwrap_or(DEFAULT_OVERLAP);
    if overlap > MAX_OVERLAP {
        violations.add("overlap", reason::OUT_OF_RANGE, "must be at most 30 days");
    }
    let new = if request.signing_secret.is_empty() {
        Secret::new(secrets::generate_signing_secret())
    } else {
        Secret::new(request.signing_secret)
    };
    violations.take_under("signing_secret", SigningSecret::parse(new.clone()));
    let Some(id) = id.filter(|_| violations.is_empty()) else {
        return Err(violations.into());
    };

    let change = service.change(team, &caller).await?;
    let mut row = channel::Entity::get(change.connection(), team, &id).await?;
    if row.kind()? != ChannelKind::Webhook {
        let why = "only webhook channels have a signing secret";
        return Err(Problem::invalid("channel_id", reason::NOT_ALLOWED, why).into());
    }
    let identity = RowIdentity::channel(team, id);
    let mut secrets = secrets::open(service.keyring(), identity, &row.secrets)?;
    let until = change.now() + overlap;
    match secrets::rotate(&mut secrets, &new, change.now(), until) {
        Rotation::Begun => {}
        Rotation::Unchanged => {
            return Ok(RotateWebhookSecretResponse {
                signing_secret: new.expose().to_owned(),
                old_secret_expire_time: row.rotation_end.filter(|end| *end > change.now()).map(timestamp),
            });
        }
        Rotation::Running(end) => {
            return Err(Problem::Precondition {
                reason: "ROTATION_IN_PROGRESS",
                message: format!(
                    "the secret before the present one signs until {}: rotate after that, or with an overlap of 0 \
                     to end all older secrets at once",
                    end.to_rfc3339_opts(SecondsFormat::Secs, true)
                ),
            }
            .into());
        }
    }
    let read = row.version;
    row.secrets = secrets::seal(service.keyring(), identity, &secrets)?;
    row.rotation_end = Some(until);
    row.version += 1;
    row.update_time = change.now();
    channels::update_if(change.connection(), &row, read).await?;
    service.finish(change, false).await?;
    Ok(RotateWebhookSecretResponse {
        signing_secret: new.expose().to_owned(),
        old_secret_expire_time: Some(timestamp(until)),
    })
}

pub(super) async fn reenable(
    service: &Service,
    caller: Writer,
    request: ReenableChannelRequest,
) -> Result<ReenableChannelResponse> {
    let team = caller.team(&request.team_id)?;
    let id: ChannelId = id("channel_id", &request.channel_id)?;
    let change = service.change(team, &caller).await?;
    let mut row = channel::Entity::get(change.connection(), team, &id).await?;
    row.reenable(request.recover_parked, change.now());
    row.version += 1;
    row.update_time = change.now();
    channels::update_health(change.connection(), &row).await?;
    service.finish(change, false).await?;
    Ok(ReenableChannelResponse {
        channel: Some(row.to_message(service.now())?),
    })
}

/// A channel that somebody wrote, its kind, and its secrets apart from it.
///
/// # Errors
/// Every violation at once: of its fields, of its secrets, and of where it leads. Paths are below the channel.
async fn examine(
    guard: &Guard,
    draft: &Channel,
    before: Option<&Before<'_>>,
) -> std::result::Result<(Channel, ChannelKind, Taken), Violations> {
    let mut violations = Violations::new();
    let kind = ChannelKind::of(draft);
    if kind.is_some() && before.is_some_and(|before| ChannelKind::of(before.channel) != kind) {
        violations.add(
            "destination",
            reason::NOT_ALLOWED,
            "the kind of a channel cannot change",
        );
    }
    let checked = violations.take(WrittenChannel::try_from(draft));
    let mut channel = checked.map_or_else(|| draft.clone(), |checked| checked.message);
    violations.take(admit(guard, &channel, before).await);
    let taken = violations.take(secrets::take(&mut channel, before));
    match (kind, taken) {
        (Some(kind), Some(taken)) if violations.is_empty() => Ok((channel, kind, taken)),
        _ => Err(violations),
    }
}

/// Asks the egress guard where the channel leads, if that has changed: a channel whose host is gone today can still
/// be paused, renamed or deleted. The URL is still in the channel, unless it is to be kept.
pub(super) async fn admit(
    guard: &Guard,
    channel: &Channel,
    before: Option<&Before<'_>>,
) -> std::result::Result<(), Violations> {
    let refused =
        |field: &str, refusal: Refusal| Violations::one(field, refusal.reason(), refusal.to_string());
    let (field, url) = match &channel.destination {
        Some(Destination::Slack(slack)) => ("slack.webhook_url", &slack.webhook_url),
        Some(Destination::Teams(teams)) => ("teams.webhook_url", &teams.webhook_url),
        Some(Destination::Webhook(webhook)) => ("webhook.url", &webhook.url),
        Some(Destination::Email(email)) => {
            let Some(server) = email
                .smtp
                .as_ref()
                .filter(|server| !server.host.trim().is_empty())
            else {
                return Ok(());
            };
            if before.is_some_and(|before| leads_the_same_way(before.channel, server)) {
                return Ok(());
            }
            return admit_server(guard, server)
                .await
                .map_err(|refusal| refused("email.smtp.host", refusal));
        }
        Some(Destination::InApp(_)) | None => return Ok(()),
    };
    if url.is_empty() || before.is_some_and(|before| before.secrets.url == *url) {
        return Ok(());
    }
    guard
        .admit_url(url)
        .await
        .map_err(|refusal| refused(field, refusal))?;
    Ok(())
}

fn leads_the_same_way(before: &Channel, server: &SmtpServer) -> bool {
    match &before.destination {
        Some(Destination::Email(email)) => email.smtp.as_ref().is_some_and(|was| {
            (&was.host, was.port, was.security) == (&server.host, server.port, server.security)
        }),
        _ => false,
    }
}

async fn admit_server(guard: &Guard, server: &SmtpServer) -> std::result::Result<(), Refusal> {
    let port = u16::try_from(server.port).unwrap_or_default();
    let addresses = guard.check_host(&server.host, port).await?;
    let allowed = |ip| guard.policy().allow.iter().any(|net| net.contains(&ip));
    if server.security() == SmtpSecurity::None
        && !addresses
            .iter()
            .all(|address| allowed(address.ip().to_canonical()))
    {
        return Err(Refusal::NotAllowListed);
    }
    Ok(())
}

/// Violations of the channels that a rule sends or escalates to: they must be the team's own, and of a kind that rules may name.
pub(super) async fn routable(
    connection: &impl sea_orm::ConnectionTrait,
    team: TeamId,
    rule: &Rule,
) -> Result<Violations> {
    let mut violations = Violations::new();
    let named = named_channels(rule);
    if named.is_empty() {
        return Ok(violations);
    }
    let existing = channel::Entity::all(connection, team).await?;
    for NamedChannel { id, field: at, .. } in named {
        // What is no id at all is told by the check of the rule.
        let Ok(id) = id.parse::<ChannelId>() else {
            continue;
        };
        match existing.iter().find(|row| row.id == id.as_uuid()) {
            None => violations.add(at, reason::UNKNOWN_VALUE, "is not a channel of this team"),
            Some(row) if row.kind()? == ChannelKind::Webhook => {
                violations.add(
                    at,
                    reason::NOT_ALLOWED,
                    "is a webhook, which has a filter of its own",
                );
            }
            Some(_) => {}
        }
    }
    Ok(violations)
}
