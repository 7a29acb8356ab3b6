//! An event as an Adaptive Card 1.4 in the `message` envelope.
//!
//! Teams' limit of 28 KB applies after it has expanded the card, so a card stays under [`BUDGET`]: facts are
//! shortened and dropped, and the card says how many. Event text goes into rich text, where Teams applies no
//! markdown; facts are always markdown, so there it is neutralised. Neither can create an `<at>`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use url::Url;
use watchbell_model::Severity;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::brand::Brand;
use watchbell_model::mention::{Mention, TeamsUser};

use crate::senders::notice::{Fact, FactValue, Notice, web_url};
use crate::senders::summary::{Item, Summary};
use crate::senders::text::{cut, humanise, time_text};

/// The most bytes of one request.
pub(super) const BUDGET: usize = 19_000;
/// Of a fact's value, from generous to sparse: the first that fits is taken.
const VALUE_CHARS: [usize; 4] = [600, 300, 120, 40];
const TITLE: usize = 300;
const MAX_MENTIONS: usize = 20;
/// The most bytes that mentions may take of the budget.
const MENTIONS_BUDGET: usize = 6_000;
const SUBJECT: usize = 256;
/// A longer link is left out: a card that does not arrive is worse than one without a button.
const URL: usize = 3_000;

/// The JSON to post.
pub(crate) fn message(
    event: &AcceptedEvent,
    mentions: &[Mention],
    acknowledge: Option<&Url>,
    brand: &Brand,
) -> Value {
    match Summary::from_event(event) {
        Some(summary) => summary_message(&summary, mentions, brand),
        None => notice_message(&Notice::from_event(event), mentions, acknowledge, brand),
    }
}

fn notice_message(notice: &Notice, mentions: &[Mention], acknowledge: Option<&Url>, brand: &Brand) -> Value {
    let actions: Vec<_> = [("Open", notice.url.as_ref()), ("Acknowledge", acknowledge)]
        .into_iter()
        .filter_map(|(title, url)| action(title, url?))
        .collect();
    let mut message = Value::Null;
    for shown in (0..=notice.facts.len()).rev() {
        for value_chars in VALUE_CHARS {
            message = notice_card(notice, shown, value_chars, &actions, mentions, brand);
            if size(&message) <= BUDGET {
                return message;
            }
        }
    }
    message
}

fn notice_card(
    notice: &Notice,
    shown: usize,
    value_chars: usize,
    actions: &[Value],
    mentions: &[Mention],
    brand: &Brand,
) -> Value {
    let severity = notice.severity;
    let test = if notice.test { "[Test] " } else { "" };
    let kind = format!("{}  ·  {}", brand.severity_word(severity), notice.type_words);
    let title = format!("{test}{}", cut(&notice.title, TITLE));
    let mut body = vec![headline(severity, &kind, &title, &cut(&notice.subject, SUBJECT))];
    if notice.test {
        body.push(plain(
            "This is a test. Nothing has happened.",
            json!({"italic": true}),
        ));
    }
    if shown > 0 {
        let facts: Vec<_> = notice.facts[..shown]
            .iter()
            .map(|fact| fact_row(fact, value_chars))
            .collect();
        body.push(json!({"type": "FactSet", "facts": facts, "spacing": "Medium"}));
    }
    let left_out = notice.more_facts + notice.facts.len() - shown;
    if left_out > 0 {
        body.push(plain(&format!("+{left_out} more"), json!({"isSubtle": true})));
    }
    let source = if notice.source.is_empty() {
        String::new()
    } else {
        format!("{}  ·  ", notice.source)
    };
    body.push(footnote(&source, notice.occurred_at));
    envelope(
        &format!("{}: {title}", brand.severity_word(severity)),
        body,
        actions,
        mentions,
    )
}

/// A button that leads somewhere.
fn action(title: &str, url: &Url) -> Option<Value> {
    (url.as_str().len() <= URL)
        .then(|| json!({"type": "Action.OpenUrl", "title": title, "url": url.as_str()}))
}

