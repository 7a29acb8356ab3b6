//! Things named by people: found by id or by name, page by page.

use std::collections::HashMap;
use std::future::Future;

use tonic::Status;
use watchbell_contracts::config::v1::{
    Channel, ListChannelsRequest, ListMembersRequest, ListRulesRequest, ListTeamsRequest, Rule,
};
use watchbell_model::ChannelKind;
use watchbell_model::ids::{ChannelId, MemberId, RuleId, TeamId};

use super::Session;
use crate::failure::{Failure, Outcome};
use crate::{input, text};

impl Session {
    /// All channels.
    pub(crate) async fn all_channels(&self, kind: i32) -> Outcome<Vec<Channel>> {
        every(usize::MAX, |page_size, page_token| async move {
            let request = ListChannelsRequest {
                team_id: self.team(),
                page_size,
                page_token,
                kind,
            };
            let answer = self
                .channels()
                .list_channels(self.ask(request))
                .await?
                .into_inner();
            Ok((answer.channels, answer.next_page_token))
        })
        .await
    }

    /// All rules, in order.
    pub(crate) async fn all_rules(&self) -> Outcome<Vec<Rule>> {
        every(usize::MAX, |page_size, page_token| async move {
            let request = ListRulesRequest {
                team_id: self.team(),
                page_size,
                page_token,
            };
            let answer = self.routing().list_rules(self.ask(request)).await?.into_inner();
            Ok((answer.rules, answer.next_page_token))
        })
        .await
    }

    /// Channel names by id, for people; empty when the key may not read them.
    pub(crate) async fn channel_names(&self) -> HashMap<String, String> {
        let channels = self.all_channels(0).await.unwrap_or_default();
        channels
            .into_iter()
            .map(|channel| (channel.id, channel.display_name))
            .collect()
    }

    /// The id of a channel given by id, by display name, or by kind and display name (`slack:#incidents`).
    pub(crate) async fn channel_id(&self, given: &str) -> Outcome<String> {
        if given.parse::<ChannelId>().is_ok() {
            return Ok(given.to_owned());
        }
        let channels = self.all_channels(0).await?;
        pick_channel(given, &channels).map(|channel| channel.id.clone())
    }

    /// The ids of several channels.
    pub(crate) async fn channel_ids(&self, given: &[String]) -> Outcome<Vec<String>> {
        let mut ids = Vec::with_capacity(given.len());
        let mut listed = None;
        for name in given {
            if name.parse::<ChannelId>().is_ok() {
                ids.push(name.clone());
                continue;
            }
            if listed.is_none() {
                listed = Some(self.all_channels(0).await?);
            }
            ids.push(
                pick_channel(name, listed.as_deref().unwrap_or_default())?
                    .id
                    .clone(),
            );
        }
        Ok(ids)
    }

    /// The id of a rule given by id or display name.
    pub(crate) async fn rule_id(&self, given: &str) -> Outcome<String> {
        if given.parse::<RuleId>().is_ok() {
            return Ok(given.to_owned());
        }
        let rules = self.all_rules().await?;
        pick(
            "rule",
            given,
            rules
                .iter()
                .map(|rule| (rule.display_name.as_str(), rule.id.as_str())),
        )
    }

    /// The id of a member given by id or email.
    pub(crate) async fn member_id(&self, given: &str) -> Outcome<String> {
        if given.parse::<MemberId>().is_ok() {
            return Ok(given.to_owned());
        }
        let members = every(usize::MAX, |page_size, page_token| async move {
            let request = ListMembersRequest {
                team_id: self.team(),
                page_size,
                page_token,
            };
            let answer = self.teams().list_members(self.ask(request)).await?.into_inner();
            Ok((answer.members, answer.next_page_token))
        })
        .await?;
        pick(
            "member",
            given,
            members
                .iter()
                .map(|member| (member.email.as_str(), member.id.as_str())),
        )
    }

    /// The id of a team given by id or display name.
    pub(crate) async fn team_id(&self, given: &str) -> Outcome<String> {
        if given.is_empty() || given.parse::<TeamId>().is_ok() {
            return Ok(given.to_owned());
        }
        let teams = every(usize::MAX, |page_size, page_token| async move {
            let request = ListTeamsRequest {
                page_size,
                page_token,
            };
            let answer = self.teams().list_teams(self.ask(request)).await?.into_inner();
            Ok((answer.teams, answer.next_page_token))
        })
        .await?;
        pick(
            "team",
            given,
            teams
                .iter()
                .map(|team| (team.display_name.as_str(), team.id.as_str())),
        )
    }
}

