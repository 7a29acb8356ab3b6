//! What a story is made of: events, the destinations where they can arrive, and what must come of each.

use watchbell_model::Severity;

/// Whose event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Team {
    /// On the TEAM plan, with everything set up.
    Acme,
    /// On the FREE plan: its rules rest.
    Solo,
}

/// Destinations in the order of the summary's columns: whose each is, its heading in a column, its name in a sentence, and
/// the address of a mailbox.
macro_rules! destinations {
    ($($name:ident: $team:ident, $heading:literal, $sentence:literal $(, $address:literal)?;)*) => {
        /// Where something can arrive.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(super) enum Destination {
            $($name,)*
        }

        impl Destination {
            pub(super) const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];

            /// Short, for a column.
            pub(super) const fn heading(self) -> &'static str {
                match self { $(Self::$name => $heading,)* }
            }

            /// For a sentence.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }

            /// Of a mailbox.
            pub(super) fn address(self) -> Option<&'static str> {
                let addresses: &[&str] = match self { $(Self::$name => &[$($address)?],)* };
                addresses.first().copied()
            }

            pub(super) const fn team(self) -> Team {
                match self { $(Self::$name => Team::$team,)* }
            }
        }
    };
}

destinations! {
    Alerts: Acme, "alerts", "Slack, the default channel";
    Incidents: Acme, "incident", "Slack #incidents";
    Appsec: Acme, "appsec", "Slack #appsec";
    Scans: Acme, "scans", "Slack #scan-firehose";
    Leadership: Acme, "Teams", "Teams";
    Olga: Acme, "Olga", "Olga's mailbox", "olga@acme.example";
    Adam: Acme, "Adam", "Adam's mailbox", "adam@acme.example";
    Officer: Acme, "officer", "the compliance officer's mailbox", "officer@acme.example";
    Cfo: Acme, "CFO", "the CFO's mailbox", "cfo@acme.example";
    Siem: Acme, "SIEM", "the webhook SIEM";
    Soar: Acme, "SOAR", "the webhook SOAR";
    Inbox: Acme, "inbox", "the in-app inbox";
    SoloAlerts: Solo, "alerts", "Solo's Slack, the default channel";
    SoloIncidents: Solo, "incident", "Solo's Slack #incidents";
    Sam: Solo, "Sam", "Sam's mailbox", "sam@solo.example";
    SoloInbox: Solo, "inbox", "Solo's in-app inbox";
}

/// One event and what must come of it.
#[derive(Debug)]
pub(super) struct Step {
    /// Names it in the demo; its id follows from it.
    pub(super) label: &'static str,
    pub(super) event_type: &'static str,
    /// The catalog's when absent.
    pub(super) severity: Option<Severity>,
    pub(super) source: &'static str,
    /// By which it is known again in messages, so no title is part of another.
    pub(super) title: &'static str,
    pub(super) team: Team,
    /// Everywhere it must arrive; nowhere else.
    pub(super) expected: &'static [Destination],
    /// Who refuses it at first, and how often.
    pub(super) refused: Option<(Destination, usize)>,
    /// The mention that the Slack message must have.
    pub(super) mention: Option<&'static str>,
    /// Say what kept it away from where one might look for it.
    pub(super) explain: bool,
    /// The key of the alert that it belongs to with others; else it has one of its own.
    pub(super) alert: Option<&'static str>,
    /// Who is told that its alert was acknowledged, by the link of its Slack message; empty when nobody does that.
    pub(super) acknowledged: &'static [Destination],
}

/// A few events that show one thing.
pub(super) struct Section {
    pub(super) heading: &'static str,
    pub(super) says: &'static str,
    pub(super) steps: &'static [Step],
    /// Sent over one stream, and shown in a line each.
    pub(super) brief: bool,
}
// === impl Step ===

impl Step {
    /// The id that it is emitted under.
    pub(super) fn event_id(&self) -> String {
        let slug: String = self
            .label
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .collect();
        format!("demo-{}", slug.trim_end_matches('-'))
    }

    /// How often it must arrive at a destination: refused attempts count.
    pub(super) fn times_at(&self, destination: Destination) -> usize {
        if !self.expected.contains(&destination) {
            return 0;
        }
        match self.refused {
            Some((refusing, times)) if refusing == destination => times + 1,
            _ => 1,
        }
    }
}
