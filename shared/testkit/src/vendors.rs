//! What services that are called by webhooks say they take: required fields, types, words and limits, by their documentation.
//! PagerDuty Events API v2, Opsgenie Alert API, Discord webhooks, Google Chat cards v2, Mattermost incoming webhooks,
//! Telegram Bot API, Splunk HTTP Event Collector, OCSF 1.3.

use http::HeaderMap;
use serde_json::{Map, Value};

type Judged = Result<(), String>;

/// Judges a request as the service would.
///
/// # Errors
/// What it would refuse.
pub fn check(service: &str, headers: &HeaderMap, body: &[u8]) -> Judged {
    let body: Value = serde_json::from_slice(body).map_err(|error| format!("no JSON: {error}"))?;
    let body = At::new(&body);
    match service {
        "pagerduty" => pagerduty(&body),
        "opsgenie" => header(headers, "authorization").and_then(|()| opsgenie(&body)),
        "discord" => discord(&body),
        "google_chat" => google_chat(&body),
        "mattermost" => mattermost(&body),
        "telegram" => telegram(&body),
        "splunk_hec" => header(headers, "authorization").and_then(|()| splunk(&body)),
        "ocsf" => ocsf(&body),
        other => Err(format!("no such service: {other}")),
    }
}

fn header(headers: &HeaderMap, name: &str) -> Judged {
    match headers.contains_key(name) {
        true => Ok(()),
        false => Err(format!("no header {name}")),
    }
}

fn pagerduty(body: &At<'_>) -> Judged {
    body.only(&[
        "routing_key",
        "event_action",
        "dedup_key",
        "client",
        "client_url",
        "payload",
        "images",
        "links",
    ])?;
    body.text("routing_key", 32..=32)?;
    body.word("event_action", &["trigger", "acknowledge", "resolve"])?;
    body.optional_text("dedup_key", 1..=255)?;
    body.optional_url("client_url")?;
    let payload = body.object("payload")?;
    payload.only(&[
        "summary",
        "source",
        "severity",
        "timestamp",
        "component",
        "group",
        "class",
        "custom_details",
    ])?;
    payload.text("summary", 1..=1_024)?;
    payload.text("source", 1..=1_024)?;
    payload.word("severity", &["critical", "error", "warning", "info"])?;
    payload.time("timestamp")?;
    payload.object("custom_details").map(drop)
}

fn opsgenie(body: &At<'_>) -> Judged {
    body.text("message", 1..=130)?;
    body.optional_text("alias", 1..=512)?;
    body.optional_text("description", 0..=15_000)?;
    body.optional_text("entity", 1..=512)?;
    body.optional_text("source", 1..=100)?;
    body.word("priority", &["P1", "P2", "P3", "P4", "P5"])?;
    let tags = body.list("tags", 0..=20)?;
    tags.iter().try_for_each(|tag| tag.is_text(1..=50))?;
    let details = body.object("details")?;
    details.members()?.values().try_for_each(|detail| match detail {
        Value::String(_) => Ok(()),
        _ => Err("details are texts".to_owned()),
    })
}

fn discord(body: &At<'_>) -> Judged {
    body.optional_text("content", 1..=2_000)?;
    body.optional_text("username", 1..=80)?;
    let mut all = 0;
    for embed in body.list("embeds", 1..=10)? {
        all += embed.text("title", 1..=256)?;
        embed.optional_url("url")?;
        embed.time("timestamp")?;
        embed.number("color", 0.0..=16_777_215.0)?;
        for field in embed.list("fields", 0..=25)? {
            all += field.text("name", 1..=256)? + field.text("value", 1..=1_024)?;
        }
        all += embed.object("footer")?.text("text", 1..=2_048)?;
    }
    let mentions = body.object("allowed_mentions")?;
    match (all, mentions.list("parse", 0..=0)) {
        (0..=6_000, Ok(_)) => Ok(()),
        (_, mentioned) => Err(format!(
            "{all} characters in embeds; mentions: {}",
            mentioned.is_err()
        )),
    }
}

fn google_chat(body: &At<'_>) -> Judged {
    if body.value.to_string().len() > 32_000 {
        return Err("more than 32 KB".to_owned());
    }
    for card in body.list("cardsV2", 1..=1)? {
        card.text("cardId", 1..=100)?;
        let card = card.object("card")?;
        let header = card.object("header")?;
        header.text("title", 1..=200)?;
        header.text("subtitle", 1..=1_000)?;
        for section in card.list("sections", 1..=100)? {
            for widget in section.list("widgets", 1..=100)? {
                let kinds: Vec<_> = widget.members()?.keys().map(String::as_str).collect();
                match kinds.as_slice() {
                    ["decoratedText"] => widget
                        .object("decoratedText")?
                        .text("text", 1..=4_096)
                        .map(drop)?,
                    ["buttonList"] => {
                        for button in widget.object("buttonList")?.list("buttons", 1..=6)? {
                            button.text("text", 1..=100)?;
                            button.object("onClick")?.object("openLink")?.url("url")?;
                        }
                    }
                    other => return Err(format!("a widget is one thing, not {other:?}")),
                }
            }
        }
    }
    Ok(())
}

fn mattermost(body: &At<'_>) -> Judged {
    body.optional_text("username", 1..=64)?;
    for attachment in body.list("attachments", 1..=10)? {
        attachment.text("fallback", 1..=4_000)?;
        attachment.text("title", 1..=1_000)?;
        attachment.optional_url("title_link")?;
        if !attachment
            .get("color")?
            .as_str()
            .is_some_and(|color| color.len() == 7 && color.starts_with('#'))
        {
            return Err("color is #RRGGBB".to_owned());
        }
        for field in attachment.list("fields", 0..=20)? {
            field.text("title", 1..=200)?;
            field.text("value", 1..=4_000)?;
        }
    }
    Ok(())
}