/// Every item of a paged list, up to `limit`.
pub(crate) async fn every<T, F, Answer>(limit: usize, mut page: F) -> Outcome<Vec<T>>
where
    F: FnMut(i32, String) -> Answer,
    Answer: Future<Output = Result<(Vec<T>, String), Status>>,
{
    let mut items = Vec::new();
    let mut token = String::new();
    loop {
        let size = i32::try_from((limit - items.len()).min(1_000)).unwrap_or(1_000);
        let (more, next) = page(size, token).await?;
        items.extend(more);
        if next.is_empty() || items.len() >= limit {
            items.truncate(limit);
            return Ok(items);
        }
        token = next;
    }
}

fn pick_channel<'a>(given: &str, channels: &'a [Channel]) -> Outcome<&'a Channel> {
    let (kind, name) = match given.split_once(':') {
        Some((kind, name)) if input::word::<ChannelKind>(kind).is_ok() => (Some(kind.to_lowercase()), name),
        _ => (None, given),
    };
    let of_kind = |channel: &&Channel| {
        kind.as_deref()
            .is_none_or(|kind| text::kind(channel.kind) == kind)
    };
    let named: Vec<_> = channels
        .iter()
        .filter(of_kind)
        .filter(|channel| same_name(&channel.display_name, name))
        .collect();
    match exact_or_all(named, |channel| channel.display_name == name).as_slice() {
        [channel] => Ok(channel),
        [] => Err(Failure::usage(format!(
            "there is no channel `{given}`; `watchbell channels list` shows them"
        ))),
        several => {
            let kinds: Vec<_> = several
                .iter()
                .map(|channel| format!("{}:{name}", text::kind(channel.kind)))
                .collect();
            Err(Failure::usage(format!(
                "several channels are called `{name}`; write {}",
                kinds.join(" or ")
            )))
        }
    }
}

fn pick<'a>(what: &str, given: &str, known: impl Iterator<Item = (&'a str, &'a str)>) -> Outcome<String> {
    let named: Vec<_> = known.filter(|(name, _)| same_name(name, given)).collect();
    match exact_or_all(named, |(name, _)| *name == given).as_slice() {
        [(_, id)] => Ok((*id).to_owned()),
        [] => Err(Failure::usage(format!("there is no {what} `{given}`"))),
        several => {
            let ids: Vec<_> = several.iter().map(|(_, id)| *id).collect();
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
    use watchbell_model::convert::FromWire as _;

    fn channel(id: &str, kind: ChannelKind, name: &str) -> Channel {
        Channel {
            id: id.to_owned(),
            kind: kind.to_wire(),
            display_name: name.to_owned(),
            ..Channel::default()
        }
    }

    #[test]
    fn channels_are_found_by_name_and_told_apart_by_kind() {
        let channels = [
            channel("1", ChannelKind::Slack, "#incidents"),
            channel("2", ChannelKind::Teams, "Incidents"),
            channel("3", ChannelKind::Email, "audit trail"),
        ];
        let found = |given| pick_channel(given, &channels).map(|channel| channel.id.as_str());
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
        assert!(found("#nowhere").is_err());
    }

    #[test]
    fn an_exact_name_wins_over_one_in_another_case() {
        let known = [("Paging", "1"), ("paging", "2"), ("Other", "3"), ("OTHER", "4")];
        let found = |given| pick("rule", given, known.into_iter());
        assert_eq!(found("Paging").unwrap(), "1");
        assert_eq!(found("paging").unwrap(), "2");
        assert!(found("PAGING").is_err() && found("other").is_err());
    }

    #[tokio::test]
    async fn every_page_is_read_up_to_the_limit() {
        let page = |size: i32, token: String| async move {
            let start: i32 = token.parse().unwrap_or(0);
            let end = (start + size.min(3)).min(8);
            let next = if end < 8 { end.to_string() } else { String::new() };
            Ok(((start..end).collect::<Vec<_>>(), next))
        };
        assert_eq!(every(usize::MAX, page).await.unwrap(), (0..8).collect::<Vec<_>>());
        assert_eq!(every(4, page).await.unwrap(), [0, 1, 2, 3]);
    }
}
