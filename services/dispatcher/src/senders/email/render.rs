//! An event as an email: subject, text and HTML. One layout, written in MJML and compiled once, serves all families
//! of events; a family adds its own sentence, advice and button.
//!
//! The template engine escapes event text wherever it enters the HTML; text of an event is never a template.

use std::collections::HashMap;
use std::sync::Arc;

use minijinja::{AutoEscape, Environment, Value, context};
use mrml::prelude::render::RenderOptions;
use url::Url;
use watchbell_model::Severity;
use watchbell_model::accepted_event::{AcceptedEvent, RenderedEmail};
use watchbell_model::brand::Brand;
use watchbell_model::catalog::{RECEIPT, notices};

use super::Footer;
use crate::senders::notice::{Notice, plain_data, web_url};
use crate::senders::summary::Summary;
use crate::senders::text::{cut, humanise, line, severity_color, severity_ground, time_text};

/// The longest subject; mail programs show less.
const SUBJECT: usize = 180;
/// Of a fact's value.
const VALUE: usize = 400;
/// Lines of a summary's list: Gmail shows the first 102 KB of an email.
const ITEMS: usize = 100;
/// In an email that was rendered elsewhere, where the link to unsubscribe goes.
pub(crate) const UNSUBSCRIBE_PLACEHOLDER: &str = "%UNSUBSCRIBE_URL%";

const FAMILIES: [(&str, &str); 15] = [
    ("finding", include_str!("templates/finding.txt")),
    ("scan", include_str!("templates/scan.txt")),
    ("sla", include_str!("templates/sla.txt")),
    ("compliance", include_str!("templates/compliance.txt")),
    ("receipt", include_str!("templates/receipt.txt")),
    ("audit", include_str!("templates/audit.txt")),
    ("atlas", include_str!("templates/atlas.txt")),
    ("account", include_str!("templates/account.txt")),
    (
        "channel_unhealthy",
        include_str!("templates/channel_unhealthy.txt"),
    ),
    ("channel_removed", include_str!("templates/channel_removed.txt")),
    ("secret_expiring", include_str!("templates/secret_expiring.txt")),
    (
        "expression_failed",
        include_str!("templates/expression_failed.txt"),
    ),
    ("confirmation", include_str!("templates/confirmation.txt")),
    ("summary", include_str!("templates/summary.txt")),
    ("generic", include_str!("templates/generic.txt")),
];

/// A template that does not compile, or does not render. A fault of ours: the templates are part of the program.
#[derive(Debug, thiserror::Error)]
#[error("the email could not be rendered: {0}")]
pub(crate) struct NotRendered(String);

/// The compiled templates, with the brand in them.
#[derive(Debug)]
pub(crate) struct Emails {
    templates: Environment<'static>,
    brand: Arc<Brand>,
}

/// The links of one recipient's email.
pub(crate) struct Links<'a> {
    pub(crate) footer: &'a Footer,
    /// Takes the alert on.
    pub(crate) acknowledge: Option<Url>,
}

/// Texts of one family.
#[derive(Default)]
struct Words {
    lead: String,
    advice: String,
    button: String,
}

// === impl Emails ===

