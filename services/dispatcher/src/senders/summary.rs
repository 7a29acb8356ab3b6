//! Summaries: one message for deliveries that quiet hours or a silence held, storm control folded or a rule gathered. A summary is the data of an
//! event of type [`NOTIFICATIONS_SUMMARY`], which only the Dispatcher creates.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use watchbell_model::Severity;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::catalog::notices::NOTIFICATIONS_SUMMARY;
use watchbell_model::group::GroupValue;
use watchbell_model::text::counted;

use super::text::{humanise, line, time_text};

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
    /// A rule gathered it.
    Group(GatheredBy),
}

/// The silence that held deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SilencedBy {
    /// Its reason, one line.
    pub(crate) comment: String,
    /// Who made it.
    pub(crate) author: String,
}

/// The rule that gathered deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GatheredBy {
    /// Its name.
    pub(crate) rule: String,
    /// What they have in common.
    pub(crate) values: Vec<GroupValue>,
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

/// What events of types that begin so tell of.
const NOUNS: [(&str, &str); 4] = [
    ("audit", "audits"),
    ("exception", "exceptions"),
    ("finding", "findings"),
    ("scan", "scans"),
];

// === impl GatheredBy ===

impl GatheredBy {
    /// ` of scan nightly, no subject`
    fn in_common(&self) -> String {
        let mut words = Vec::new();
        for GroupValue { path, value } in &self.values {
            let field = path.rsplit('.').next().unwrap_or(path);
            let name = field.strip_suffix("_id").filter(|name| !name.is_empty());
            let name = name.unwrap_or(field).trim_matches('_').replace('_', " ");
            words.push(match value {
                Some(value) => format!("{name} {}", line(value)),
                None => format!("no {name}"),
            });
        }
        match words.is_empty() {
            true => String::new(),
            false => format!(" of {}", words.join(", ")),
        }
    }
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
        let alerts = counted(self.total, ["alert", "alerts"]);
        match &self.why {
            Why::Group(by) => format!(
                "{} {}{}: {}",
                self.total,
                self.noun(),
                by.in_common(),
                self.severities()
            ),
            Why::QuietHours => format!("{alerts} held during quiet hours"),
            Why::Storm => format!("{alerts} more in a short time"),
            Why::Silence(Some(by)) => format!("{alerts} held by the silence “{}”", line(&by.comment)),
            Why::Silence(None) => format!("{alerts} held by a silence"),
        }
    }

    /// One sentence on why they come together.
    pub(crate) fn explanation(&self) -> String {
        let (since, until) = (time_text(self.since), time_text(self.until));
        let came = match since == until {
            true => format!("They came at {since}"),
            false => format!("They came between {since} and {until}"),
        };
        match &self.why {
            Why::QuietHours => {
                format!("{came}, while this channel was quiet.")
            }
            Why::Storm => format!("{came}, more than this channel shows one by one. None is lost."),
            Why::Silence(Some(by)) => format!(
                "{came}, and waited for the end of the silence of {}.",
                line(&by.author)
            ),
            Why::Group(by) => format!("{came}; the rule “{}” sends them in one message.", line(&by.rule)),
            Why::Silence(None) => {
                format!("{came}, and waited for the end of a silence.")
            }
        }
    }

    /// What they are, if that is one thing.
    fn noun(&self) -> &'static str {
        let mut kinds = self.items.iter().map(|item| item.event_type.split('.').next());
        let first = kinds.next().flatten();
        let noun = NOUNS.iter().find(|(kind, _)| first == Some(kind));
        match noun {
            Some((_, noun)) if kinds.all(|kind| kind == first) => noun,
            _ => "alerts",
        }
    }

    /// `3 high, 12 medium`
    fn severities(&self) -> String {
        let counts = Severity::ALL.iter().rev().map(|severity| {
            let alike = self.items.iter().filter(|item| item.severity == *severity);
            (alike.count(), severity)
        });
        let counts = counts.filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts
            .map(|(count, severity)| format!("{count} {}", severity.as_str().to_lowercase()))
            .collect();
        counts.join(", ")
    }

    /// What the severity beside these words is of: `the worst of 12`.
    pub(crate) fn worst_of(&self) -> String {
        match self.items.as_slice() {
            [item] if self.total == 1 => humanise(&item.event_type),
            _ => format!("the worst of {}", self.total),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(types: &[&str], values: &[(&str, Option<&str>)]) -> Summary {
        let values = values.iter().map(|(path, value)| GroupValue {
            path: (*path).to_owned(),
            value: value.map(str::to_owned),
        });
        let item = |(index, event_type): (usize, &&str)| Item {
            event_type: (*event_type).to_owned(),
            severity: [Severity::Low, Severity::High][index % 2],
            title: "Something".to_owned(),
            url: String::new(),
            subject: String::new(),
            occurred_at: DateTime::UNIX_EPOCH,
        };
        Summary {
            why: Why::Group(GatheredBy {
                rule: "Scans".to_owned(),
                values: values.collect(),
            }),
            since: DateTime::UNIX_EPOCH,
            until: DateTime::UNIX_EPOCH,
            total: types.len(),
            items: types.iter().enumerate().map(item).collect(),
        }
    }

    #[test]
    fn what_was_gathered_says_what_it_is_what_it_has_in_common_and_how_bad_it_is() {
        let scan = ("data.scan_id", Some("nightly"));
        let summary = gathered(
            &["finding.created", "finding.resolved", "finding.created"],
            &[scan],
        );
        assert_eq!(summary.title(), "3 findings of scan nightly: 1 high, 2 low");
        assert_eq!(
            summary.explanation(),
            "They came at 1 Jan 1970, 00:00 UTC; the rule “Scans” sends them in one message."
        );
        let mixed = gathered(&["finding.created", "scan.failed"], &[scan, ("subject", None)]);
        assert_eq!(
            mixed.title(),
            "2 alerts of scan nightly, no subject: 1 high, 1 low"
        );
        assert_eq!(mixed.worst_of(), "the worst of 2");
        assert_eq!(gathered(&["scan.failed"], &[]).worst_of(), "Scan failed");
        let all = gathered(&["acme.disk.full", "acme.disk.full"], &[]);
        assert_eq!(all.title(), "2 alerts: 1 high, 1 low");
        let odd = gathered(
            &["scan.failed", "scan.failed"],
            &[("data.x._id", Some("a\nb")), ("data.host_name", Some("c"))],
        );
        assert_eq!(odd.title(), "2 scans of id a b, host name c: 1 high, 1 low");
    }

    #[test]
    fn a_summary_comes_back_from_its_data() {
        let summary = gathered(&["scan.failed", "scan.failed"], &[("type", Some("scan.failed"))]);
        let json = serde_json::to_string(&summary).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary);
    }
}
