//! Snapshots of every family's email, and what hostile text may not do to them.

use watchbell_model::brand::Brand;

use super::*;
use crate::senders::fixtures;

fn brand() -> Brand {
    Brand {
        primary_color: "#5b3df5".to_owned(),
        public_url: "https://bell.example.com".parse().unwrap(),
        ..Brand::default()
    }
}

fn footer() -> Footer {
    Footer {
        label: "Unsubscribe from emails about findings".to_owned(),
        url: "https://bell.example.com/unsubscribe?token=t.o-k_en".to_owned(),
        one_click: true,
    }
}

fn links(footer: &Footer) -> Links<'_> {
    Links {
        footer,
        acknowledge: None,
    }
}

const REASON: &str = "Your preferences ask for findings at CRITICAL and HIGH.";

fn rendered(event: &AcceptedEvent) -> RenderedEmail {
    let email = Emails::new(Arc::new(brand()))
        .unwrap()
        .render(event, REASON, &links(&footer()))
        .unwrap();
    // For looking at: `WATCHBELL_EMAILS_DIR=target/emails`.
    if let Ok(directory) = std::env::var("WATCHBELL_EMAILS_DIR") {
        let name = std::thread::current()
            .name()
            .unwrap_or("email")
            .replace("::", "_");
        std::fs::write(format!("{directory}/{name}.html"), &email.html).unwrap();
    }
    email
}

fn shown(email: &RenderedEmail) -> String {
    format!(
        "Subject: {}\n\n{}\n{}\n",
        email.subject,
        email.text,
        body_of(&email.html)
    )
}

/// The part of the HTML that differs; the head is the same in all.
fn body_of(html: &str) -> &str {
    &html[html.find("<body").unwrap()..]
}

macro_rules! families {
    ($($test:ident: $event_type:literal,)+) => {$(
        #[test]
        fn $test() {
            insta::assert_snapshot!(shown(&rendered(&fixtures::event($event_type))));
        }
    )+};
}

families! {
    a_finding: "finding.created",
    a_scan: "scan.failed",
    an_sla: "sla.breached",
    a_drift: "compliance.drift_detected",
    a_receipt: "compliance.receipt.issued",
    an_audit: "audit.delivered",
    an_atlas_alert: "atlas.alert.fired",
    an_account: "account.plan.changed",
    a_generic_event: "exception.requested",
    a_channel_notice: "channel.unhealthy",
    a_removed_channel: "channel.removed",
    a_secret_that_ends: "secret.expiring",
    an_expression_that_fails: "expression.failed",
    a_confirmation: "recipient.confirmation",
}

#[test]
fn a_key_that_ends() {
    insta::assert_snapshot!(shown(&rendered(&AcceptedEvent {
        title: "The API key terraform expires on 28 Nov 2026, 12:00 UTC".to_owned(),
        subject: "terraform".to_owned(),
        data: r#"{"api_key":"terraform","api_key_id":"key_01h455vb4pex5vsknk084sn02q",
            "expires_at":"2026-11-28T12:00:00+00:00"}"#
            .to_owned(),
        ..fixtures::event("secret.expiring")
    })));
}

#[test]
fn a_summary() {
    insta::assert_snapshot!(shown(&rendered(&fixtures::summary(5))));
}

#[test]
fn a_summary_of_very_many_counts_the_rest_and_is_shown_whole() {
    let email = rendered(&fixtures::summary(2_000));
    assert!(email.text.contains("+1900 more") && email.html.contains("+1900 more"));
    assert!(email.html.len() < 102_000, "{}", email.html.len());
}

#[test]
fn a_test_says_so() {
    let email = rendered(&AcceptedEvent {
        test: true,
        ..fixtures::event("finding.created")
    });
    assert_eq!(
        email.subject,
        "[Test] [Critical] Public S3 bucket with customer data"
    );
    assert!(email.text.contains("This is a test.") && email.html.contains("This is a test."));
}