fn summary_message(summary: &Summary, mentions: &[Mention], brand: &Brand) -> Value {
    let rows: Vec<_> = summary.items.iter().map(|item| item_row(item, brand)).collect();
    let mut shown = rows.len().min(60);
    loop {
        let title = summary.title();
        let mut body = vec![headline(summary.severity(), "Summary", &title, "")];
        body.push(plain(&summary.explanation(), json!({})));
        body.extend_from_slice(&rows[..shown]);
        if summary.total > shown {
            body.push(plain(
                &format!("+{} more", summary.total - shown),
                json!({"isSubtle": true}),
            ));
        }
        let message = envelope(&title, body, &[], mentions);
        if size(&message) <= BUDGET || shown == 0 {
            return message;
        }
        shown -= 1;
    }
}

/// Severity, title and subject on a ground of the severity's colour.
fn headline(severity: Severity, kind: &str, title: &str, subject: &str) -> Value {
    let style = match severity {
        Severity::Critical | Severity::High => "attention",
        Severity::Medium => "warning",
        Severity::Low => "accent",
        Severity::Info => "emphasis",
    };
    let mut items = vec![
        plain(kind, json!({"size": "Small", "weight": "Bolder"})),
        plain(title, json!({"size": "Large", "weight": "Bolder"})),
    ];
    if !subject.is_empty() {
        items.push(plain(subject, json!({"size": "Small"})));
    }
    json!({"type": "Container", "style": style, "bleed": true, "items": items})
}

fn fact_row(fact: &Fact, value_chars: usize) -> Value {
    let value = match &fact.value {
        FactValue::Text(text) => neutral(&cut(text, value_chars)),
        FactValue::Instant(at) => local_time(*at),
    };
    json!({"title": neutral(&cut(&fact.name, 60)), "value": value})
}

fn item_row(item: &Item, brand: &Brand) -> Value {
    let mut title = run(&cut(&item.title, 120), json!({}));
    if let Some(url) = web_url(&item.url).filter(|url| url.as_str().len() <= 500) {
        title["selectAction"] = json!({"type": "Action.OpenUrl", "url": url.as_str()});
    }
    let severity = run(
        &format!("{}  ", brand.severity_word(item.severity)),
        json!({"weight": "Bolder"}),
    );
    let rest = format!(
        "  ·  {}  ·  {}",
        cut(&humanise(&item.event_type), 60),
        time_text(item.occurred_at)
    );
    json!({"type": "RichTextBlock", "inlines": [severity, title, run(&rest, json!({"isSubtle": true}))]})
}

fn footnote(source: &str, at: DateTime<Utc>) -> Value {
    // Only a text block can show the reader's local time; event text must stay out of it.
    let mut time = json!({
        "type": "TextBlock", "text": local_time(at), "isSubtle": true, "size": "Small", "wrap": true, "spacing": "None",
    });
    if source.is_empty() {
        time["spacing"] = "Medium".into();
        return time;
    }
    let source = plain(
        source.trim_end_matches("  ·  "),
        json!({"isSubtle": true, "size": "Small"}),
    );
    json!({"type": "Container", "spacing": "Medium", "items": [source, time]})
}

/// Text that is nothing but text.
fn plain(text: &str, look: Value) -> Value {
    json!({"type": "RichTextBlock", "inlines": [run(text, look)]})
}

fn run(text: &str, look: Value) -> Value {
    let mut run = look;
    run["type"] = "TextRun".into();
    run["text"] = inert(text).into();
    run
}

/// Text that can be neither a tag nor a function.
fn inert(text: &str) -> String {
    text.replace("{{", "{\u{200b}{").replace('<', "<\u{200b}")
}

/// In each reader's zone.
fn local_time(at: DateTime<Utc>) -> String {
    let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("{{{{DATE({at}, SHORT)}}}}, {{{{TIME({at})}}}}")
}

