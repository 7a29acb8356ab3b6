//! The small closed vocabularies of Watchbell, each with the words that go over the wire and into databases:
//! upper-case for enumerations, lower snake case for topics. Reading ignores case, since people write `critical`;
//! writing is always the wire word.

/// A word that its vocabulary does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a {vocabulary}; known are {known}")]
pub struct UnknownWord {
    /// The name of the vocabulary, `severity`.
    pub vocabulary: &'static str,
    /// What was given, cut to a length that is safe to print.
    pub word: String,
    /// The words there are, with commas.
    pub known: String,
}

/// Writes an enumeration with its wire words, and everything that follows from them.
macro_rules! vocabulary {
    (
        $(#[$meta:meta])*
        $name:ident ($label:literal) {
            $( $(#[$variant_meta:meta])* $variant:ident = $word:literal $(or $alias:literal)?, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )+
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The wire word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::vocabulary::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                $(
                    if word.eq_ignore_ascii_case($word) $(|| word.eq_ignore_ascii_case($alias))? {
                        return Ok(Self::$variant);
                    }
                )+
                Err($crate::vocabulary::UnknownWord {
                    vocabulary: $label,
                    word: word.chars().take(64).collect(),
                    known: [$($word),+].join(", "),
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::vocabulary::UnknownWord;

            fn try_from(word: String) -> Result<Self, Self::Error> {
                word.parse()
            }
        }

        impl From<$name> for &'static str {
            fn from(value: $name) -> Self {
                value.as_str()
            }
        }
    };
}

pub(crate) use vocabulary;

vocabulary! {
    /// How bad it is, from least to most.
    Severity ("severity") {
        /// For the record.
        Info = "INFO",
        /// Some day.
        Low = "LOW",
        /// Said `moderate` in places.
        Medium = "MEDIUM" or "MODERATE",
        /// Soon.
        High = "HIGH",
        /// Now.
        Critical = "CRITICAL",
    }
}

vocabulary! {
    /// What sort of event it is; the coarsest thing a rule can match.
    Category ("category") {
        /// Findings of cloud, Kubernetes, registry and code scanning.
        SecurityAlert = "SECURITY_ALERT",
        /// Scan completions, results of scheduled jobs, changes of configuration.
        SystemNotification = "SYSTEM_NOTIFICATION",
        /// Service issues, failed tasks, lost connections.
        SystemError = "SYSTEM_ERROR",
    }
}

vocabulary! {
    /// What a team pays for, from least to most.
    #[derive(Default)]
    Plan ("plan") {
        /// Rules are kept, but not applied.
        Free = "FREE",
        /// The plan of a team of which the platform says nothing else.
        #[default]
        Team = "TEAM",
        /// Everything.
        Enterprise = "ENTERPRISE",
    }
}

vocabulary! {
    /// What a member is in a team, from most to least.
    Role ("role") {
        /// Told when a channel turns unhealthy, and of receipts when nobody else is named.
        Owner = "OWNER",
        /// Configures channels and rules.
        Admin = "ADMIN",
        /// Receives.
        Member = "MEMBER",
    }
}

vocabulary! {
    /// What can be granted to a member beyond the role.
    Permission ("permission") {
        /// Set up channels and rules.
        ManageIntegrations = "MANAGE_INTEGRATIONS",
    }
}

vocabulary! {
    /// The kinds of destination.
    ChannelKind ("channel kind") {
        /// An incoming webhook of Slack.
        Slack = "SLACK",
        /// A Workflows URL or an old connector of Microsoft Teams.
        Teams = "TEAMS",
        /// A list of addresses, by the team's SMTP server or the platform's.
        Email = "EMAIL",
        /// A signed POST; what users call a subscription.
        Webhook = "WEBHOOK",
        /// The notification centre.
        InApp = "IN_APP",
    }
}

vocabulary! {
    /// Whether a channel carries.
    #[derive(Default)]
    ChannelHealth ("channel health") {
        /// Deliveries are tried.
        #[default]
        Healthy = "HEALTHY",
        /// Nothing got through for a whole retry schedule: new deliveries are parked.
        Unhealthy = "UNHEALTHY",
    }
}

vocabulary! {
    /// What a person can turn on or off by email.
    Topic ("topic") {
        /// An audit was delivered.
        AuditDelivered = "audit_delivered",
        /// An audit failed.
        AuditFailed = "audit_failed",
        /// An Atlas alert fired.
        AtlasAlerts = "atlas_alerts",
        /// Findings.
        Findings = "findings",
        /// Deadlines that come near or are missed.
        Sla = "sla",
        /// Changes of the compliance posture.
        Compliance = "compliance",
        /// Scans.
        Scans = "scans",
        /// Risk exceptions in review.
        Exceptions = "exceptions",
        /// Sign-ins, plan and credits.
        Account = "account",
        /// The summary of the week.
        WeeklyDigest = "weekly_digest",
        /// News of the product. Never on by default.
        Marketing = "marketing",
    }
}

// === impl Severity ===

impl Severity {
    /// From 0 (`INFO`) to 4 (`CRITICAL`), for expressions and for databases that must compare.
    #[must_use]
    pub const fn rank(self) -> u8 {
        self as u8
    }
}

// === impl Plan ===

impl Plan {
    /// Whether rules are applied: on `TEAM` and above.
    #[must_use]
    pub fn applies_rules(self) -> bool {
        self >= Self::Team
    }
}

// === impl Role ===

impl Role {
    /// What the role may do without any grant.
    #[must_use]
    pub const fn permissions(self) -> &'static [Permission] {
        match self {
            Self::Owner | Self::Admin => &[Permission::ManageIntegrations],
            Self::Member => &[],
        }
    }
}

// === impl ChannelKind ===

impl ChannelKind {
    /// Slack and Teams: rooms in which rules, default channels and mentions apply.
    #[must_use]
    pub const fn is_chat(self) -> bool {
        matches!(self, Self::Slack | Self::Teams)
    }
}

vocabulary! {
    /// What an event does to its alert.
    AlertAction ("alert action") {
        /// It begins, or is seen again.
        Trigger = "TRIGGER",
        /// It changes, if it is open.
        Update = "UPDATE",
        /// It ends.
        Resolve = "RESOLVE",
    }
}

vocabulary! {
    /// What becomes of an event that says of an open alert what was told before.
    #[derive(Default)]
    Repeat ("treatment of repeats") {
        /// It is counted and not sent.
        #[default]
        Count = "COUNT",
        /// It is sent like any other.
        Notify = "NOTIFY",
    }
}

vocabulary! {
    /// Where an alert stands.
    AlertState ("alert state") {
        /// It has begun and not ended.
        Open = "OPEN",
        /// Somebody has taken it on.
        Acknowledged = "ACKNOWLEDGED",
        /// Somebody does not want to hear of it until a time.
        Snoozed = "SNOOZED",
        /// It has ended.
        Resolved = "RESOLVED",
    }
}

vocabulary! {
    /// What an event is to those who know of its alert.
    News ("news of an alert") {
        /// The alert begins.
        Begins = "BEGINS",
        /// It gets worse, or changes in a new way.
        Changes = "CHANGES",
        /// Nothing new.
        Repeats = "REPEATS",
        /// The alert ends.
        Ends = "ENDS",
        /// Somebody does something about it.
        Handled = "HANDLED",
        /// It does not concern the present life of the alert.
        Unrelated = "UNRELATED",
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use serde::Serialize;

    use super::*;

    #[test]
    fn severities_are_ordered_and_moderate_is_medium() {
        assert!(Severity::ALL.is_sorted());
        assert!(Severity::Critical > Severity::High && Severity::Low > Severity::Info);
        assert_eq!("moderate".parse(), Ok(Severity::Medium));
        assert_eq!(Severity::Medium.to_string(), "MEDIUM");
        assert_eq!(Severity::Critical.rank(), 4);
    }

    #[test]
    fn every_word_reads_back_in_any_case_and_serializes_as_itself() {
        fn check<T>(all: &[T])
        where
            T: Copy + fmt::Debug + fmt::Display + PartialEq + std::str::FromStr<Err = UnknownWord>,
            T: Serialize + serde::de::DeserializeOwned,
        {
            for value in all {
                let word = value.to_string();
                assert_eq!(word.parse::<T>().as_ref(), Ok(value));
                assert_eq!(word.to_lowercase().parse::<T>().as_ref(), Ok(value));
                assert_eq!(serde_json::to_value(value).unwrap(), serde_json::json!(word));
                assert_eq!(
                    serde_json::from_value::<T>(serde_json::json!(word)).unwrap(),
                    *value
                );
            }
        }
        check(Severity::ALL);
        check(Category::ALL);
        check(Plan::ALL);
        check(Role::ALL);
        check(Permission::ALL);
        check(ChannelKind::ALL);
        check(Topic::ALL);
        check(ChannelHealth::ALL);
    }

    #[test]
    fn an_unknown_word_says_which_words_there_are() {
        let error = "urgent".parse::<Severity>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`urgent` is not a severity; known are INFO, LOW, MEDIUM, HIGH, CRITICAL"
        );
    }

    #[test]
    fn rules_apply_from_the_team_plan_on() {
        assert!(!Plan::Free.applies_rules());
        assert!(Plan::Team.applies_rules() && Plan::Enterprise.applies_rules());
        assert_eq!(Plan::default(), Plan::Team);
    }
}
