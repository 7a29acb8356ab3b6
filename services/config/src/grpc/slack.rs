//! "Add to Slack". A state ties what comes back from Slack to the team, and the person, that it was begun for. It is
//! used up once Slack's answer was read and before anything is done with it, so that nothing is ever done twice; while
//! Slack is away, or its answer cannot be read, the same state serves for another approval.

use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    BeginSlackInstallRequest, BeginSlackInstallResponse, Channel, ChannelSecrets,
    CompleteSlackInstallRequest, CompleteSlackInstallResponse, InspectSlackInstallRequest,
    InspectSlackInstallResponse, SlackDestination,
};
use watchbell_model::channel::WrittenChannel;
use watchbell_model::convert::{instant, timestamp};
use watchbell_model::ids::{MemberId, TeamId};
use watchbell_model::rule::MAX_NAME_CHARS;
use watchbell_model::text::line;
use watchbell_model::violation::{Violations, reason};
use watchbell_model::{ChannelKind, Permission};
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::{self, Problem};

use super::channels::admit;
use super::{api_keys, crud, id, internal};
use crate::author::{Actor, Author, Writer};
use crate::error::Result;
use crate::sealing::RowIdentity;
use crate::secrets;
use crate::service::Service;
use crate::slack::{Credential, Grant, SlackApp, State};
use crate::store::changes::Change;
use crate::store::entities::{channel, member};
use crate::store::{Resource, channels, slack_states, split, teams};

/// Slack's names of channels have at most 80 characters.
const MAX_SLACK_NAME: usize = 80;
/// The number of channels that may have one name and workspace, told apart by a number.
const NAMESAKES: usize = 20;

pub(super) async fn begin(
    service: &Service,
    caller: Principal,
    request: BeginSlackInstallRequest,
) -> Result<BeginSlackInstallResponse> {
    let team = caller.team(&request.team_id)?;
    teams::get(service.store().reader(), team).await?;
    let app = app(service)?;
    let member = match (caller, request.member_id.as_str()) {
        (Principal::Member { member_id, .. }, "") => Some(member_id),
        (_, "") => None,
        (_, named) => {
            let member: MemberId = id("member_id", named)?;
            caller.acts_for(member)?;
            Some(member)
        }
    };
    let mut credential = credential(&caller, &request)?;
    // What Config knows is asked for again when it ends.
    credential.permitted &= !is_permitted(service, team, member).await?;
    let state = State::begin(team, member, credential, service.now());
    may_install(service, &state).await?;
    let sealed = state.seal(service.keyring())?;
    Ok(BeginSlackInstallResponse {
        // Others go by the page, which ties the state to the browser.
        authorize_url: match caller {
            Principal::Service => app.authorize_url(&sealed),
            Principal::ApiKey { .. } | Principal::Member { .. } => String::new(),
        },
        install_url: app.install_url(&sealed),
        suggested_channel: service.brand().default_slack_channel(),
        expire_time: Some(timestamp(state.expires)),
    })
}

pub(super) async fn inspect(
    service: &Service,
    caller: Principal,
    request: InspectSlackInstallRequest,
) -> Result<InspectSlackInstallResponse> {
    internal(&caller)?;
    let app = app(service)?;
    let state = begun(service, &request.state)?;
    let team = teams::get(service.store().reader(), state.team).await?;
    if slack_states::is_used(service.store().reader(), state.team, state.nonce).await? {
        return Err(used());
    }
    Ok(InspectSlackInstallResponse {
        team_id: state.team.to_string(),
        team_display_name: team.display_name,
        authorize_url: app.authorize_url(&request.state),
        suggested_channel: service.brand().default_slack_channel(),
        expire_time: Some(timestamp(state.expires)),
    })
}

pub(super) async fn complete(
    service: &Service,
    caller: Writer,
    request: CompleteSlackInstallRequest,
) -> Result<CompleteSlackInstallResponse> {
    internal(&caller)?;
    let app = app(service)?;
    if request.code.is_empty() {
        return Err(Problem::invalid("code", reason::REQUIRED, "must be given").into());
    }
    let state = begun(service, &request.state)?;
    let team = teams::get(service.store().reader(), state.team).await?;
    let key = may_install(service, &state).await?;
    let writer = service.store().writer();
    slack_states::prune_all_teams(writer, service.now()).await?;
    if slack_states::is_used(writer, state.team, state.nonce).await? {
        return Err(used());
    }
    let answer = app.redeem(&request.code).await?;
    if !slack_states::use_up(writer, state.team, state.nonce, state.expires).await? {
        return Err(used());
    }
    let grant = answer?;
    let mut author = caller.on_behalf_of(state.member);
    if let (None, Some(key)) = (state.member, key) {
        author.actor = Actor::Principal(key);
    }
    let (row, reconnected) = connect(service, state.team, &grant, author).await?;
    Ok(CompleteSlackInstallResponse {
        channel: Some(row.to_message(service.now())?),
        reconnected,
        team_display_name: team.display_name,
    })
}

