//! The closed vocabularies: enumerations of protobuf on one side, of the domain on the other.

use crate::violation::{Violations, reason};
use crate::vocabulary::{
    AlertAction, AlertState, Category, ChannelKind, News, Permission, Plan, Repeat, Role, Severity,
};

use watchbell_contracts::config::v1 as config;
use watchbell_contracts::dispatcher::v1 as dispatcher;
use watchbell_contracts::event::v1 as event;

/// A word of the domain that protobuf carries as an enumeration whose zero means "not said".
pub trait FromWire: Sized + Copy {
    /// The word for a number; `None` for zero, an error for a number that the enumeration does not have.
    ///
    /// # Errors
    /// The unknown number.
    fn from_wire(number: i32) -> Result<Option<Self>, i32>;

    /// The number of the word.
    fn to_wire(self) -> i32;
}

macro_rules! wire {
    ($domain:ident, $message:path { $($variant:ident),+ $(,)? }) => {
        impl FromWire for $domain {
            fn from_wire(number: i32) -> Result<Option<Self>, i32> {
                use $message as Message;
                match Message::try_from(number) {
                    Ok(Message::Unspecified) => Ok(None),
                    $(Ok(Message::$variant) => Ok(Some(Self::$variant)),)+
                    Err(_) => Err(number),
                }
            }

            fn to_wire(self) -> i32 {
                use $message as Message;
                match self { $(Self::$variant => Message::$variant as i32),+ }
            }
        }
    };
}

wire!(
    Severity,
    event::Severity {
        Info,
        Low,
        Medium,
        High,
        Critical
    }
);
wire!(
    Category,
    event::Category {
        SecurityAlert,
        SystemNotification,
        SystemError
    }
);
wire!(
    AlertAction,
    event::AlertAction {
        Trigger,
        Update,
        Resolve
    }
);
wire!(
    ChannelKind,
    event::ChannelKind {
        Slack,
        Teams,
        Email,
        Webhook,
        InApp
    }
);
wire!(
    Plan,
    config::Plan {
        Free,
        Team,
        Enterprise
    }
);
wire!(Repeat, config::Repeat { Count, Notify });
wire!(
    AlertState,
    dispatcher::AlertState {
        Open,
        Acknowledged,
        Snoozed,
        Resolved
    }
);
wire!(
    News,
    dispatcher::AlertNews {
        Begins,
        Changes,
        Repeats,
        Ends,
        Handled,
        Unrelated
    }
);
wire!(Role, config::Role { Owner, Admin, Member });
wire!(Permission, config::Permission { ManageIntegrations });

/// A word that may be left out. An unknown number becomes a violation of `field`.
pub fn optional<T: FromWire>(number: i32, field: &str, violations: &mut Violations) -> Option<T> {
    T::from_wire(number).unwrap_or_else(|unknown| {
        violations.add(
            field,
            reason::UNKNOWN_VALUE,
            format!("{unknown} is not a value of this enumeration"),
        );
        None
    })
}

/// A word that must be given.
pub fn required<T: FromWire>(number: i32, field: &str, violations: &mut Violations) -> Option<T> {
    let before = violations.len();
    let word = optional(number, field, violations);
    if word.is_none() && violations.len() == before {
        violations.required(field);
    }
    word
}

/// The longest list of words: more than any vocabulary has.
pub const MAX_WORDS: usize = 100;

/// A list of words, each of which must be known and said.
pub fn words<T: FromWire>(numbers: &[i32], field: &str, violations: &mut Violations) -> Vec<T> {
    violations.limit_entries(field, numbers.len(), MAX_WORDS);
    numbers
        .iter()
        .take(MAX_WORDS)
        .enumerate()
        .filter_map(|(index, number)| required(*number, &format!("{field}[{index}]"), violations))
        .collect()
}
