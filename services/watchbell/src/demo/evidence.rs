//! Reads from the fakes, and from the inboxes, what arrived. An event is known again by its id where the message
//! carries one, else by its title.

use serde_json::Value;
use watchbell_testkit::{Mail, SlackMessage};

use super::fakes::Fakes;
use super::scenario::{Destination, Step};
use super::verdict::Evidence;

/// A notification as the inbox shows it: whose inbox, and the event's id.
pub(super) type Notified = (Destination, String);

/// All that arrived.
pub(super) fn gather(fakes: &Fakes, notified: &[Notified], steps: &[&Step]) -> Evidence {
    let mut evidence = Evidence::default();
    for message in fakes.slack.messages() {
        match fakes.slack_destination(&message.path) {
            Some(destination) => slack(&mut evidence, steps, destination, &message),
            None => evidence
                .unexpected
                .push(format!("a Slack message at {}", message.path)),
        }
    }
    for message in fakes.teams.messages() {
        let text = words(&message.body);
        let index = by_title(steps, Destination::Leadership, &text);
        evidence.arrived(index, Destination::Leadership, "a Teams card");
    }
    for mail in fakes.mail.received() {
        email(&mut evidence, steps, &mail);
    }
    for (destination, receiver) in [
        (Destination::Siem, &fakes.siem.receiver),
        (Destination::Soar, &fakes.soar.receiver),
    ] {
        for request in receiver.received() {
            evidence.signed.note(request.signatures.both_valid());
            let text = String::from_utf8_lossy(&request.body);
            if is_acknowledgement(&text) {
                evidence.acknowledged(by_title(steps, destination, &text), destination);
                continue;
            }
            let index = request
                .event_id
                .as_deref()
                .and_then(|id| by_id(steps, destination, id));
            evidence.arrived(index, destination, "a webhook request");
        }
    }
    for (destination, event_id) in notified {
        evidence.arrived(
            by_id(steps, *destination, event_id),
            *destination,
            "a notification",
        );
    }
    evidence
}

impl Evidence {
    fn arrived(&mut self, step: Option<usize>, destination: Destination, what: &str) {
        match step {
            Some(index) => *self.arrivals.entry((index, destination)).or_default() += 1,
            None => self.unexpected.push(format!("{what} at {}", destination.name())),
        }
    }

    fn acknowledged(&mut self, step: Option<usize>, destination: Destination) {
        match step {
            Some(index) => *self.acknowledgements.entry((index, destination)).or_default() += 1,
            None => self.arrived(None, destination, "an acknowledgement"),
        }
    }
}

/// Whether a message tells that somebody has taken an alert on, and not of an event of the story.
fn is_acknowledgement(text: &str) -> bool {
    text.contains("Acknowledged by ")
}

fn slack(evidence: &mut Evidence, steps: &[&Step], destination: Destination, message: &SlackMessage) {
    let text = words(&message.body);
    let index = by_title(steps, destination, &text);
    if is_acknowledgement(&text) {
        return evidence.acknowledged(index, destination);
    }
    evidence.arrived(index, destination, "a Slack message");
    if let Some(index) = index {
        let made = evidence.mentions.entry(index).or_default();
        for mention in mentions(&text) {
            if !made.contains(&mention) {
                made.push(mention);
            }
        }
    }
}

fn email(evidence: &mut Evidence, steps: &[&Step], mail: &Mail) {
    // Folded header lines are one line (RFC 5322 section 2.2.3).
    let text = mail.text().replace("\r\n ", " ").replace("\r\n\t", " ");
    for recipient in &mail.to {
        let Some(destination) = Destination::ALL
            .into_iter()
            .find(|destination| destination.address() == Some(recipient))
        else {
            evidence.unexpected.push(format!("an email to {recipient}"));
            continue;
        };
        evidence.arrived(by_title(steps, destination, &text), destination, "an email");
        if matches!(
            destination,
            Destination::Olga | Destination::Adam | Destination::Sam
        ) {
            evidence.unsubscribable.note(can_be_unsubscribed(&text));
        }
    }
}

/// RFC 8058: both headers, and a link.
fn can_be_unsubscribed(text: &str) -> bool {
    let head = text
        .split("\r\n\r\n")
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name))
            .map(|value| value.trim().to_owned())
            .unwrap_or_default()
    };
    header("list-unsubscribe-post:") == "list-unsubscribe=one-click"
        && header("list-unsubscribe:").starts_with("<http")
}

fn by_id(steps: &[&Step], destination: Destination, event_id: &str) -> Option<usize> {
    steps
        .iter()
        .position(|step| step.team == destination.team() && step.event_id() == event_id)
}

fn by_title(steps: &[&Step], destination: Destination, text: &str) -> Option<usize> {
    steps
        .iter()
        .position(|step| step.team == destination.team() && text.contains(step.title))
}

/// Every text of a JSON document, with spaces.
pub(super) fn words(json: &Value) -> String {
    match json {
        Value::String(text) => format!("{text} "),
        Value::Array(items) => items.iter().map(words).collect(),
        Value::Object(fields) => fields.values().map(words).collect(),
        _ => String::new(),
    }
}

/// Slack's calls: `<@U…>`, `<!subteam^S…>`, `<!here>`.
fn mentions(text: &str) -> Vec<String> {
    let starts = text.match_indices('<').map(|(start, _)| &text[start..]);
    starts
        .filter(|rest| rest.starts_with("<@") || rest.starts_with("<!"))
        // A date is written like a call, and calls nobody.
        .filter(|rest| !rest.starts_with("<!date"))
        .filter_map(|rest| rest.split_inclusive('>').next().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::story;
    use super::*;

    #[test]
    fn calls_are_read_from_slack_text() {
        let text = "a <https://x|y> <@U1> b <!subteam^S1> <!date^1^{time}|t> <!here>";
        assert_eq!(mentions(text), ["<@U1>", "<!subteam^S1>", "<!here>"]);
    }

    #[test]
    fn an_email_is_unsubscribable_by_both_headers() {
        let mail =
            |post: &str| format!("Subject: x\r\nList-Unsubscribe: <https://x/u>\r\n{post}\r\n\r\nbody");
        assert!(can_be_unsubscribed(&mail(
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click"
        )));
        assert!(!can_be_unsubscribed(&mail("X-Nothing: x")));
        assert!(!can_be_unsubscribed(
            "Subject: x\r\n\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click"
        ));
    }

    #[test]
    fn messages_are_known_again_by_title_within_their_team() {
        let steps: Vec<_> = story::steps().collect();
        let body = serde_json::json!({"blocks": [{"text": {"text": format!("*{}*", steps[1].title)}}]});
        assert_eq!(by_title(&steps, Destination::Appsec, &words(&body)), Some(1));
        assert_eq!(by_title(&steps, Destination::SoloAlerts, &words(&body)), None);
        assert_eq!(by_id(&steps, Destination::Siem, &steps[3].event_id()), Some(3));
    }
}
