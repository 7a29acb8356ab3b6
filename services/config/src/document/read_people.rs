//! What a document says of people: who gets what by email.

use std::collections::BTreeMap;

use serde_json::Value;
use watchbell_contracts::config::v1::DigestSettings;
use watchbell_model::digest_settings;
use watchbell_model::preference::Preference as Word;
use watchbell_model::violation::reason;
use watchbell_model::{EmailAddress, Severity, Topic};

use super::PreferencesDraft;
use super::paths::in_document;
use super::reader::Item;
use crate::check;

pub(super) fn preferences(item: &Item<'_>) -> BTreeMap<String, PreferencesDraft> {
    let mut members = BTreeMap::new();
    let Some(table) = item.table() else { return members };
    for (email, said) in table.entries() {
        let Ok(address) = email.parse::<EmailAddress>() else {
            said.note(reason::MALFORMED, "must be the email address of a member");
            continue;
        };
        let Some(topics) = said.table() else { continue };
        let mut words = BTreeMap::new();
        for (topic, mut word) in topics.entries() {
            word.path = format!("{}.{topic}", said.path);
            match topic.parse::<Topic>() {
                Err(unknown) => word.note(reason::UNKNOWN_VALUE, unknown.to_string()),
                Ok(topic) => words.extend(preference(&word).map(|word| (topic, word))),
            }
        }
        let draft = PreferencesDraft {
            path: said.path.clone(),
            words,
        };
        if members.insert(address.key(), draft).is_some() {
            said.note(reason::DUPLICATE, "is given twice");
        }
    }
    members
}

/// `on`, `off`, `failures`, or severities.
fn preference(item: &Item<'_>) -> Option<Word> {
    match item.value {
        Value::Bool(true) => Some(Word::On),
        Value::Bool(false) => Some(Word::Off),
        Value::String(text) if text == "on" => Some(Word::On),
        Value::String(text) if text == "off" => Some(Word::Off),
        Value::String(text) if text == "failures" => Some(Word::Failures),
        Value::String(text) if text.parse::<Severity>().is_err() => {
            item.note(reason::UNKNOWN_VALUE, "must be on, off, failures, or severities");
            None
        }
        _ => {
            let severities: Vec<_> = item.items().iter().filter_map(Item::word::<Severity>).collect();
            if severities.is_empty() {
                item.note(reason::REQUIRED, "must be on, off, failures, or severities");
                return None;
            }
            Some(Word::Severities(severities.into()))
        }
    }
}

pub(super) fn recipients(item: &Item<'_>) -> Option<Vec<String>> {
    let texts: Vec<_> = item.items().iter().map(Item::text).collect();
    let checked = check::compliance_recipients(&texts);
    item.notes()
        .take(checked.map_err(|wrong| in_document(wrong, &[("recipients", "")], &item.path)))
}

pub(super) fn digest(item: &Item<'_>) -> Option<DigestSettings> {
    let table = item.table()?;
    let message = DigestSettings {
        cron: table.text("cron"),
        recipients: table.texts("recipients"),
        paused: table.flag("paused"),
        etag: String::new(),
    };
    let notes = table.notes();
    table.close();
    let read = digest_settings::DigestSettings::try_from(&message);
    let read = notes.take(read.map_err(|wrong| wrong.under("digest")));
    read.as_ref().map(DigestSettings::from)
}
