//! A rendered email as a message of RFC 5322 for one recipient. Its `Message-ID` comes from the delivery and is the
//! same in every retry, so that mail clients recognise duplicates.

use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};

use watchbell_model::accepted_event::RenderedEmail;

use super::Footer;
use crate::senders::text::{cut, line};

/// Characters of a subject; RFC 5322 §2.1.1 allows 998 on a line.
const SUBJECT: usize = 250;
/// Bytes of one encoded word, which has at most 75 characters (RFC 2047 §2).
const ENCODED: usize = 45;

/// The sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sender {
    /// The displayed name.
    pub(crate) name: String,
    /// The address, which is the envelope's too.
    pub(crate) address: String,
}

/// The message's bytes. `id` is the same for every attempt; `None` when an address is invalid.
pub(crate) fn message(
    email: &RenderedEmail,
    sender: &Sender,
    recipient: &str,
    id: &str,
    footer: &Footer,
    now: DateTime<Utc>,
) -> Option<Vec<u8>> {
    let from: Address = sender.address.parse().ok()?;
    let to: Address = recipient.parse().ok()?;
    let message_id = format!("<{id}@{}>", from.domain());
    let mut builder = Message::builder()
        .from(Mailbox::new(Some(line(&sender.name)), from))
        .to(Mailbox::new(None, to))
        .raw_header(subject(&cut(&line(&email.subject), SUBJECT)))
        .date(SystemTime::from(now))
        .message_id(Some(message_id))
        .raw_header(raw("Auto-Submitted", "auto-generated"));
    if footer.one_click {
        builder = builder
            .raw_header(raw("List-Unsubscribe", &format!("<{}>", footer.url)))
            .raw_header(raw("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
    }
    let part = |kind: ContentType, body: &str| SinglePart::builder().header(kind).body(body.to_owned());
    let parts = MultiPart::alternative()
        .boundary(format!("part-of-{id}"))
        .singlepart(part(ContentType::TEXT_PLAIN, &email.text))
        .singlepart(part(ContentType::TEXT_HTML, &email.html));
    builder.multipart(parts).ok().map(|message| message.formatted())
}

/// The subject. ASCII stays as it is, unless it looks like an encoded word (RFC 2047 §2), which a mail client would
/// decode; then the whole subject is encoded.
fn subject(text: &str) -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Subject");
    if !text.contains("=?") {
        return HeaderValue::new(name, text.to_owned());
    }
    let mut words: Vec<String> = Vec::new();
    for c in text.chars() {
        match words.last_mut() {
            Some(word) if word.len() + c.len_utf8() <= ENCODED => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    let words = words
        .iter()
        .map(|word| format!("=?utf-8?b?{}?=", BASE64_STANDARD.encode(word)));
    let encoded = words.collect::<Vec<_>>().join("\r\n ");
    HeaderValue::dangerous_new_pre_encoded(name, text.to_owned(), encoded)
}

/// A header of ours, sent as it is: a folded or encoded link is no link. It is ASCII without breaks, or left empty.
fn raw(name: &'static str, value: &str) -> HeaderValue {
    let value = if value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        value
    } else {
        ""
    };
    HeaderValue::dangerous_new_pre_encoded(
        HeaderName::new_from_ascii_str(name),
        value.to_owned(),
        value.to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;
    use crate::senders::fixtures;

    fn email(subject: &str) -> RenderedEmail {
        RenderedEmail {
            subject: subject.to_owned(),
            text: "Grüße\n.\nfrom a dot\n".to_owned(),
            html: "<p>Grüße</p>".to_owned(),
        }
    }

    fn built(email: &RenderedEmail, one_click: bool) -> Option<Vec<u8>> {
        let token = "0123456789".repeat(12);
        let footer = Footer {
            label: "Unsubscribe".to_owned(),
            url: format!("https://bell.example.com/unsubscribe?token={token}"),
            one_click,
        };
        let sender = Sender {
            name: "Wätchbell".to_owned(),
            address: "alerts@bell.example.com".to_owned(),
        };
        let id = fixtures::delivery().to_string();
        message(email, &sender, "ann@example.com", &id, &footer, fixtures::noon())
    }

    #[test]
    fn a_message() {
        let raw = built(&email("Public bucket"), true).unwrap();
        insta::assert_snapshot!(String::from_utf8(raw).unwrap().replace('\r', ""));
    }

    #[test]
    fn a_subject_cannot_add_a_header() {
        let raw = built(&email("Hi\r\nBcc: x@evil.example\r\n\r\nbody"), true).unwrap();
        let parsed = MessageParser::default().parse(&raw).unwrap();
        assert!(parsed.bcc().is_none());
        assert_eq!(parsed.subject(), Some("Hi Bcc: x@evil.example body"));
        let line = "List-Unsubscribe: <https://bell.example.com/unsubscribe?token=";
        assert!(
            String::from_utf8_lossy(&raw)
                .lines()
                .any(|found| found.starts_with(line) && found.ends_with('>'))
        );
    }

    #[test]
    fn a_subject_that_looks_encoded_is_shown_as_it_was_written() {
        let long = "=?utf-8?b?xx?= ü".repeat(12);
        for subject in [
            "=?utf-8?q?fake?=",
            "a =?utf-8?b?ZmFrZQ==?= ü",
            "=? and nothing else",
            &long,
        ] {
            let raw = built(&email(subject), true).unwrap();
            let parsed = MessageParser::default().parse(&raw).unwrap();
            assert_eq!(parsed.subject(), Some(subject));
            assert!(raw.split(|byte| *byte == b'\n').all(|line| line.len() <= 300));
        }
    }

    #[test]
    fn a_receipt_has_no_one_click() {
        let raw = String::from_utf8(built(&email("Receipt"), false).unwrap()).unwrap();
        assert!(!raw.contains("List-Unsubscribe"));
        assert!(raw.contains("Auto-Submitted: auto-generated"));
    }

    #[test]
    fn every_attempt_has_the_same_message_id() {
        let ids: Vec<_> = [false, true]
            .iter()
            .map(|one_click| {
                let raw = built(&email("x"), *one_click).unwrap();
                MessageParser::default()
                    .parse(&raw)
                    .unwrap()
                    .message_id()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        assert_eq!(ids[0], format!("{}@bell.example.com", fixtures::delivery()));
        assert_eq!(ids[0], ids[1]);
    }

    #[test]
    fn every_line_is_short_enough_for_smtp_and_ascii() {
        let email = RenderedEmail {
            html: format!("<p>{}</p>", "ä".repeat(5_000)),
            ..email(&"ö".repeat(400))
        };
        let raw = built(&email, true).unwrap();
        assert!(raw.is_ascii());
        assert!(raw.split(|byte| *byte == b'\n').all(|line| line.len() <= 999));
    }

    #[test]
    fn an_address_that_is_none_makes_no_message() {
        let sender = Sender {
            name: "x".to_owned(),
            address: "a@b.example".to_owned(),
        };
        let footer = Footer {
            label: String::new(),
            url: String::new(),
            one_click: false,
        };
        for to in ["", "nobody", "a@b\r\nBcc: c@d", "a b@c"] {
            assert_eq!(
                message(&email("x"), &sender, to, "id", &footer, fixtures::noon()),
                None,
                "{to}"
            );
        }
    }
}
