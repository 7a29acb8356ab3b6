//! An event as a Slack message: Block Kit, with the severity as the colour of a bar beside it.
//!
//! Event text can create no mention, no link and no formatting: `&`, `<` and `>` are escaped, `verbatim` stops Slack
//! from detecting names, and zero-width spaces around mrkdwn's marks disable them. Texts are cut to Slack's limits
//! with an ellipsis, counted after escaping.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;
use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::brand::Brand;
use watchbell_model::mention::Mention;

use crate::senders::notice::{FactValue, Notice, web_url};
use crate::senders::summary::{Item, Summary};
use crate::senders::text::{humanise, severity_color, time_text};

const HEADER: usize = 150;
const SECTION: usize = 3_000;
const FIELD: usize = 2_000;
const URL: usize = 3_000;
const FALLBACK: usize = 1_000;
/// Of one event in a summary.
const ITEM_TITLE: usize = 180;
/// Sections of a summary's list; well under the 50 blocks that a message may have.
const LIST_SECTIONS: usize = 12;

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
    let test = if notice.test { "[Test] " } else { "" };
    let mut blocks = Vec::new();
    let mut headline = format!(
        "*{}*  ·  {}",
        brand.severity_word(notice.severity),
        escape(&notice.type_words, 200)
    );
    if !notice.subject.is_empty() {
        headline.push('\n');
        headline.push_str(&escape(&notice.subject, 1_000));
    }
    if notice.test {
        headline.push_str("\n_This is a test. Nothing has happened._");
    }
    let mut section = json!({"type": "section", "text": mrkdwn(&headline)});
    let fields: Vec<_> = notice
        .facts
        .iter()
        .map(|fact| {
            let name = format!("*{}*\n", escape(&fact.name, 100));
            let value = match &fact.value {
                FactValue::Text(text) => escape(text, FIELD - name.chars().count()),
                FactValue::Instant(at) => date(*at),
            };
            mrkdwn(&(name + &value))
        })
        .collect();
    if !fields.is_empty() {
        section["fields"] = fields.into();
    }
    blocks.push(section);
    let open = notice.url.as_ref().and_then(|url| button("Open", "open", url));
    let acknowledge = acknowledge.and_then(|url| button("Acknowledge", "acknowledge", url));
    let buttons: Vec<_> = open.into_iter().chain(acknowledge).collect();
    if !buttons.is_empty() {
        blocks.push(json!({"type": "actions", "elements": buttons}));
    }
    let mut context = Vec::new();
    if !notice.source.is_empty() {
        context.push(mrkdwn(&format!("Source: {}", escape(&notice.source, 200))));
    }
    context.push(mrkdwn(&date(notice.occurred_at)));
    if notice.more_facts > 0 {
        context.push(mrkdwn(&format!("+{} more", notice.more_facts)));
    }
    blocks.push(json!({"type": "context", "elements": context}));
    let fallback = format!(
        "{test}{}: {}",
        brand.severity_word(notice.severity),
        escape(&notice.title, FALLBACK)
    );
    let title = format!("{test}{}", notice.title);
    envelope(
        &title,
        &fallback,
        severity_color(notice.severity),
        &blocks,
        mentions,
    )
}

fn summary_message(summary: &Summary, mentions: &[Mention], brand: &Brand) -> Value {
    let mut blocks =
        vec![json!({"type": "section", "text": mrkdwn(&escape(&summary.explanation(), SECTION))})];
    let mut listed = 0;
    let mut page = String::new();
    let mut pages = Vec::new();
    for item in &summary.items {
        let line = item_line(item, brand);
        if page.chars().count() + 1 + line.chars().count() > SECTION {
            pages.push(std::mem::take(&mut page));
            if pages.len() == LIST_SECTIONS {
                break;
            }
        }
        if !page.is_empty() {
            page.push('\n');
        }
        page.push_str(&line);
        listed += 1;
    }
    if !page.is_empty() {
        pages.push(page);
    }
    blocks.extend(
        pages
            .iter()
            .map(|page| json!({"type": "section", "text": mrkdwn(page)})),
    );
    if summary.total > listed {
        let more = format!("+{} more", summary.total - listed);
        blocks.push(json!({"type": "context", "elements": [mrkdwn(&more)]}));
    }
    let title = summary.title();
    envelope(
        &title,
        &escape(&title, FALLBACK),
        severity_color(summary.severity()),
        &blocks,
        mentions,
    )
}

fn item_line(item: &Item, brand: &Brand) -> String {
    let title = escape(&item.title, ITEM_TITLE);
    let title = match web_url(&item.url).and_then(|url| link(&url, 600)) {
        Some(url) => format!("<{url}|{title}>"),
        None => title,
    };
    let kind = escape(&humanise(&item.event_type), 60);
    format!(
        "• *{}*  {title}  ·  {kind}  ·  {}",
        brand.severity_word(item.severity),
        date(item.occurred_at)
    )
}

