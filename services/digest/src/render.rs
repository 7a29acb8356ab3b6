//! The digest as a mail: a subject, a text and an HTML part, in the colours of the brand. Pure. The HTML is made of
//! MJML, loads nothing but the brand's logo, and reads well on a narrow screen and in the dark. Names come from events
//! and are escaped.

use std::collections::HashMap;

use chrono::TimeDelta;
use chrono_tz::Tz;
use minijinja::{AutoEscape, Environment, Value, context};
use mrml::prelude::render::RenderOptions;
use watchbell_model::brand::Brand;
use watchbell_model::text::line;

use crate::error::{Error, Result};
use crate::schedule::Period;
use crate::summary::{Contributor, Figure, Figures};

const MJML: &str = include_str!("../templates/digest.mjml");
const TEXT: &str = include_str!("../templates/digest.txt");

/// The Dispatcher puts each recipient's own link here.
pub const UNSUBSCRIBE_PLACEHOLDER: &str = "%UNSUBSCRIBE_URL%";

/// A digest, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// One line.
    pub subject: String,
    /// The `text/plain` part.
    pub text: String,
    /// The `text/html` part.
    pub html: String,
}

/// What a digest is about.
#[derive(Debug, Clone, Copy)]
pub struct Digest<'a> {
    /// The team's name.
    pub team: &'a str,
    /// In which its members read dates.
    pub zone: Tz,
    /// What it covers.
    pub period: Period,
    /// What was counted.
    pub figures: &'a Figures,
}

#[derive(Debug, Clone)]
struct Tile {
    name: &'static str,
    value: String,
    change: String,
}

#[derive(Debug, Clone)]
struct List {
    title: &'static str,
    nobody: String,
    people: Vec<Person>,
}

#[derive(Debug, Clone)]
struct Person {
    name: String,
    count: String,
    previous: String,
}

impl From<Tile> for Value {
    fn from(tile: Tile) -> Self {
        context! { name => tile.name, value => tile.value, change => tile.change }
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        context! { title => list.title, nobody => list.nobody, people => list.people }
    }
}

impl From<Person> for Value {
    fn from(person: Person) -> Self {
        context! { name => person.name, count => person.count, previous => person.previous }
    }
}

/// How a period is called.
#[derive(Debug, Clone, Copy)]
struct Words {
    title: &'static str,
    this: &'static str,
    before: &'static str,
}