fn telegram(body: &At<'_>) -> Judged {
    body.text("chat_id", 1..=64)?;
    body.text("text", 1..=4_096)?;
    // Of texts with markup, `<` and `_` of an event would be part.
    match body.members()?.contains_key("parse_mode") {
        true => Err("parse_mode".to_owned()),
        false => Ok(()),
    }
}

fn splunk(body: &At<'_>) -> Judged {
    body.only(&["time", "host", "source", "sourcetype", "index", "fields", "event"])?;
    body.number("time", 1e9..=1e10)?;
    body.text("sourcetype", 1..=100)?;
    body.object("event").map(drop)
}

fn ocsf(body: &At<'_>) -> Judged {
    body.number("class_uid", 2_004.0..=2_004.0)?;
    body.number("category_uid", 2.0..=2.0)?;
    body.number("activity_id", 0.0..=3.0)?;
    body.number("type_uid", 200_400.0..=200_403.0)?;
    body.number("severity_id", 0.0..=6.0)?;
    body.number("time", 1e12..=1e13)?;
    let metadata = body.object("metadata")?;
    metadata.text("version", 5..=10)?;
    let product = metadata.object("product")?;
    product.text("name", 1..=100)?;
    product.text("vendor_name", 1..=100)?;
    let finding = body.object("finding_info")?;
    finding.text("uid", 1..=1_000)?;
    finding.text("title", 1..=1_000)?;
    finding.optional_url("src_url")?;
    body.object("unmapped").map(drop)
}

/// A value and where it is.
struct At<'v> {
    value: &'v Value,
    path: String,
}

impl<'v> At<'v> {
    fn new(value: &'v Value) -> Self {
        Self {
            value,
            path: String::new(),
        }
    }

    fn wrong<T>(&self, name: &str, why: impl std::fmt::Display) -> Result<T, String> {
        Err(format!("{}{name}: {why}", self.path))
    }

    fn members(&self) -> Result<&'v Map<String, Value>, String> {
        match self.value.as_object() {
            Some(members) => Ok(members),
            None => self.wrong("", "no object"),
        }
    }

    fn only(&self, names: &[&str]) -> Judged {
        match self
            .members()?
            .keys()
            .find(|name| !names.contains(&name.as_str()))
        {
            Some(name) => self.wrong(name, "unknown"),
            None => Ok(()),
        }
    }

    fn get(&self, name: &str) -> Result<&'v Value, String> {
        match self.members()?.get(name) {
            Some(value) => Ok(value),
            None => self.wrong(name, "missing"),
        }
    }

    fn object(&self, name: &str) -> Result<Self, String> {
        let object = Self {
            value: self.get(name)?,
            path: format!("{}{name}.", self.path),
        };
        object.members()?;
        Ok(object)
    }

    fn list(&self, name: &str, count: std::ops::RangeInclusive<usize>) -> Result<Vec<Self>, String> {
        match self.get(name)?.as_array() {
            Some(items) if count.contains(&items.len()) => {
                let items = items.iter().enumerate();
                let items = items.map(|(index, value)| Self {
                    value,
                    path: format!("{}{name}[{index}].", self.path),
                });
                Ok(items.collect())
            }
            _ => self.wrong(name, format!("no list of {count:?}")),
        }
    }

    /// The characters of a text.
    fn text(&self, name: &str, length: std::ops::RangeInclusive<usize>) -> Result<usize, String> {
        let count = self.get(name)?.as_str().map(|text| text.chars().count());
        match count {
            Some(count) if length.contains(&count) => Ok(count),
            _ => self.wrong(name, format!("no text of {length:?} characters: {count:?}")),
        }
    }

    fn is_text(&self, length: std::ops::RangeInclusive<usize>) -> Judged {
        match self.value.as_str() {
            Some(text) if length.contains(&text.chars().count()) => Ok(()),
            _ => self.wrong("", format!("no text of {length:?} characters")),
        }
    }

    fn optional_text(&self, name: &str, length: std::ops::RangeInclusive<usize>) -> Judged {
        match self.members()?.contains_key(name) {
            true => self.text(name, length).map(drop),
            false => Ok(()),
        }
    }

    fn word(&self, name: &str, words: &[&str]) -> Judged {
        match self.get(name)?.as_str() {
            Some(word) if words.contains(&word) => Ok(()),
            _ => self.wrong(name, format!("none of {words:?}")),
        }
    }

    fn number(&self, name: &str, range: std::ops::RangeInclusive<f64>) -> Judged {
        match self.get(name)?.as_f64() {
            Some(number) if range.contains(&number) => Ok(()),
            other => self.wrong(name, format!("not within {range:?}: {other:?}")),
        }
    }

    fn url(&self, name: &str) -> Judged {
        match self.get(name)?.as_str() {
            Some(url) if url.starts_with("https://") || url.starts_with("http://") => Ok(()),
            other => self.wrong(name, format!("no URL: {other:?}")),
        }
    }

    fn optional_url(&self, name: &str) -> Judged {
        match self.members()?.contains_key(name) {
            true => self.url(name),
            false => Ok(()),
        }
    }

    fn time(&self, name: &str) -> Judged {
        match self.get(name)?.as_str().map(chrono::DateTime::parse_from_rfc3339) {
            Some(Ok(_)) => Ok(()),
            _ => self.wrong(name, "no time of RFC 3339"),
        }
    }
}