/// Neutralises text for a markdown field: marks are escaped, `<at>` and date functions are broken up.
fn neutral(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut previous = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied().unwrap_or(' ');
        // Within a word an underscore means nothing, and names are full of them.
        let in_word = previous.is_alphanumeric() && next.is_alphanumeric();
        let starts = previous == ' ';
        match c {
            '\\' | '`' | '*' | '[' | ']' | '~' | '|' => out.extend(['\\', c]),
            '_' if !in_word => out.extend(['\\', c]),
            '#' | '+' | '-' if starts && (next == ' ' || next == c) => out.extend(['\\', c]),
            '>' if starts => out.extend(['\\', c]),
            '<' => out.extend(['<', '\u{200b}']),
            '{' if next == '{' => out.extend(['{', '\u{200b}']),
            '&' => out.push_str("&amp;"),
            '.' | ')' if next == ' ' && !out.is_empty() && out.bytes().all(|b| b.is_ascii_digit()) => {
                out.extend(['\\', c]);
            }
            _ => out.push(c),
        }
        previous = c;
    }
    out
}

fn envelope(fallback: &str, body: Vec<Value>, actions: &[Value], mentions: &[Mention]) -> Value {
    let mut room = MENTIONS_BUDGET;
    let called: Vec<(String, Value)> = mentions
        .iter()
        .filter_map(called)
        .take(MAX_MENTIONS)
        .take_while(|(tag, entity)| {
            let bytes = tag.len() + size(entity);
            room.checked_sub(bytes).map(|left| room = left).is_some()
        })
        .collect();
    let mut content = vec![];
    if !called.is_empty() {
        let names: Vec<_> = called.iter().map(|(tag, _)| tag.as_str()).collect();
        content.push(json!({"type": "TextBlock", "text": names.join(" "), "wrap": true}));
    }
    content.extend(body);
    let mut teams = json!({"width": "Full"});
    if !called.is_empty() {
        teams["entities"] = called.into_iter().map(|(_, entity)| entity).collect();
    }
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": inert(fallback),
        "msteams": teams,
        "body": content,
    });
    if !actions.is_empty() {
        card["actions"] = actions.into();
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

/// A mention: its text and its entity. No other function writes any.
fn called(mention: &Mention) -> Option<(String, Value)> {
    let Mention::TeamsUser(TeamsUser { id, name }) = mention else {
        return None;
    };
    let shown = if name.trim().is_empty() { id } else { name };
    let shown: String = shown
        .chars()
        .filter(|c| !c.is_control() && !"<>*_`[]\\{}".contains(*c))
        .take(80)
        .collect();
    if id.trim().is_empty() || shown.is_empty() {
        return None;
    }
    let tag = format!("<at>{shown}</at>");
    let entity = json!({"type": "mention", "text": tag, "mentioned": {"id": id, "name": shown}});
    Some((tag, entity))
}

fn size(message: &Value) -> usize {
    message.to_string().len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::senders::fixtures;

    fn message(event: &AcceptedEvent, mentions: &[Mention]) -> Value {
        super::message(event, mentions, None, &Brand::default())
    }

    fn boss() -> Mention {
        Mention::TeamsUser(TeamsUser {
            id: "boss@acme.example".to_owned(),
            name: "Boss".to_owned(),
        })
    }

    #[test]
    fn a_finding() {
        let mentions = [
            boss(),
            Mention::Here,
            Mention::SlackUser("U012AB3CD".parse().unwrap()),
        ];
        insta::assert_json_snapshot!(message(&fixtures::event("finding.created"), &mentions));
    }

    #[test]
    fn an_alert_that_is_open_has_a_button_to_acknowledge_it() {
        let link: Url = "https://bell.example.com/acknowledge?token=t.o-k_en"
            .parse()
            .unwrap();
        let event = fixtures::event("finding.created");
        let message = super::message(&event, &[], Some(&link), &Brand::default());
        insta::assert_json_snapshot!(message["attachments"][0]["content"]["actions"]);
    }

    #[test]
    fn medium_is_said_in_the_brands_word() {
        let brand = Brand {
            medium_word: "Moderate".to_owned(),
            ..Brand::default()
        };
        let event = AcceptedEvent {
            severity: watchbell_model::Severity::Medium,
            ..fixtures::event("finding.created")
        };
        let said = super::message(&event, &[], None, &brand).to_string();
        assert!(said.contains("Moderate") && !said.contains("Medium  "), "{said}");
    }

    #[test]
    fn a_test_says_so() {
        let event = AcceptedEvent {
            test: true,
            ..fixtures::event("scan.failed")
        };
        insta::assert_json_snapshot!(message(&event, &[]));
    }

    #[test]
    fn a_bare_event() {
        let event = AcceptedEvent {
            subject: String::new(),
            source: String::new(),
            url: String::new(),
            data: "{}".to_owned(),
            ..fixtures::event("account.plan.changed")
        };
        insta::assert_json_snapshot!(message(&event, &[]));
    }

    #[test]
    fn a_summary() {
        insta::assert_json_snapshot!(message(&fixtures::summary(3), &[boss()]));
    }

    #[test]
    fn a_summary_of_very_many_stays_in_its_budget_and_counts_the_rest() {
        let message = message(&fixtures::summary(2_000), &[]);
        assert!(size(&message) <= BUDGET, "{}", size(&message));
        let body = message["attachments"][0]["content"]["body"].as_array().unwrap();
        let shown = body.len() - 3;
        assert!(shown > 20, "{shown}");
        assert_eq!(
            body.last().unwrap()["inlines"][0]["text"],
            format!("+{} more", 2_000 - shown)
        );
    }

    #[test]
    fn hostile_text_is_only_text() {
        let message = message(&fixtures::hostile(), &[boss()]);
        assert!(size(&message) <= BUDGET, "{}", size(&message));
        insta::assert_json_snapshot!(message["attachments"][0]["content"]["body"][2]["facts"][0]);
        let text = message.to_string();
        // Once where the mention stands, once in its entity.
        assert_eq!(text.matches("<at>").count(), 2);
        let functions = text.matches("{{DATE(2026-").count() + text.matches("{{TIME(2026-").count();
        assert_eq!(text.matches("{{").count(), functions, "{text}");
    }

    #[test]
    fn markdown_is_neutralised_and_names_stay_readable() {
        for (text, wanted) in [
            ("[a](https://x.example)", r"\[a\](https://x.example)"),
            ("**b** _i_ `c`", r"\*\*b\*\* \_i\_ \`c\`"),
            ("customer_exports_v2", "customer_exports_v2"),
            ("- a list", r"\- a list"),
            ("1. a list", r"1\. a list"),
            ("2026. a list", r"2026\. a list"),
            ("1) a list", r"1\) a list"),
            ("# a heading", r"\# a heading"),
            ("## a heading", r"\## a heading"),
            ("---", r"\---"),
            ("<at>Boss</at>", "<\u{200b}at>Boss<\u{200b}/at>"),
            ("{{DATE(x)}}", "{\u{200b}{DATE(x)}}"),
            ("a & b &lt;", "a &amp; b &amp;lt;"),
        ] {
            assert_eq!(neutral(text), wanted);
        }
    }

    #[test]
    fn a_mention_cannot_break_out_of_its_tag() {
        let (tag, entity) = called(&Mention::TeamsUser(TeamsUser {
            id: "i".to_owned(),
            name: "a</at><at>b".to_owned(),
        }))
        .unwrap();
        assert_eq!(tag, "<at>a/atatb</at>");
        assert_eq!(entity["text"], tag);
        assert_eq!(
            called(&Mention::TeamsUser(TeamsUser {
                id: String::new(),
                name: "x".to_owned()
            })),
            None
        );
    }

    proptest! {
        #[test]
        fn whatever_an_event_says_the_card_is_small(
            title in ".{0,300}", subject in ".{0,256}", value in ".{0,4000}", names in 0usize..40,
        ) {
            let data: serde_json::Map<_, _> =
                (0..names).map(|n| (format!("{n}{title}"), Value::from(value.clone()))).collect();
            let data = serde_json::to_string(&data).unwrap();
            let url = format!("https://x.example/{}", "a".repeat(2_000));
            let event = AcceptedEvent { title, subject, data, url, ..fixtures::event("finding.created") };
            let mentions = vec![boss(); 30];
            prop_assert!(size(&message(&event, &mentions)) <= BUDGET);
        }
    }
}