fn app(service: &Service) -> Result<&SlackApp> {
    let missing = || Problem::Precondition {
        reason: "SLACK_NOT_CONFIGURED",
        message: "no Slack app is set up here: connect the channel by the URL of an incoming webhook"
            .to_owned(),
    };
    service.slack().ok_or_else(|| missing().into())
}

/// A state that was made here and can still be ended, as far as it says itself.
fn begun(service: &Service, state: &str) -> Result<State> {
    let state = State::open(service.keyring(), state)
        .ok_or_else(|| Problem::invalid("state", reason::MALFORMED, "is not valid"))?;
    if state.expires <= service.now() {
        return Err(Problem::Precondition {
            reason: "SLACK_STATE_EXPIRED",
            message: "it took too long: begin again".to_owned(),
        }
        .into());
    }
    Ok(state)
}

fn used() -> crate::error::Error {
    Problem::Precondition {
        reason: "SLACK_STATE_USED",
        message: "it has been ended already: begin again to add another channel".to_owned(),
    }
    .into()
}

/// By what an installation is begun. What a service says of its caller counts.
fn credential(caller: &Principal, request: &BeginSlackInstallRequest) -> Result<Credential> {
    Ok(match caller {
        Principal::ApiKey { key_id, .. } => Credential {
            key: Some(*key_id),
            ..Credential::default()
        },
        Principal::Member {
            manages_integrations,
            session,
            ..
        } => Credential {
            key: session.and_then(|session| session.key_id),
            permitted: *manages_integrations,
            expires: session.map(|session| session.expires_at),
        },
        Principal::Service => {
            let mut violations = Violations::new();
            let ends = request.session_expire_time.as_ref();
            let expires = instant(ends, "session_expire_time", &mut violations);
            let key = (!request.key_id.is_empty())
                .then(|| violations.parse("key_id", reason::MALFORMED, &request.key_id))
                .flatten();
            violations.into_result(Credential {
                key,
                permitted: request.is_permitted,
                expires,
            })?
        }
    })
}

/// Who began it must be allowed to when it begins and when it ends: a key must still be there and a person of the team, with the
/// permission by what Config knows, or by the token alone. The key, if one began it.
async fn may_install(service: &Service, state: &State) -> Result<Option<Principal>> {
    let key = match state.credential.key {
        Some(key) => Some(api_keys::principal(service, state.team, key).await?),
        None => None,
    };
    if is_permitted(service, state.team, state.member).await? || state.credential.permitted {
        return Ok(key);
    }
    let wanted = Permission::ManageIntegrations;
    Err(Problem::Denied {
        reason: problem::reason::MISSING_SCOPE,
        message: format!(
            "this call needs the permission to manage integrations ({wanted}), which Owners and Admins have"
        ),
    }
    .into())
}

/// Whether a person manages integrations, by what Config knows.
///
/// # Errors
/// The person is not of the team.
async fn is_permitted(service: &Service, team: TeamId, member: Option<MemberId>) -> Result<bool> {
    let Some(member) = member else { return Ok(true) };
    let row = member::Entity::get(service.store().writer(), team, &member).await?;
    let wanted = Permission::ManageIntegrations;
    let granted = split::<Permission>("members", &row.permissions)?.contains(&wanted);
    Ok(granted || row.role()?.permissions().contains(&wanted))
}

/// Makes the channel; or, when it is there already, leads it to the new webhook.
async fn connect(
    service: &Service,
    team: TeamId,
    grant: &Grant,
    author: Author,
) -> Result<(channel::Model, bool)> {
    let WrittenChannel { mut message, .. } = WrittenChannel::try_from(&destination(service, grant))?;
    let guard = service.guard().on_behalf_of(team);
    admit(&guard, &message, None).await.map_err(|refused| {
        tracing::error!(%team, %refused, "Slack gave a webhook that may not be reached");
        Problem::Precondition {
            reason: "SLACK_REFUSED",
            message: "Slack gave a webhook that may not be reached from here".to_owned(),
        }
    })?;
    let mut secrets = secrets::take(&mut message, None)?.secrets;
    if let Some(Destination::Slack(slack)) = &mut message.destination {
        slack.workspace = words(&grant.workspace, MAX_NAME_CHARS);
        slack.configuration_url = web(&grant.configuration_url);
        slack.workspace_id = words(&grant.workspace_id, MAX_NAME_CHARS);
        slack.slack_channel_id = words(&grant.channel_id, MAX_NAME_CHARS);
    }
    secrets.url = grant.url.expose().to_owned();
    let change = service.change(team, author).await?;
    let rows = channel::Entity::all(change.connection(), team).await?;
    let mut of_kind = Vec::new();
    for row in rows {
        if row.kind()? == ChannelKind::Slack {
            of_kind.push((slack_of(&row.to_message(change.now())?), row));
        }
    }
    let same = |slack: &SlackDestination| {
        !grant.channel_id.is_empty()
            && (&slack.workspace_id, &slack.slack_channel_id) == (&grant.workspace_id, &grant.channel_id)
    };
    let known = of_kind
        .iter()
        .find(|(slack, _)| same(slack))
        .map(|(_, row)| row.clone());
    let reconnected = known.is_some();
    let row = match known {
        Some(row) => reconnect(service, &change, row, &message, &secrets).await?,
        None => {
            let names: Vec<_> = of_kind.iter().map(|(_, row)| row.display_name.as_str()).collect();
            message.display_name = free_name(&message.display_name, &grant.workspace, &names)?;
            make(service, &change, &message, &secrets).await?
        }
    };
    service.finish(change, false).await?;
    Ok((row, reconnected))
}