impl Emails {
    /// Compiles all templates.
    pub(crate) fn new(brand: Arc<Brand>) -> Result<Self, NotRendered> {
        let layout = mrml::parse(include_str!("templates/layout.mjml")).map_err(not_rendered)?;
        // No remote fonts: opening an alert must not be observable.
        let options = RenderOptions {
            fonts: HashMap::new(),
            ..RenderOptions::default()
        };
        let html = layout.element.render(&options).map_err(not_rendered)?;
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|name| {
            if name.ends_with(".html") {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        templates
            .add_template_owned("layout.html", html)
            .map_err(not_rendered)?;
        templates
            .add_template("layout.txt", include_str!("templates/layout.txt"))
            .map_err(not_rendered)?;
        for (name, source) in FAMILIES {
            templates.add_template(name, source).map_err(not_rendered)?;
        }
        Ok(Self { templates, brand })
    }

    /// The email of an event: rendered here, or the one that it carries.
    pub(crate) fn render(
        &self,
        event: &AcceptedEvent,
        reason: &str,
        links: &Links<'_>,
    ) -> Result<RenderedEmail, NotRendered> {
        if let Some(email) = &event.email {
            return Ok(with_footer(email, reason, links.footer));
        }
        match Summary::from_event(event) {
            Some(summary) => self.render_summary(&summary, reason, links),
            None => self.render_notice(&Notice::from_event(event), event, reason, links),
        }
    }

    fn render_notice(
        &self,
        notice: &Notice,
        event: &AcceptedEvent,
        reason: &str,
        links: &Links<'_>,
    ) -> Result<RenderedEmail, NotRendered> {
        let data = Value::from_pairs(
            plain_data(event)
                .into_iter()
                .map(|(name, value)| (name, word(&value))),
        );
        let family = family(&notice.event_type);
        let words = self.words(
            family,
            context! {
                event_type => notice.event_type.as_str(),
                subject => notice.subject.as_str(),
                urgent => notice.severity >= Severity::High,
                data => data,
            },
        )?;
        // A receipt is a record and news are news: neither is better or worse than another.
        let rated =
            !matches!(family, "receipt" | "confirmation") && notice.event_type != "product.announcement";
        let test = if notice.test { "[Test] " } else { "" };
        let rating = match notice.severity {
            severity @ (Severity::Critical | Severity::High | Severity::Medium) if rated => {
                format!("[{}] ", self.brand.severity_word(severity))
            }
            _ => String::new(),
        };
        let subject = cut(&format!("{test}{rating}{}", notice.title), SUBJECT).into_owned();
        // That email says all in its sentence.
        let (told, more) = match family {
            "confirmation" => (&[][..], 0),
            _ => (&notice.facts[..], notice.more_facts),
        };
        let facts: Vec<Value> = told
            .iter()
            .map(|fact| {
                context! { name => fact.name.as_str(), value => cut(&fact.value.text(), VALUE).into_owned() }
            })
            .collect();
        let document = data_link(event);
        self.lay_out(
            context! {
                subject => subject.as_str(),
                pill => rated.then(|| self.brand.severity_word(notice.severity)),
                color => severity_ground(notice.severity),
                kind => notice.type_words.as_str(),
                preview => if words.lead.is_empty() { notice.title.as_str() } else { words.lead.as_str() },
                title => notice.title.as_str(),
                test => notice.test,
                lead => words.lead,
                advice => words.advice,
                button => words.button,
                url => notice.url.as_ref().map(Url::as_str).or(document.as_deref()),
                acknowledge => links.acknowledge.as_ref().map(Url::as_str),
                facts => facts,
                more => more,
                source => notice.source.as_str(),
                time => time_text(notice.occurred_at),
            },
            &subject,
            reason,
            links,
        )
    }

    fn render_summary(
        &self,
        summary: &Summary,
        reason: &str,
        links: &Links<'_>,
    ) -> Result<RenderedEmail, NotRendered> {
        let words = self.words("summary", context! { explanation => summary.explanation() })?;
        let items: Vec<Value> = summary
            .items
            .iter()
            .take(ITEMS)
            .map(|item| {
                context! {
                    severity => self.brand.severity_word(item.severity),
                    color => severity_color(item.severity),
                    title => cut(&item.title, 300).into_owned(),
                    kind => humanise(&item.event_type),
                    url => web_url(&item.url).map(String::from),
                    time => time_text(item.occurred_at),
                }
            })
            .collect();
        let title = summary.title();
        self.lay_out(
            context! {
                subject => title.as_str(),
                pill => self.brand.severity_word(summary.severity()),
                color => severity_ground(summary.severity()),
                kind => summary.worst_of(),
                preview => words.lead.as_str(),
                title => title.as_str(),
                lead => words.lead,
                more => summary.total - items.len(),
                items => items,
                time => time_text(summary.until),
            },
            &title,
            reason,
            links,
        )
    }

    /// A family's template yields the lead, the advice and the button's label, parted by lines of `===`. Data cannot
    /// add such a line: it has no line breaks by then.
    fn words(&self, family: &str, context: Value) -> Result<Words, NotRendered> {
        let template = self.templates.get_template(family).map_err(not_rendered)?;
        let text = template.render(context).map_err(not_rendered)?;
        let mut parts = text.split("===\n").map(line);
        Ok(Words {
            lead: parts.next().unwrap_or_default(),
            advice: parts.next().unwrap_or_default(),
            button: parts.next().unwrap_or_default(),
        })
    }

    fn lay_out(
        &self,
        content: Value,
        subject: &str,
        reason: &str,
        links: &Links<'_>,
    ) -> Result<RenderedEmail, NotRendered> {
        let context = context! {
            brand => context! {
                name => self.brand.name.as_str(),
                primary_color => self.brand.primary_color.as_str(),
                logo_url => self.brand.logo_url.as_ref().map(Url::as_str),
            },
            on_primary => text_on(&self.brand.primary_color),
            reason => line(reason),
            footer => context! { label => links.footer.label.as_str(), url => links.footer.url.as_str() },
            ..content
        };
        let render = |name| {
            self.templates
                .get_template(name)
                .and_then(|template| template.render(&context))
        };
        Ok(RenderedEmail {
            subject: subject.to_owned(),
            text: tidy(&render("layout.txt").map_err(not_rendered)?),
            html: render("layout.html").map_err(not_rendered)?,
        })
    }
}

/// A scalar of the data as templates compare and print it.
fn word(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Number(number) => number
            .as_i64()
            .map_or_else(|| Value::from(number.to_string()), Value::from),
        _ => Value::UNDEFINED,
    }
}

fn not_rendered(error: impl std::fmt::Display) -> NotRendered {
    NotRendered(error.to_string())
}

fn family(event_type: &str) -> &'static str {
    match event_type {
        RECEIPT => "receipt",
        notices::CHANNEL_UNHEALTHY => "channel_unhealthy",
        notices::CHANNEL_REMOVED => "channel_removed",
        notices::SECRET_EXPIRING => "secret_expiring",
        notices::EXPRESSION_FAILED => "expression_failed",
        notices::RECIPIENT_CONFIRMATION => "confirmation",
        _ => match event_type.split('.').next().unwrap_or_default() {
            "finding" => "finding",
            "scan" => "scan",
            "sla" => "sla",
            "compliance" => "compliance",
            "audit" => "audit",
            "atlas" => "atlas",
            "account" | "user" => "account",
            _ => "generic",
        },
    }
}