/// Makes the mail.
///
/// # Errors
/// Only for a defect of the templates.
pub fn render(digest: Digest<'_>, brand: &Brand) -> Result<Mail> {
    let words = Words::new(digest.period);
    let team = line(digest.team);
    let subject = subject(&team, words, digest.figures);
    let context = context! {
        subject => subject.as_str(),
        heading => format!("{} of {team}", words.title),
        period => period_line(digest.period, digest.zone),
        lead => lead(words, digest.figures),
        late => late(words, digest.figures),
        tiles => tiles(words, digest.figures),
        lists => lists(words, digest.figures),
        this => format!("this {}", words.this),
        why => format!(
            "{} sent this digest because you are an Owner of {team}, asked for it, or are among its recipients.",
            brand.name
        ),
        unsubscribe => UNSUBSCRIBE_PLACEHOLDER,
        brand => brand.name.as_str(),
        logo_url => brand.logo_url.as_ref().map(url::Url::as_str),
        color => brand.primary_color.as_str(),
    };
    let broken = |error: &dyn std::fmt::Display| Error::Render(error.to_string());
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|name| match name {
        "mjml" => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    environment
        .add_template("mjml", MJML)
        .map_err(|error| broken(&error))?;
    environment
        .add_template("text", TEXT)
        .map_err(|error| broken(&error))?;
    let fill = |name| {
        environment
            .get_template(name)
            .and_then(|template| template.render(context.clone()))
    };
    let text = fill("text").map_err(|error| broken(&error))?;
    let mjml = fill("mjml").map_err(|error| broken(&error))?;
    let parsed = mrml::parse(&mjml).map_err(|error| broken(&error))?;
    // Fonts would be fetched from a third party, which then learns who reads.
    let options = RenderOptions {
        fonts: HashMap::new(),
        ..RenderOptions::default()
    };
    let html = parsed.element.render(&options).map_err(|error| broken(&error))?;
    Ok(Mail { subject, text, html })
}

fn subject(team: &str, words: Words, figures: &Figures) -> String {
    if figures.is_quiet() {
        return format!("{} of {team}: nothing to report", words.title);
    }
    format!(
        "{} of {team}: {}, {}",
        words.title,
        counted(
            figures.audits_delivered.current,
            "audit delivered",
            "audits delivered"
        ),
        counted(figures.atlas_alerts.current, "Atlas alert", "Atlas alerts"),
    )
}

fn lead(words: Words, figures: &Figures) -> String {
    if figures.is_quiet() {
        return format!(
            "A quiet {}: no audit was delivered, no Atlas alert fired and no credits were consumed.",
            words.this
        );
    }
    format!(
        "{}, {} and {} consumed.",
        counted(
            figures.audits_delivered.current,
            "audit delivered",
            "audits delivered"
        ),
        counted(
            figures.atlas_alerts.current,
            "Atlas alert fired",
            "Atlas alerts fired"
        ),
        match number(figures.credits_consumed.current) {
            none if none == "0" => "no credits".to_owned(),
            one if one == "1" => "1 credit".to_owned(),
            many => format!("{many} credits"),
        },
    )
}

/// What is counted although it belongs to another period; nothing when nothing is.
fn late(words: Words, figures: &Figures) -> String {
    match figures.late {
        0 => String::new(),
        count => format!(
            "Counted here: {} of before this {}, which came after its digest was made.",
            counted(count, "event", "events"),
            words.this
        ),
    }
}

fn tiles(words: Words, figures: &Figures) -> Vec<Tile> {
    let count = |name, figure: Figure<u64>| Tile {
        name,
        value: whole(figure.current),
        change: match figure.current.cmp(&figure.previous) {
            std::cmp::Ordering::Equal => format!("as many as the {}", words.before),
            std::cmp::Ordering::Greater => {
                format!(
                    "▲ {} more than the {} ({})",
                    whole(figure.current - figure.previous),
                    words.before,
                    whole(figure.previous)
                )
            }
            std::cmp::Ordering::Less => {
                format!(
                    "▼ {} fewer than the {} ({})",
                    whole(figure.previous - figure.current),
                    words.before,
                    whole(figure.previous)
                )
            }
        },
    };
    let consumed = figures.credits_consumed;
    let difference = consumed.current - consumed.previous;
    let remaining = figures.credits_remaining;
    vec![
        count("Audits delivered", figures.audits_delivered),
        count("Atlas alerts fired", figures.atlas_alerts),
        Tile {
            name: "Credits consumed",
            value: number(consumed.current),
            change: match number(difference.abs()) {
                same if same == "0" => format!("as many as the {}", words.before),
                more if difference > 0.0 => {
                    format!(
                        "▲ {more} more than the {} ({})",
                        words.before,
                        number(consumed.previous)
                    )
                }
                fewer => format!(
                    "▼ {fewer} fewer than the {} ({})",
                    words.before,
                    number(consumed.previous)
                ),
            },
        },
        Tile {
            name: "Credits remaining",
            value: remaining.current.map_or_else(|| "–".to_owned(), number),
            change: match (remaining.current, remaining.previous) {
                (None, _) => "no event has said how many".to_owned(),
                (Some(_), None) => format!("not known of the {}", words.before),
                (Some(_), Some(before)) => format!("{} at the end of the {}", number(before), words.before),
            },
        },
    ]
}

fn lists(words: Words, figures: &Figures) -> Vec<List> {
    let people = |contributors: &[Contributor]| {
        let person = |who: &Contributor| Person {
            name: line(&who.name),
            count: whole(who.count.current),
            previous: whole(who.count.previous),
        };
        contributors.iter().map(person).collect()
    };
    vec![
        List {
            title: "Top submitters",
            nobody: format!("Nobody submitted an audit this {}.", words.this),
            people: people(&figures.submitters),
        },
        List {
            title: "Top acknowledgers",
            nobody: format!("Nobody acknowledged anything this {}.", words.this),
            people: people(&figures.acknowledgers),
        },
    ]
}

// === impl Words ===

impl Words {
    /// A week is a week with a change of the clocks, too.
    fn new(period: Period) -> Self {
        let off = (period.end - period.start - TimeDelta::days(7)).abs();
        if off <= TimeDelta::hours(3) {
            Self {
                title: "The week",
                this: "week",
                before: "week before",
            }
        } else {
            Self {
                title: "The digest",
                this: "period",
                before: "period before",
            }
        }
    }
}

fn period_line(period: Period, zone: Tz) -> String {
    let start = period.start.with_timezone(&zone).format("%a %-d %b %Y, %H:%M");
    let end = period.end.with_timezone(&zone).format("%a %-d %b %Y, %H:%M");
    format!("{start} to {end} ({zone})")
}

fn counted(count: u64, one: &str, many: &str) -> String {
    match count {
        0 => format!("no {one}"),
        1 => format!("1 {one}"),
        _ => format!("{} {many}", whole(count)),
    }
}

/// With commas between thousands.
fn whole(number: u64) -> String {
    grouped(&number.to_string())
}

/// At most two decimals, no trailing zeros.
fn number(number: f64) -> String {
    let text = format!("{number:.2}");
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    match decimals.trim_end_matches('0') {
        "" => grouped(whole),
        decimals => format!("{}.{decimals}", grouped(whole)),
    }
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Without line breaks and other control characters, which would let a name forge a line of the text part.
#[cfg(test)]
mod tests {
    use super::*;

    fn period() -> Period {
        let at = |text: &str| text.parse().unwrap();
        Period {
            previous_start: at("2026-11-02T08:00:00Z"),
            start: at("2026-11-09T08:00:00Z"),
            end: at("2026-11-16T08:00:00Z"),
        }
    }

    fn person(name: &str, current: u64, previous: u64) -> Contributor {
        Contributor {
            name: name.to_owned(),
            count: Figure { current, previous },
        }
    }

    fn busy() -> Figures {
        Figures {
            audits_delivered: Figure {
                current: 12,
                previous: 8,
            },
            atlas_alerts: Figure {
                current: 1,
                previous: 4,
            },
            credits_consumed: Figure {
                current: 1234.5,
                previous: 1300.0,
            },
            credits_remaining: Figure {
                current: Some(8765.5),
                previous: Some(10_000.0),
            },
            submitters: vec![
                person("ann@example.com", 7, 2),
                person(
                    "a-very-long-address-of-somebody.with-many.names@department.subsidiary.example.com",
                    3,
                    0,
                ),
                person("<b>Bob</b> & \"Co\"\nCredits consumed: 0", 2, 6),
            ],
            acknowledgers: vec![person("lee@example.com", 1_024, 999)],
            late: 0,
        }
    }

    fn quiet() -> Figures {
        Figures {
            audits_delivered: Figure {
                current: 0,
                previous: 3,
            },
            atlas_alerts: Figure::default(),
            credits_consumed: Figure::default(),
            credits_remaining: Figure::default(),
            submitters: Vec::new(),
            acknowledgers: Vec::new(),
            late: 0,
        }
    }

    fn mail(figures: &Figures) -> Mail {
        let digest = Digest {
            team: "Acme & Sons",
            zone: chrono_tz::Europe::Berlin,
            period: period(),
            figures,
        };
        render(digest, &Brand::default()).unwrap()
    }

    #[test]
    fn a_busy_week_is_told_in_full() {
        let mail = mail(&busy());
        insta::assert_snapshot!("busy_subject", mail.subject);
        insta::assert_snapshot!("busy_text", mail.text);
        insta::assert_snapshot!("busy_html", mail.html);
    }

    #[test]
    fn a_quiet_week_says_so() {
        let mail = mail(&quiet());
        insta::assert_snapshot!("quiet_subject", mail.subject);
        insta::assert_snapshot!("quiet_text", mail.text);
    }

    #[test]
    fn names_can_forge_neither_markup_nor_lines() {
        let mail = mail(&busy());
        assert!(
            !mail.html.contains("<b>Bob") && mail.html.contains("&lt;b&gt;Bob"),
            "{}",
            mail.html
        );
        assert!(
            !mail.text.lines().any(|line| line == "Credits consumed: 0"),
            "{}",
            mail.text
        );
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_but_the_logo() {
        let plain = mail(&busy());
        assert!(
            !plain.html.contains("fonts.googleapis") && !plain.html.contains("<img"),
            "{}",
            plain.html
        );
        let logo_url = "https://cdn.example.com/logo.png?a=1&b=2".parse().ok();
        let brand = Brand {
            name: "QorTrace".to_owned(),
            primary_color: "#ffd400".to_owned(),
            logo_url,
            ..Brand::default()
        };
        let digest = Digest {
            team: "Acme",
            zone: chrono_tz::UTC,
            period: period(),
            figures: &busy(),
        };
        let html = render(digest, &brand).unwrap().html;
        assert!(
            html.contains("logo.png?a=1&amp;b=2") && html.contains("#ffd400") && html.contains("QorTrace"),
            "{html}"
        );
    }

    #[test]
    fn numbers_are_grouped_and_have_few_decimals() {
        for (given, shown) in [
            (0.0, "0"),
            (0.1 + 0.2, "0.3"),
            (999.999, "1,000"),
            (1_234_567.25, "1,234,567.25"),
        ] {
            assert_eq!(number(given), shown);
        }
    }

    #[test]
    fn a_digest_of_another_length_is_not_called_a_week() {
        let day = Period {
            start: period().end - TimeDelta::days(1),
            ..period()
        };
        let digest = Digest {
            team: "Acme",
            zone: chrono_tz::UTC,
            period: day,
            figures: &quiet(),
        };
        let mail = render(digest, &Brand::default()).unwrap();
        assert!(
            mail.text.contains("period before") && !mail.text.to_lowercase().contains("week"),
            "{}",
            mail.text
        );
    }
}
