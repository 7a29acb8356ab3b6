//! Which deliveries: the flags of every command that asks about some of them.

use clap::Args;
use watchbell_contracts::dispatcher::v1::{DeliveryFilter, DeliveryState};
use watchbell_model::convert::FromWire as _;
use watchbell_model::{ChannelKind, Severity};

use crate::failure::Outcome;
use crate::input;
use crate::session::{Named, Session};

/// Which deliveries.
#[derive(Debug, Args)]
pub(super) struct FilterArgs {
    /// Only of this channel, by id or name
    #[arg(long)]
    channel: Option<String>,
    /// Only in these states: pending, held, parked, folded, delivered, failed, cancelled
    #[arg(long = "state", value_parser = state, value_delimiter = ',')]
    states: Vec<DeliveryState>,
    /// Only of this event
    #[arg(long, value_name = "ID")]
    event: Option<String>,
    /// Only types that match: exact, or a group such as 'finding.*'
    #[arg(long = "type", value_name = "PATTERN", value_delimiter = ',')]
    types: Vec<String>,
    /// Only of this kind: slack, teams, email, webhook, in-app
    #[arg(long, value_parser = input::word::<ChannelKind>)]
    kind: Option<ChannelKind>,
    /// Only to this member by email, by id or address
    #[arg(long)]
    member: Option<String>,
    /// Only to this address by email
    #[arg(long)]
    address: Option<String>,
    /// Only these severities
    #[arg(long = "severity", value_parser = input::word::<Severity>, value_name = "SEVERITY", value_delimiter = ',')]
    severities: Vec<Severity>,
    /// Only what this rule decided, by id or name
    #[arg(long)]
    rule: Option<String>,
    /// Only whose title or subject has this text
    #[arg(long)]
    text: Option<String>,
    /// Only replays
    #[arg(long)]
    replays: bool,
    /// Only what this summary tells
    #[arg(long, value_name = "ID")]
    summary: Option<String>,
}

// === impl FilterArgs ===

impl FilterArgs {
    /// The filter, with names looked up.
    pub(super) async fn filter(&self, session: &Session) -> Outcome<DeliveryFilter> {
        let id = async |named, given: &Option<String>| match given {
            Some(given) => session.id_of(named, given).await,
            None => Ok(String::new()),
        };
        let severities = self.severities.iter();
        Ok(DeliveryFilter {
            channel_id: id(Named::Channel, &self.channel).await?,
            states: self.states.iter().map(|state| *state as i32).collect(),
            event_id: self.event.clone().unwrap_or_default(),
            types: self.types.clone(),
            kind: self.kind.map_or(0, ChannelKind::to_wire),
            member_id: id(Named::Member, &self.member).await?,
            address: self.address.clone().unwrap_or_default(),
            severities: severities.map(|severity| severity.to_wire()).collect(),
            rule_id: id(Named::Rule, &self.rule).await?,
            text: self.text.clone().unwrap_or_default(),
            replays_only: self.replays,
            summary_id: self.summary.clone().unwrap_or_default(),
        })
    }
}

fn state(word: &str) -> Result<DeliveryState, String> {
    let word = word.trim().to_ascii_uppercase();
    DeliveryState::from_str_name(&format!("DELIVERY_STATE_{word}"))
        .filter(|state| *state != DeliveryState::Unspecified)
        .ok_or_else(|| {
            "must be one of pending, held, parked, folded, delivered, failed, cancelled".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_words() {
        assert_eq!(state("failed"), Ok(DeliveryState::Failed));
        assert!(state("unspecified").is_err() && state("lost").is_err());
    }
}