/// The link of an event without `url`: the document that its data names.
fn data_link(event: &AcceptedEvent) -> Option<String> {
    let data = plain_data(event);
    ["document_url", "report_url", "link"]
        .iter()
        .find_map(|name| data.get(*name)?.as_str().and_then(web_url))
        .map(String::from)
}

/// Black or white, whichever is easier to read on a colour (WCAG 2.1, relative luminance).
fn text_on(color: &str) -> &'static str {
    let channel = |at: usize| {
        let byte = color
            .get(at..at + 2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())
            .unwrap_or(0);
        let share = f64::from(byte) / 255.0;
        if share <= 0.040_45 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    };
    let luminance = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
    if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) {
        "#000000"
    } else {
        "#ffffff"
    }
}

/// At most one empty line in a row.
fn tidy(text: &str) -> String {
    let mut tidied = String::with_capacity(text.len());
    let mut empty = true;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() && empty {
            continue;
        }
        empty = line.is_empty();
        tidied.push_str(line);
        tidied.push('\n');
    }
    tidied.truncate(tidied.trim_end().len());
    tidied.push('\n');
    tidied
}

/// An email rendered elsewhere for all recipients, with this recipient's unsubscribe link.
fn with_footer(email: &RenderedEmail, reason: &str, footer: &Footer) -> RenderedEmail {
    let (label, url, reason) = (line(&footer.label), &footer.url, line(reason));
    let escape = |text: &str| html_escape::encode_safe(text).into_owned();
    let mut rendered = RenderedEmail {
        subject: line(&email.subject),
        text: email.text.replace(UNSUBSCRIBE_PLACEHOLDER, url),
        html: email.html.replace(UNSUBSCRIBE_PLACEHOLDER, &escape(url)),
    };
    if !email.text.contains(UNSUBSCRIBE_PLACEHOLDER) {
        let reason = if reason.is_empty() {
            String::new()
        } else {
            format!("{reason}\n")
        };
        rendered.text = format!("{}\n\n--\n{reason}{label}: {url}\n", rendered.text.trim_end());
    }
    if !email.html.contains(UNSUBSCRIBE_PLACEHOLDER) {
        let style = "padding:16px 24px;font:13px/20px -apple-system,'Segoe UI',Helvetica,Arial,sans-serif;color:#6e7781";
        let reason = if reason.is_empty() {
            String::new()
        } else {
            format!("{}<br>", escape(&reason))
        };
        let link = format!(
            "<a href=\"{}\" style=\"color:#6e7781\">{}</a>",
            escape(url),
            escape(&label)
        );
        let block = format!("<div style=\"{style}\">{reason}{link}</div>");
        match rendered.html.to_ascii_lowercase().rfind("</body>") {
            Some(at) => rendered.html.insert_str(at, &block),
            None => rendered.html.push_str(&block),
        }
    }
    rendered
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
