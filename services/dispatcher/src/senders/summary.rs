//! Summaries: one message for deliveries that quiet hours or a silence held or storm control folded. A summary is the data of an
//! event of type [`NOTIFICATIONS_SUMMARY`], which only the Dispatcher creates.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use watchbell_model::Severity;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;

use super::text::{line, time_text};

/// Summarised deliveries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// Why it was not.
    pub(crate) why: Why,
    /// When the first of it was due.
    pub(crate) since: DateTime<Utc>,
    /// When the last of it was due.
    pub(crate) until: DateTime<Utc>,
    /// How much of it there is; `items` may hold fewer.
    pub(crate) total: usize,
    /// In order of time.
    pub(crate) items: Vec<Item>,
}

/// Why deliveries were summarised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    /// The channel's quiet hours held it.
    QuietHours,
    /// More messages than the channel's storm limit.
    Storm,
    /// A silence held it. `None` when it is not known any more.
    Silence(Option<SilencedBy>),
}

/// The silence that held deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SilencedBy {
    /// Its reason, one line.
    pub(crate) comment: String,
    /// Who made it.
    pub(crate) author: String,
}

/// One summarised delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// For example `finding.created`.
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// One line.
    pub(crate) title: String,
    /// May be empty.
    #[serde(default)]
    pub(crate) url: String,
    /// May be empty.
    #[serde(default)]
    pub(crate) subject: String,
    /// When it happened.
    pub(crate) occurred_at: DateTime<Utc>,
}

// === impl Summary ===

impl Summary {
    /// The summary that an event carries, if it carries one.
    pub(crate) fn from_event(event: &AcceptedEvent) -> Option<Self> {
        if &*event.event_type != NOTIFICATIONS_SUMMARY {
            return None;
        }
        let mut summary: Self = serde_json::from_str(&event.data).ok()?;
        for item in &mut summary.items {
            item.title = line(&item.title);
            item.subject = line(&item.subject);
        }
        summary.total = summary.total.max(summary.items.len());
        Some(summary)
    }

    /// `12 alerts held during quiet hours`
    pub(crate) fn title(&self) -> String {
        let alerts = if self.total == 1 {
            "1 alert".to_owned()
        } else {
            format!("{} alerts", self.total)
        };
        match &self.why {
            Why::QuietHours => format!("{alerts} held during quiet hours"),
            Why::Storm => format!("{alerts} more in a short time"),
            Why::Silence(Some(by)) => format!("{alerts} held by the silence “{}”", line(&by.comment)),
            Why::Silence(None) => format!("{alerts} held by a silence"),
        }
    }

    /// One sentence on why they come together.
    pub(crate) fn explanation(&self) -> String {
        let (since, until) = (time_text(self.since), time_text(self.until));
        match &self.why {
            Why::QuietHours => {
                format!("They came between {since} and {until}, while this channel was quiet.")
            }
            Why::Storm => format!(
                "They came between {since} and {until}, more than this channel shows one by one. None is lost."
            ),
            Why::Silence(Some(by)) => format!(
                "They came between {since} and {until}, and waited for the end of the silence of {}.",
                line(&by.author)
            ),
            Why::Silence(None) => {
                format!("They came between {since} and {until}, and waited for the end of a silence.")
            }
        }
    }

    /// The worst of them.
    pub(crate) fn severity(&self) -> Severity {
        self.items
            .iter()
            .map(|item| item.severity)
            .max()
            .unwrap_or(Severity::Info)
    }
}
