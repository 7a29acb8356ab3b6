//! The targets, one file for each parser or family of parsers.

mod answer;
mod cron;
mod document;
mod event;
mod expression;
mod member_token;
mod page_token;
mod quiet_hours;
mod request_json;
mod schema;
mod smtp;
mod unsubscribe;
mod url;
mod words;

/// A parser, and what it promises.
#[derive(Debug)]
pub struct Target {
    /// The name of its corpus.
    pub name: &'static str,
    /// Gives it an input.
    pub(crate) run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    of("answer", answer::run),
    of("cron", cron::run),
    of("document", document::run),
    of("event_data", event::data),
    of("event_wire", event::wire),
    of("expression", expression::run),
    of("key_set", member_token::key_set),
    of("member_token", member_token::run),
    of("page_token", page_token::run),
    of("quiet_hours", quiet_hours::run),
    of("request_json", request_json::run),
    of("schema", schema::run),
    of("smtp", smtp::run),
    of("unsubscribe", unsubscribe::run),
    of("url", url::run),
    of("words", words::run),
];

const fn of(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}
