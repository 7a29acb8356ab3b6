//! What a story is made of: events, the places where they can arrive, and what must come of each.

use watchbell_model::Severity;

use Place::{
    Adam, Alerts, Appsec, Cfo, Inbox, Incidents, Leadership, Officer, Olga, Sam, Scans, Siem, Soar,
    SoloAlerts, SoloInbox, SoloIncidents,
};

/// Whose event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Team {
    /// On the TEAM plan, with everything set up.
    Acme,
    /// On the FREE plan: its rules rest.
    Solo,
}

/// Where something can arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    Alerts,
    Incidents,
    Appsec,
    Scans,
    Leadership,
    Olga,
    Adam,
    Officer,
    Cfo,
    Siem,
    Soar,
    Inbox,
    SoloAlerts,
    SoloIncidents,
    Sam,
    SoloInbox,
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
    pub(super) expected: &'static [Place],
    /// Who refuses it at first, and how often.
    pub(super) refused: Option<(Place, usize)>,
    /// What Slack must be told so that somebody is called by name.
    pub(super) mention: Option<&'static str>,
    /// Say what kept it away from where one might look for it.
    pub(super) explain: bool,
}

/// A few events that show one thing.
pub(super) struct Scene {
    pub(super) heading: &'static str,
    pub(super) says: &'static str,
    pub(super) steps: &'static [Step],
    /// Sent over one stream, and told in a line each.
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

    /// How often it must arrive at a place: refused attempts count.
    pub(super) fn times_at(&self, place: Place) -> usize {
        if !self.expected.contains(&place) {
            return 0;
        }
        match self.refused {
            Some((refusing, times)) if refusing == place => times + 1,
            _ => 1,
        }
    }
}

// === impl Place ===

impl Place {
    /// All of them, in the order of the summary's columns.
    pub(super) const ALL: [Self; 16] = [
        Alerts,
        Incidents,
        Appsec,
        Scans,
        Leadership,
        Olga,
        Adam,
        Officer,
        Cfo,
        Siem,
        Soar,
        Inbox,
        SoloAlerts,
        SoloIncidents,
        Sam,
        SoloInbox,
    ];

    /// Short, for a column.
    pub(super) const fn heading(self) -> &'static str {
        match self {
            Alerts | SoloAlerts => "alerts",
            Incidents | SoloIncidents => "incident",
            Appsec => "appsec",
            Scans => "scans",
            Leadership => "Teams",
            Olga => "Olga",
            Adam => "Adam",
            Officer => "officer",
            Cfo => "CFO",
            Siem => "SIEM",
            Soar => "SOAR",
            Inbox | SoloInbox => "inbox",
            Sam => "Sam",
        }
    }

    /// For a sentence.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Alerts => "Slack, the default channel",
            Incidents => "Slack #incidents",
            Appsec => "Slack #appsec",
            Scans => "Slack #scan-firehose",
            Leadership => "Teams",
            Olga => "Olga's mailbox",
            Adam => "Adam's mailbox",
            Officer => "the compliance officer's mailbox",
            Cfo => "the CFO's mailbox",
            Siem => "the webhook SIEM",
            Soar => "the webhook SOAR",
            Inbox => "the in-app inbox",
            SoloAlerts => "Solo's Slack, the default channel",
            SoloIncidents => "Solo's Slack #incidents",
            Sam => "Sam's mailbox",
            SoloInbox => "Solo's in-app inbox",
        }
    }

    /// The mailbox, if it is one.
    pub(super) const fn address(self) -> Option<&'static str> {
        match self {
            Olga => Some("olga@acme.example"),
            Adam => Some("adam@acme.example"),
            Officer => Some("officer@acme.example"),
            Cfo => Some("cfo@acme.example"),
            Sam => Some("sam@solo.example"),
            _ => None,
        }
    }

    /// Whose it is.
    pub(super) const fn team(self) -> Team {
        match self {
            SoloAlerts | SoloIncidents | Sam | SoloInbox => Team::Solo,
            _ => Team::Acme,
        }
    }
}
