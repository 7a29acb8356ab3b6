//! Things named by people: found by id or by name.

use std::collections::HashMap;

use tonic::{Code, Status};
use watchbell_contracts::config::v1::{GetSelfRequest, GetTeamRequest};
use watchbell_model::ChannelKind;
use watchbell_model::catalog::Catalog;
use watchbell_model::closest::closest;
use watchbell_model::ids::{ChannelId, MemberId, RuleId, TeamId};
use watchbell_runtime::problem;

use super::{Session, rpc};
use crate::failure::{Failure, Outcome, present};
use crate::{input, text};

/// What people call by a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// By display name.
    Team,
    /// By email.
    Member,
    /// By display name.
    Rule,
    /// By display name, or by kind and display name (`slack:#incidents`).
    Channel,
}

/// One of them.
struct Item {
    id: String,
    name: String,
    /// Of a channel.
    kind: String,
}

impl Session {
    /// The id of one that is given by id or name.
    pub(crate) async fn id_of(&self, named: Named, given: &str) -> Outcome<String> {
        match named {
            Named::Team => self.team_of(given).await,
            _ => Ok(self.ids_of(named, std::iter::once(given)).await?.concat()),
        }
    }

    /// The ids of several; they are listed once at the most.
    pub(crate) async fn ids_of(
        &self,
        named: Named,
        given: impl Iterator<Item = &str>,
    ) -> Outcome<Vec<String>> {
        let mut ids = Vec::new();
        let mut listed = None;
        for given in given {
            if named.is_id(given) {
                ids.push(given.to_owned());
                continue;
            }
            if listed.is_none() {
                listed = Some(self.listed(named).await?);
            }
            ids.push(pick(named, given, listed.as_deref().unwrap_or_default())?);
        }
        Ok(ids)
    }

    /// Channel names by id, for people: empty for JSON, and when the key may not read them.
    pub(crate) async fn channel_names(&self) -> HashMap<String, String> {
        if self.out.json {
            return HashMap::new();
        }
        let channels = self.listed(Named::Channel).await.unwrap_or_default();
        channels
            .into_iter()
            .map(|channel| (channel.id, channel.name))
            .collect()
    }

    /// The id of a team that is given by id or name. A credential of one team knows no other, and need not list them.
    async fn team_of(&self, given: &str) -> Outcome<String> {
        if Named::Team.is_id(given) {
            return Ok(given.to_owned());
        }
        let own = self.teams().get_self(self.ask(GetSelfRequest {})).await?;
        let own = own.into_inner().team_id;
        if own.is_empty() {
            return Ok(self.ids_of(Named::Team, std::iter::once(given)).await?.concat());
        }
        let request = GetTeamRequest { team_id: own.clone() };
        let name = match self.teams().get_team(self.ask(request)).await {
            Ok(answer) => present(answer.into_inner().team)?.display_name,
            Err(refused) if refused.code() == Code::PermissionDenied => {
                return Err(Failure::usage(format!(
                    "this key belongs to the team {own}, and may not read what that is called: leave the team out, or give its id"
                )));
            }
            Err(refused) => return Err(refused.into()),
        };
        match same_name(&name, given) {
            true => Ok(own),
            false => Err(Failure::usage(format!(
                "this key belongs to the team `{name}` ({own}), not to `{given}`"
            ))),
        }
    }

    /// A refusal of an event; when its type is not known, with the one that may be meant.
    pub(crate) async fn refused_event(&self, status: Status, kind: &str) -> Failure {
        let unknown = problem::from_status(&status)
            .violations
            .iter()
            .any(|violation| violation.field == "event.type");
        if !unknown {
            return status.into();
        }
        // A key that only emits may not read the team's own types.
        let own = self
            .items("CatalogService", "ListEventTypes", "EventType", "name")
            .await;
        let own = own.unwrap_or_default();
        let built_in = Catalog::built_in().iter().map(|spec| spec.event_type.as_str());
        let known = own.iter().map(|item| item.name.as_str()).chain(built_in);
        Failure::Mistyped {
            status: Box::new(status),
            meant: meant(kind, known).map(str::to_owned),
        }
    }

    async fn listed(&self, named: Named) -> Outcome<Vec<Item>> {
        let (service, list, message, name) = match named {
            Named::Team => ("TeamService", "ListTeams", "Team", "display_name"),
            Named::Member => ("TeamService", "ListMembers", "Member", "email"),
            Named::Rule => ("RoutingService", "ListRules", "Rule", "display_name"),
            Named::Channel => ("ChannelService", "ListChannels", "Channel", "display_name"),
        };
        self.items(service, list, message, name).await
    }

    async fn items(&self, service: &str, list: &str, message: &str, name: &str) -> Outcome<Vec<Item>> {
        let method = rpc::method(&format!("watchbell.config.v1.{service}"), list)?;
        let answer = self.all(&method, self.request(&method), usize::MAX).await?;
        let kind = |item: &prost_reflect::DynamicMessage| {
            let kind = item.get_field_by_name("kind")?.as_enum_number()?;
            Some(text::kind(kind))
        };
        let items = rpc::items(&answer, &format!("watchbell.config.v1.{message}"));
        let items = items.iter().map(|item| Item {
            id: rpc::string(item, "id"),
            name: rpc::string(item, name),
            kind: kind(item).unwrap_or_default(),
        });
        Ok(items.collect())
    }
}

