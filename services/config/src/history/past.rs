//! Configurations of the past: the present one with all later changes undone.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::ConnectionTrait;
use watchbell_contracts::config::v1::{
    Channel, ChannelHealth, DigestSettings, EventType, Member, MemberSnapshot, MentionRule, Preference, Rule,
    Silence, Team, TeamSnapshot,
};
use watchbell_model::convert::instant;
use watchbell_model::ids::TeamId;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::problem::Problem;

use crate::confirmations::Unconfirmed;
use crate::document::default_of;
use crate::error::Result;
use crate::store::entities::config_history::Model;
use crate::store::entities::silence;
use crate::store::history::{self, Key, Kind, People, SaidPreference, State};
use crate::store::{Resource, teams};

/// Changes that are undone at a time.
const CHUNK: u64 = 100;

/// A team's configuration as it was.
pub(crate) struct Past {
    pub(crate) state: State,
    pub(crate) revision: i64,
    /// The time of the change that made it.
    pub(crate) since: DateTime<Utc>,
}

// === impl Past ===

impl Past {
    /// The configuration at a revision. The connection must see one state of the team.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a revision that is still to come, `FAILED_PRECONDITION` for one before the history begins.
    pub(crate) async fn at_revision(
        connection: &impl ConnectionTrait,
        team: TeamId,
        revision: i64,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let newest = teams::get(connection, team).await?.revision;
        if revision > newest || revision < 1 {
            let why = format!("must be between 1 and {newest}");
            return Err(Problem::invalid("revision", reason::OUT_OF_RANGE, why).into());
        }
        let oldest = history::oldest(connection, team).await?;
        if oldest.as_ref().is_none_or(|oldest| oldest.revision > revision) {
            return Err(not_kept(oldest.as_ref()).into());
        }
        let made = history::made_by(connection, team, revision).await?;
        let since = made.map_or(now, |row| row.change_time);
        Self::undone(connection, team, revision, (since, now)).await
    }

    /// The configuration that was in force at a time.
    ///
    /// # Errors
    /// `FAILED_PRECONDITION` for a time before the history begins.
    pub(crate) async fn at_time(
        connection: &impl ConnectionTrait,
        team: TeamId,
        time: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        teams::get(connection, team).await?;
        match history::in_force_at(connection, team, time).await? {
            Some(row) => Self::undone(connection, team, row.revision, (row.change_time, now)).await,
            None => Err(not_kept(history::oldest(connection, team).await?.as_ref()).into()),
        }
    }

    /// The snapshot that it was. Channels count as healthy: their health is not kept.
    ///
    /// # Errors
    /// An entry that does not decode.
    pub(crate) fn snapshot(&self, team: TeamId, at: DateTime<Utc>) -> Result<TeamSnapshot> {
        let state = &self.state;
        let team_id = team.to_string();
        let unconfirmed = Unconfirmed::of_state(state, team, self.since)?;
        let mut compliance_recipients = state.texts(&Key::single(Kind::ComplianceRecipients))?;
        let unconfirmed_compliance_recipients = unconfirmed.take_from(&mut compliance_recipients);
        let mut digest: DigestSettings = state.get(&Key::single(Kind::Digest))?.unwrap_or_default();
        unconfirmed.take_from(&mut digest.recipients);
        let mut channels = Vec::new();
        for (id, message) in state.all::<Channel>(Kind::Channel)? {
            let default = default_of(state, &message)?;
            let mut channel = Channel {
                id: id.to_owned(),
                team_id: team_id.clone(),
                is_default: default.as_deref() == Some(id),
                health: ChannelHealth::Healthy.into(),
                ..message
            };
            unconfirmed.withhold(&mut channel);
            channels.push(channel);
        }
        let mut rules = Vec::new();
        for (position, id) in (1..).zip(state.texts(&Key::single(Kind::RuleOrder))?) {
            let rule = state.get::<Rule>(&Key::new(Kind::Rule, id))?;
            rules.extend(rule.map(|rule| Rule {
                team_id: team_id.clone(),
                position,
                ..rule
            }));
        }
        let of_team = |(_, rule)| MentionRule {
            team_id: team_id.clone(),
            ..rule
        };
        let mention_rules = state
            .all::<MentionRule>(Kind::MentionRule)?
            .into_iter()
            .map(of_team);
        let event_types = state.all::<EventType>(Kind::EventType)?;
        let silences = state
            .all::<Silence>(Kind::Silence)?
            .into_iter()
            .map(|(_, silence)| Silence {
                team_id: team_id.clone(),
                ..silence
            });
        let has_not_ended = |silence: &Silence| {
            let end = instant(silence.end_time.as_ref(), "end_time", &mut Violations::new());
            end.is_some_and(|end| end > at)
        };
        Ok(TeamSnapshot {
            revision: self.revision,
            team: state.get::<Team>(&Key::single(Kind::Team))?,
            members: self.members(&team_id)?,
            channels,
            rules,
            mention_rules: mention_rules.collect(),
            compliance_recipients,
            event_types: event_types.into_iter().map(|(_, message)| message).collect(),
            digest: Some(digest),
            unconfirmed_compliance_recipients,
            silences: silences.filter(has_not_ended).collect(),
            // It is asked, and not submitted by.
            cell: None,
        })
    }

    fn members(&self, team_id: &str) -> Result<Vec<MemberSnapshot>> {
        let mut said: HashMap<String, Vec<Preference>> = HashMap::new();
        for (key, word) in self.state.all::<SaidPreference>(Kind::Preference)? {
            if let Some((member, _)) = key.split_once('/') {
                said.entry(member.to_owned()).or_default().extend(word.preference);
            }
        }
        let members = self.state.all::<Member>(Kind::Member)?.into_iter();
        let with_preferences = members.map(|(id, member)| MemberSnapshot {
            member: Some(Member {
                team_id: team_id.to_owned(),
                ..member
            }),
            preferences: said.remove(id).unwrap_or_default(),
        });
        Ok(with_preferences.collect())
    }

    async fn undone(
        connection: &impl ConnectionTrait,
        team: TeamId,
        revision: i64,
        (since, now): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Self> {
        let mut state = State::read(connection, team, now, &People::All).await?;
        // Those that have ended since were there then.
        for row in silence::Entity::all(connection, team).await? {
            state.put_silence(&row, now)?;
        }
        let mut before = None;
        loop {
            let rows = history::after(connection, team, revision, before, CHUNK).await?;
            for row in &rows {
                state.undo(row.difference()?);
            }
            let Some(last) = rows.last() else { break };
            before = Some(last.revision);
        }
        Ok(Self {
            state,
            revision,
            since,
        })
    }
}

fn not_kept(oldest: Option<&Model>) -> Problem {
    let message = match oldest {
        Some(oldest) => format!(
            "the history of the team's configuration begins with revision {} on {}",
            oldest.revision,
            oldest.change_time.format("%FT%TZ")
        ),
        None => "the history of the team's configuration has not begun".to_owned(),
    };
    Problem::Precondition {
        reason: "BEFORE_HISTORY",
        message,
    }
}
