//! Which events: the flags of every command that asks about some of them.

use clap::Args;
use watchbell_model::convert::FromWire as _;
use watchbell_model::{Category, Severity};

use crate::input;

/// Which events.
#[derive(Debug, Args)]
pub(super) struct EventFilterArgs {
    /// Only types that match: exact, a group such as 'finding.*'
    #[arg(long = "type", value_name = "PATTERN", value_delimiter = ',')]
    pub(super) types: Vec<String>,
    /// Only these severities
    #[arg(long = "severity", value_parser = input::word::<Severity>, value_name = "SEVERITY", value_delimiter = ',')]
    severities: Vec<Severity>,
    /// Only about this subject
    #[arg(long)]
    pub(super) subject: Option<String>,
    /// Only from these sources
    #[arg(long = "source", value_name = "SOURCE", value_delimiter = ',')]
    pub(super) sources: Vec<String>,
    /// Only of these categories
    #[arg(long = "category", value_parser = input::word::<Category>, value_name = "CATEGORY", value_delimiter = ',')]
    categories: Vec<Category>,
    /// Only whose title or subject has this text
    #[arg(long)]
    pub(super) text: Option<String>,
}

// === impl EventFilterArgs ===

impl EventFilterArgs {
    /// The numbers of the contract.
    pub(super) fn severities(&self) -> Vec<i32> {
        self.severities
            .iter()
            .map(|severity| severity.to_wire())
            .collect()
    }

    /// The numbers of the contract.
    pub(super) fn categories(&self) -> Vec<i32> {
        self.categories
            .iter()
            .map(|category| category.to_wire())
            .collect()
    }
}