impl Named {
    fn is_id(self, given: &str) -> bool {
        match self {
            Self::Team => given.is_empty() || given.parse::<TeamId>().is_ok(),
            Self::Member => given.parse::<MemberId>().is_ok(),
            Self::Rule => given.parse::<RuleId>().is_ok(),
            Self::Channel => given.parse::<ChannelId>().is_ok(),
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Member => "member",
            Self::Rule => "rule",
            Self::Channel => "channel",
        }
    }
}

/// A name that may be meant: none when what was given is known, and refused for another reason.
fn meant<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    closest(given, known).filter(|name| *name != given)
}

fn pick(named: Named, given: &str, items: &[Item]) -> Outcome<String> {
    let (kind, name) = match given.split_once(':') {
        Some((kind, name)) if named == Named::Channel && input::word::<ChannelKind>(kind).is_ok() => {
            (Some(kind.to_lowercase()), name)
        }
        _ => (None, given),
    };
    let found: Vec<_> = items
        .iter()
        .filter(|item| kind.as_deref().is_none_or(|kind| item.kind == kind) && same_name(&item.name, name))
        .collect();
    let noun = named.noun();
    match exact_or_all(found, |item| item.name == name).as_slice() {
        [item] => Ok(item.id.clone()),
        [] => {
            let meant = closest(name, items.iter().map(|item| item.name.as_str()));
            let hint = match (meant, named) {
                (Some(meant), _) => format!("; did you mean `{meant}`?"),
                (None, Named::Channel) => "; `watchbell channels list` shows them".to_owned(),
                (None, _) => String::new(),
            };
            Err(Failure::usage(format!("there is no {noun} `{given}`{hint}")))
        }
        several if named == Named::Channel => {
            let kinds: Vec<_> = several
                .iter()
                .map(|item| format!("{}:{name}", item.kind))
                .collect();
            Err(Failure::usage(format!(
                "several channels are called `{name}`; write {}",
                kinds.join(" or ")
            )))
        }
        several => {
            let ids: Vec<_> = several.iter().map(|item| item.id.as_str()).collect();
            Err(Failure::usage(format!(
                "several are called `{given}`: {}",
                ids.join(", ")
            )))
        }
    }
}

/// Those whose name is exactly the given one, if there are any; else all that it may mean.
fn exact_or_all<T>(named: Vec<T>, is_exact: impl Fn(&T) -> bool) -> Vec<T> {
    let (exact, others): (Vec<_>, Vec<_>) = named.into_iter().partition(is_exact);
    if exact.is_empty() { others } else { exact }
}

/// Names without regard to case, and with or without the `#` that shells like to eat.
fn same_name(name: &str, given: &str) -> bool {
    let bare = |text: &str| text.strip_prefix('#').unwrap_or(text).to_lowercase();
    bare(name) == bare(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, kind: &str, name: &str) -> Item {
        Item {
            id: id.to_owned(),
            name: name.to_owned(),
            kind: kind.to_owned(),
        }
    }

    #[test]
    fn channels_are_found_by_name_and_told_apart_by_kind() {
        let channels = [
            item("1", "slack", "#incidents"),
            item("2", "teams", "Incidents"),
            item("3", "email", "audit trail"),
        ];
        let found = |given| pick(Named::Channel, given, &channels);
        assert_eq!(found("Audit Trail").unwrap(), "3");
        assert_eq!(found("teams:incidents").unwrap(), "2");
        assert_eq!(found("slack:#incidents").unwrap(), "1");
        assert_eq!(found("#incidents").unwrap(), "1", "an exact match wins");
        assert_eq!(found("Incidents").unwrap(), "2");
        let Err(Failure::Usage(message)) = found("incidents") else {
            panic!()
        };
        assert!(
            message.contains("slack:incidents or teams:incidents"),
            "{message}"
        );
        let missing = |given| match found(given) {
            Err(Failure::Usage(message)) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            missing("#incidnets"),
            "there is no channel `#incidnets`; did you mean `#incidents`?"
        );
        assert!(missing("#nowhere").ends_with("`watchbell channels list` shows them"));
    }

    #[test]
    fn what_was_typed_is_not_suggested() {
        let known = || Catalog::built_in().iter().map(|spec| spec.event_type.as_str());
        assert_eq!(
            meant("alert.acknowledged", known()),
            None,
            "known, and not to be emitted"
        );
        assert_eq!(meant("alert.acknowleged", known()), Some("alert.acknowledged"));
    }

    #[test]
    fn an_exact_name_wins_over_one_in_another_case() {
        let known = [
            item("1", "", "Paging"),
            item("2", "", "paging"),
            item("3", "", "Other"),
            item("4", "", "OTHER"),
        ];
        let found = |given| pick(Named::Rule, given, &known);
        assert_eq!(found("Paging").unwrap(), "1");
        assert_eq!(found("paging").unwrap(), "2");
        assert!(found("PAGING").is_err() && found("other").is_err());
    }
}