#[test]
fn every_type_of_the_catalog_renders_with_and_without_data() {
    let emails = Emails::new(Arc::new(brand())).unwrap();
    for spec in watchbell_model::catalog::Catalog::built_in().iter() {
        for data in [spec.example.text().to_owned(), "{}".to_owned()] {
            let event = AcceptedEvent {
                event_type: spec.event_type.as_str().into(),
                title: spec.title.clone(),
                data,
                ..fixtures::event("finding.created")
            };
            let email = emails.render(&event, "", &links(&footer())).unwrap();
            for text in [&email.text, &email.html] {
                assert!(
                    !text.contains("{{") && !text.contains("{%") && !text.contains("==="),
                    "{text}"
                );
                assert!(!text.contains("undefined"), "{text}");
            }
            assert!(
                !email.text.contains(" .") && !email.text.contains("  "),
                "{}",
                email.text
            );
        }
    }
}

#[test]
fn the_logo_takes_the_place_of_the_name() {
    let brand = Brand {
        logo_url: Some("https://cdn.example.com/logo.png".parse().unwrap()),
        ..brand()
    };
    let emails = Emails::new(Arc::new(brand)).unwrap();
    let html = emails
        .render(&fixtures::event("finding.created"), "", &links(&footer()))
        .unwrap()
        .html;
    assert!(html.contains("cdn.example.com") && html.contains("alt=\"Watchbell\""));
}

#[test]
fn hostile_text_is_only_text() {
    let email = rendered(&fixtures::hostile());
    let html = email.html.to_ascii_lowercase();
    for forbidden in [
        "<script",
        "<img",
        "<at>",
        "href=\"https://evil.example\"",
        "<b>name",
    ] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    assert!(html.contains("{{ 7*7 }}"), "event text is no template");
    assert!(!email.subject.contains(['\r', '\n']));
    assert!(email.subject.chars().count() <= SUBJECT);
    assert!(
        email.html.len() < 100_000,
        "clients cut longer ones: {}",
        email.html.len()
    );
    assert!(email.text.lines().all(|line| !line.starts_with("Bcc:")));
}

#[test]
fn nothing_is_fetched_when_the_email_is_opened() {
    let html = rendered(&fixtures::event("finding.created")).html;
    for fetched in ["<img", "@import", "url(", "<link"] {
        assert!(!html.contains(fetched), "{fetched}");
    }
}

#[test]
fn an_email_rendered_elsewhere_gets_the_readers_own_link() {
    let given = |text: &str, html: &str| AcceptedEvent {
        email: Some(RenderedEmail {
            subject: "Your week\r\nBcc: x".to_owned(),
            text: text.to_owned(),
            html: html.to_owned(),
        }),
        ..fixtures::event("digest.weekly")
    };
    let email = rendered(&given("Week.\n", "<html><body><p>Week.</p></body></html>"));
    assert_eq!(email.subject, "Your week Bcc: x");
    assert!(
        email
            .text
            .ends_with(&format!("{REASON}\n{}: {}\n", footer().label, footer().url)),
        "{}",
        email.text
    );
    assert!(email.html.ends_with("</a></div></body></html>"), "{}", email.html);
    let email = rendered(&given(
        "Stop: %UNSUBSCRIBE_URL%",
        "<a href=\"%UNSUBSCRIBE_URL%\">Stop</a>",
    ));
    assert_eq!(email.text, format!("Stop: {}", footer().url));
    assert_eq!(email.html.matches("unsubscribe?token=").count(), 1);
}

#[test]
fn the_link_to_acknowledge_is_below_the_button() {
    let footer = footer();
    let links = Links {
        acknowledge: Some(
            "https://bell.example.com/acknowledge?token=t.o-k_en"
                .parse()
                .unwrap(),
        ),
        ..links(&footer)
    };
    let emails = Emails::new(Arc::new(brand())).unwrap();
    let email = emails
        .render(&fixtures::event("finding.created"), REASON, &links)
        .unwrap();
    insta::assert_snapshot!(shown(&email));
}

#[test]
fn text_on_the_brands_colour_can_be_read() {
    for (color, text) in [
        ("#ffffff", "#000000"),
        ("#000000", "#ffffff"),
        ("#ffd33d", "#000000"),
        ("#1f6feb", "#ffffff"),
    ] {
        assert_eq!(text_on(color), text, "{color}");
    }
}