fn destination(service: &Service, grant: &Grant) -> Channel {
    let name = words(&grant.channel, MAX_SLACK_NAME);
    let slack = SlackDestination {
        webhook_url: grant.url.expose().to_owned(),
        ..SlackDestination::default()
    };
    Channel {
        display_name: if name.is_empty() {
            service.brand().default_slack_channel()
        } else {
            name
        },
        destination: Some(Destination::Slack(slack)),
        ..Channel::default()
    }
}

async fn make(
    service: &Service,
    change: &Change,
    message: &Channel,
    secrets: &ChannelSecrets,
) -> Result<channel::Model> {
    crud::room_for_one::<channel::Entity>(change).await?;
    let mut row = channel::Model::new(change.team(), ChannelKind::Slack, message, change.now());
    let identity = RowIdentity::channel(change.team(), row.channel_id());
    row.secrets = secrets::seal(service.keyring(), identity, secrets)?;
    channels::insert(change.connection(), &mut row).await?;
    Ok(row)
}

/// Its name, filters and hours stay; the webhook is new, and what was wrong with the old one is over.
async fn reconnect(
    service: &Service,
    change: &Change,
    mut row: channel::Model,
    message: &Channel,
    secrets: &ChannelSecrets,
) -> Result<channel::Model> {
    let read = row.version;
    let identity = RowIdentity::channel(change.team(), row.channel_id());
    row.secrets = secrets::seal(service.keyring(), identity, secrets)?;
    let mut kept = row.to_message(change.now())?;
    kept.destination.clone_from(&message.destination);
    row.configure(&kept, change.now());
    channels::update_if(change.connection(), &row, read).await?;
    if row.unhealthy {
        row.reenable(false, change.now());
        channels::update_health(change.connection(), &row).await?;
    }
    Ok(row)
}

fn slack_of(channel: &Channel) -> SlackDestination {
    match &channel.destination {
        Some(Destination::Slack(slack)) => slack.clone(),
        _ => SlackDestination::default(),
    }
}

/// The channel's own name; with its workspace when another channel has that.
fn free_name(name: &str, workspace: &str, taken: &[&str]) -> Result<String> {
    let workspace = words(workspace, MAX_NAME_CHARS - MAX_SLACK_NAME - 8);
    let long = if workspace.is_empty() {
        name.to_owned()
    } else {
        format!("{name} ({workspace})")
    };
    let numbered = (2..NAMESAKES).map(|number| format!("{long} {number}"));
    [name.to_owned(), long.clone()]
        .into_iter()
        .chain(numbered)
        .find(|name| !taken.contains(&name.as_str()))
        .ok_or_else(|| {
            Problem::AlreadyExists {
                resource: "channel",
                name: name.to_owned(),
            }
            .into()
        })
}

/// Another's words on one line, and not too many.
fn words(text: &str, limit: usize) -> String {
    line(text).chars().take(limit).collect()
}

/// A link that a page may show; empty when it is none.
fn web(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => parsed.into(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_gets_its_workspace_and_then_a_number() {
        let name = |taken: &[&str]| free_name("#alerts", "Acme", taken).unwrap();
        assert_eq!(name(&[]), "#alerts");
        assert_eq!(name(&["#alerts"]), "#alerts (Acme)");
        assert_eq!(name(&["#alerts", "#alerts (Acme)"]), "#alerts (Acme) 2");
        assert_eq!(free_name("#alerts", "", &["#alerts"]).unwrap(), "#alerts 2");
        let longest = free_name(&"n".repeat(80), &"w".repeat(200), &[&"n".repeat(80)]).unwrap();
        assert!(longest.chars().count() <= MAX_NAME_CHARS, "{longest}");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(
            web("https://acme.slack.com/services/B1"),
            "https://acme.slack.com/services/B1"
        );
        for bad in ["javascript:alert(1)", "", "acme"] {
            assert_eq!(web(bad), "");
        }
    }
}