/// Mentions and title are outside the bar; the rest is beside it.
fn envelope(title: &str, fallback: &str, color: &str, details: &[Value], mentions: &[Mention]) -> Value {
    let mut blocks = Vec::new();
    let called = called(mentions);
    if !called.is_empty() {
        blocks.push(json!({"type": "section", "text": mrkdwn(&called)}));
    }
    let title = escape(title, HEADER);
    blocks.push(json!({"type": "header", "text": {"type": "plain_text", "text": title, "emoji": false}}));
    let text = if called.is_empty() {
        fallback.to_owned()
    } else {
        format!("{called} {fallback}")
    };
    json!({
        "text": text,
        "blocks": blocks,
        "attachments": [{"color": color, "blocks": details}],
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// Mentions in Slack's syntax. No other function writes any.
fn called(mentions: &[Mention]) -> String {
    let written: Vec<_> = mentions
        .iter()
        .filter_map(|mention| match mention {
            Mention::SlackUser(id) => Some(format!("<@{id}>")),
            Mention::SlackGroup(id) => Some(format!("<!subteam^{id}>")),
            Mention::Here => Some("<!here>".to_owned()),
            _ => None,
        })
        .take(50)
        .collect();
    written.join(" ")
}

/// A button that leads somewhere; none when the URL is too long.
fn button(label: &str, action: &str, url: &Url) -> Option<Value> {
    let text = json!({"type": "plain_text", "text": label, "emoji": false});
    (url.as_str().len() <= URL)
        .then(|| json!({"type": "button", "text": text, "url": url.as_str(), "action_id": action}))
}

/// A URL as the target of a link in mrkdwn; none when it is too long, since half a link leads elsewhere.
fn link(url: &Url, max: usize) -> Option<String> {
    let text = url
        .as_str()
        .replace('|', "%7C")
        .replace('&', "&amp;")
        .replace('<', "%3C")
        .replace('>', "%3E");
    (text.len() <= max).then_some(text)
}

fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

/// In each reader's zone.
fn date(at: DateTime<Utc>) -> String {
    format!(
        "<!date^{}^{{date_short_pretty}} {{time}}|{}>",
        at.timestamp(),
        time_text(at)
    )
}

/// Escapes text, to at most `max` characters as Slack counts them. Slack has no escape for its formatting marks; a
/// single mark formats nothing and is left as it is.
fn escape(text: &str, max: usize) -> String {
    let paired = |mark: char| text.matches(mark).nth(1).is_some();
    let paired = ['*', '~', '`', '_'].map(|mark| (mark, paired(mark)));
    let marks = |c: char| paired.contains(&(c, true));
    let mut escaped = String::new();
    let mut room = max;
    let mut last_but_one = 0;
    let mut previous = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let in_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let entity = match c {
            '&' => Some("&amp;"),
            '<' => Some("&lt;"),
            // A quotation, at the start of a line.
            '>' if previous.is_none() => Some("\u{200b}&gt;"),
            '>' => Some("&gt;"),
            // Within a word an underscore means nothing, and names are full of them.
            '_' if in_word(previous) && in_word(rest.peek().copied()) => None,
            '_' if marks(c) => Some("\u{200b}_\u{200b}"),
            '*' if marks(c) => Some("\u{200b}*\u{200b}"),
            '~' if marks(c) => Some("\u{200b}~\u{200b}"),
            '`' if marks(c) => Some("\u{200b}`\u{200b}"),
            _ => None,
        };
        previous = Some(c);
        let size = entity.map_or(1, |entity| entity.chars().count());
        if size > room {
            // Full: remove characters for the ellipsis.
            if room == 0 {
                escaped.truncate(last_but_one);
            }
            escaped.push('…');
            return escaped;
        }
        last_but_one = escaped.len();
        match entity {
            Some(entity) => escaped.push_str(entity),
            None => escaped.push(c),
        }
        room -= size;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use watchbell_model::mention::TeamsUser;

    use super::*;
    use crate::senders::fixtures;

    fn message(event: &AcceptedEvent, mentions: &[Mention]) -> Value {
        super::message(event, mentions, None, &Brand::default())
    }

    #[test]
    fn a_finding() {
        let mentions = [
            Mention::SlackUser("U012AB3CD".parse().unwrap()),
            Mention::SlackGroup("S614TZR7".parse().unwrap()),
            Mention::Here,
            Mention::TeamsUser(TeamsUser {
                id: "x".to_owned(),
                name: "y".to_owned(),
            }),
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
        let details = message["attachments"][0]["blocks"].as_array().unwrap();
        let actions = details.iter().find(|block| block["type"] == "actions").unwrap();
        insta::assert_json_snapshot!(actions);
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
        insta::assert_json_snapshot!(message(&fixtures::summary(3), &[Mention::Here]));
    }

    #[test]
    fn a_summary_of_very_many_counts_what_it_leaves_out() {
        let message = message(&fixtures::summary(2_000), &[]);
        check(&message);
        let blocks = message["attachments"][0]["blocks"].as_array().unwrap();
        let shown: usize = blocks
            .iter()
            .filter_map(|b| b["text"]["text"].as_str())
            .map(|t| t.matches("• ").count())
            .sum();
        assert!(shown > 100, "{shown}");
        assert_eq!(
            blocks.last().unwrap()["elements"][0]["text"],
            format!("+{} more", 2_000 - shown)
        );
    }

    #[test]
    fn hostile_text_creates_no_mention_and_no_link() {
        let message = message(&fixtures::hostile(), &[]);
        check(&message);
        for text in texts(&message) {
            let rest = text.replace("<!date^", "");
            assert!(
                !rest.contains("<!") && !rest.contains("<@") && !rest.contains("<http"),
                "{text}"
            );
            // A date's own token has the one closing bracket.
            assert_eq!(rest.matches('<').count(), 0, "{text}");
        }
        let title = message["blocks"][0]["text"]["text"].as_str().unwrap();
        assert!(
            title.starts_with("&lt;!channel&gt; &lt;@U0HACKER&gt;") && title.ends_with('…'),
            "{title}"
        );
    }

    #[test]
    fn event_text_formats_nothing() {
        for (text, inert) in [
            ("a *b* c", "a |*|b|*| c"),
            ("~a~ `b` ```c", "|~|a|~| |`|b|`| |`||`||`|c"),
            ("_a_b_", "|_|a_b|_|"),
            (
                "snake_case_name arn:aws:s3:::x/*",
                "snake_case_name arn:aws:s3:::x/*",
            ),
            ("> a > b", "|&gt; a &gt; b"),
        ] {
            assert_eq!(escape(text, 100).replace('\u{200b}', "|"), inert);
        }
        let event = AcceptedEvent {
            title: "*t* _t_".to_owned(),
            subject: "*s* `s`".to_owned(),
            source: "*o*".to_owned(),
            data: json!({"*key*\u{202e}": "*v* ~v~ _v_ `v`\u{202e}"}).to_string(),
            ..fixtures::event("finding.created")
        };
        let message = message(&event, &[]);
        for text in texts(&message["attachments"]) {
            for word in [
                "*s*", "`s`", "*o*", "*key*", "*Key*", "*v*", "~v~", "_v_", "`v`", "\u{202e}",
            ] {
                assert!(!text.contains(word), "{word} in {text}");
            }
        }
        assert!(!message["text"].as_str().unwrap().contains("*t*"));
    }

    #[test]
    fn a_link_cannot_end_early() {
        let url = Url::parse("https://x.example/a|b?c=<d>&e=1#f|g>h").unwrap();
        assert_eq!(
            link(&url, 600).unwrap(),
            "https://x.example/a%7Cb?c=%3Cd%3E&amp;e=1#f%7Cg%3Eh"
        );
        assert_eq!(link(&url, 10), None);
    }

    fn texts(value: &Value) -> Vec<&str> {
        match value {
            Value::String(text) => vec![text],
            Value::Array(items) => items.iter().flat_map(texts).collect(),
            Value::Object(map) => map
                .iter()
                .filter(|(key, _)| *key != "url")
                .flat_map(|(_, v)| texts(v))
                .collect(),
            _ => vec![],
        }
    }

    /// Slack's documented limits.
    fn check(message: &Value) {
        let attachment = &message["attachments"][0];
        let blocks: Vec<_> = [message, attachment]
            .iter()
            .flat_map(|at| at["blocks"].as_array().unwrap().clone())
            .collect();
        assert!(blocks.len() <= 50);
        let count = |value: &Value| value.as_str().unwrap().chars().count();
        for block in &blocks {
            match block["type"].as_str().unwrap() {
                "header" => assert!((1..=150).contains(&count(&block["text"]["text"]))),
                "section" => {
                    assert!((1..=3_000).contains(&count(&block["text"]["text"])));
                    let fields = block["fields"].as_array().cloned().unwrap_or_default();
                    assert!(fields.len() <= 10);
                    assert!(
                        fields
                            .iter()
                            .all(|field| (1..=2_000).contains(&count(&field["text"])))
                    );
                }
                "context" => assert!((1..=10).contains(&block["elements"].as_array().unwrap().len())),
                "actions" => {
                    let button = &block["elements"][0];
                    assert!(count(&button["text"]["text"]) <= 75 && count(&button["url"]) <= 3_000);
                }
                other => panic!("{other}"),
            }
        }
        assert!(count(&message["text"]) <= 4_000);
    }

    proptest! {
        #[test]
        fn whatever_an_event_says_the_limits_hold(title in ".{0,300}", value in "[<>&a]{0,3000}", name in ".{0,90}") {
            let data = json!({name: value.clone(), "x": value}).to_string();
            let event = AcceptedEvent { title, data, ..fixtures::event("finding.created") };
            check(&message(&event, &[]));
        }

        #[test]
        fn an_escaped_text_keeps_to_its_limit_and_splits_no_entity(text in "[<>&ab*_`~ ]{0,40}", max in 1usize..30) {
            let escaped = escape(&text, max);
            prop_assert!(escaped.chars().count() <= max, "{}", escaped);
            let plain = escaped.replace('\u{200b}', "").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            prop_assert!(text.starts_with(plain.trim_end_matches('…')));
        }
    }
}
