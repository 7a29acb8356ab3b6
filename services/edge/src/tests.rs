//! The routes as browsers and mail programs meet them, before stand-ins of Config and the Dispatcher.

mod acknowledge;
mod event_stream;
mod fakes;
mod slack;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use futures::StreamExt as _;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, BodyStream};
use sha2::Digest as _;
use tower::ServiceExt as _;
use watchbell_contracts::config::v1::PreferenceSetting;
use watchbell_model::brand::Brand;
use watchbell_runtime::auth::{AuthLayer, Session};
use watchbell_runtime::settings::LimitSettings;
use watchbell_testkit::TestClock;

use crate::{Edge, Needs, Settings, router};
use fakes::{
    COLLEAGUE, InboxStandIn, LogStandIn, MEMBER, OTHER_MEMBER, OneKey, OneMember, PreferencesStandIn, TEAM,
    TOKEN,
};

struct World {
    preferences: Arc<PreferencesStandIn>,
    inbox: Arc<InboxStandIn>,
    alerts: Arc<acknowledge::AlertsStandIn>,
    log: Arc<LogStandIn>,
    routes: axum::Router,
}

impl World {
    fn new() -> Self {
        Self::with(Settings::default(), Brand::default())
    }

    fn with(settings: Settings, brand: Brand) -> Self {
        Self::beside(None, settings, brand)
    }

    fn beside(console: Option<&str>, settings: Settings, brand: Brand) -> Self {
        let preferences = PreferencesStandIn::new();
        let inbox = InboxStandIn::new();
        let alerts = Arc::<acknowledge::AlertsStandIn>::default();
        let log = Arc::<LogStandIn>::default();
        let clock = TestClock::default().shared();
        let needs = Needs {
            preferences: preferences.clone(),
            channels: Arc::new(slack::ChannelsStandIn),
            inbox: inbox.clone(),
            alerts: alerts.clone(),
            log: log.clone(),
            auth: AuthLayer::new(
                Arc::new(OneKey),
                clock.clone(),
                &LimitSettings {
                    max_streams: 3,
                    ..LimitSettings::default()
                },
            )
            .members(Arc::new(OneMember(clock))),
            brand,
            web_origins: vec!["https://app.example.com".to_owned()],
            console: console.map(str::to_owned),
        };
        Self {
            preferences,
            inbox,
            alerts,
            log,
            routes: router(Edge::new(settings, needs).unwrap()),
        }
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, content_type)
            .body(body.to_owned().into());
        self.ask(request.unwrap()).await
    }

    async fn click(&self, path: &str) -> Answer {
        self.post(path, "application/x-www-form-urlencoded", "").await
    }

    fn setting(&self, topic: &str) -> PreferenceSetting {
        self.preferences.setting(topic)
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    fn says(&self, words: &str) {
        assert!(self.text.contains(words), "{words:?} is not in {}", self.text);
    }
}

fn link(path: &str) -> String {
    format!("{path}?token={TOKEN}")
}

#[tokio::test]
async fn a_recipient_confirms_by_a_button_and_not_by_opening_the_link() {
    let world = World::new();
    let page = world.get(&link("/confirm")).await;
    page.says("Get emails of “Acme &amp; Sons”?");
    page.says("a***@example.com");
    page.says("a team at Watchbell");
    page.says(&format!(
        "<form method=\"post\" action=\"/confirm?token={TOKEN}\">"
    ));
    assert_eq!(world.preferences.changes(), 0, "opening it changes nothing");
    for _ in 0..2 {
        world
            .click(&link("/confirm"))
            .await
            .says("a***@example.com gets the emails of “Acme");
    }
    world.get(&link("/confirm")).await.says("Confirmed");
}

#[tokio::test]
async fn a_confirmation_that_is_too_old_confirms_nothing() {
    let world = World::new();
    world.preferences.outdated();
    for answer in [
        world.get(&link("/confirm")).await,
        world.click(&link("/confirm")).await,
    ] {
        answer.says("This link is no longer in use");
        assert!(
            !answer.text.contains("Acme") && !answer.text.contains("<form"),
            "{}",
            answer.text
        );
    }
    assert_eq!(world.preferences.changes(), 0);
    assert_eq!(
        world.click("/confirm?token=forged").await.status,
        StatusCode::NOT_FOUND
    );
    world.preferences.away(true);
    let answer = world.click(&link("/confirm")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    answer.says(&format!("action=\"/confirm?token={TOKEN}\""));
}

#[tokio::test]
async fn opening_the_link_asks_and_changes_nothing() {
    let world = World::new();
    for method in [Method::GET, Method::HEAD] {
        let request = Request::builder()
            .method(method)
            .uri(link("/unsubscribe"))
            .body(Body::empty())
            .unwrap();
        assert_eq!(world.ask(request).await.status, StatusCode::OK);
    }
    let page = world.get(&link("/unsubscribe")).await;
    page.says("Unsubscribe from “Weekly digest”?");
    page.says("a***@example.com");
    assert_eq!(page.text.matches("<button").count(), 1, "one button");
    page.says(&format!(
        "<form method=\"post\" action=\"/unsubscribe?token={TOKEN}\">"
    ));
    assert_eq!(world.setting("weekly_digest"), PreferenceSetting::On);
    assert_eq!(world.preferences.changes(), 0);
}

#[tokio::test]
async fn a_mail_programs_one_click_is_done_at_once_and_may_come_twice() {
    let world = World::new();
    let multipart =
        "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    for (content_type, body) in [
        ("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click"),
        ("multipart/form-data; boundary=b", multipart),
    ] {
        let answer = world.post(&link("/unsubscribe"), content_type, body).await;
        assert_eq!(answer.status, StatusCode::OK, "no redirect: RFC 8058 §3.2");
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
        answer.says("“Weekly digest” is off for a***@example.com");
    }
    assert_eq!(world.setting("weekly_digest"), PreferenceSetting::Off);
    assert_eq!(
        world.setting("findings"),
        PreferenceSetting::Severities,
        "nothing else"
    );
}

#[tokio::test]
async fn what_was_turned_off_can_be_turned_on_again_and_everything_can_be_turned_off() {
    let world = World::new();
    let answer = world.click(&link("/unsubscribe")).await;
    for action in ["/unsubscribe/undo", "/unsubscribe/all", "/preferences"] {
        answer.says(&link(action));
    }
    world
        .click(&link("/unsubscribe/undo"))
        .await
        .says("You are subscribed again");
    assert_eq!(world.setting("weekly_digest"), PreferenceSetting::On);
    let answer = world.click(&link("/unsubscribe/all")).await;
    answer.says("All emails are off");
    answer.says("Off now: Findings, Scans, Weekly digest, Product news.");
    assert_eq!(world.setting("findings"), PreferenceSetting::Off);
    world.click(&link("/unsubscribe/all")).await.says("off already");
    world.click(&link("/unsubscribe/undo-all")).await;
    assert_eq!(world.setting("findings"), PreferenceSetting::Severities);
    assert_eq!(
        world.get(&link("/unsubscribe/all")).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn a_link_that_is_not_valid_says_so_and_an_outage_asks_to_try_again() {
    let world = World::new();
    for path in [
        "/unsubscribe",
        "/unsubscribe?token=",
        "/unsubscribe?token=%3Cscript%3E",
        "/preferences?token=x",
    ] {
        let answer = world.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        answer.says("This link is not valid");
        assert!(!answer.text.contains("script"));
    }
    assert_eq!(
        world.click("/unsubscribe?token=x").await.status,
        StatusCode::NOT_FOUND
    );
    world.preferences.away(true);
    for answer in [
        world.get(&link("/unsubscribe")).await,
        world.click(&link("/unsubscribe")).await,
    ] {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), "60");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn an_address_that_is_no_members_can_leave_and_has_no_preferences() {
    let world = World::new();
    world.preferences.only_an_address();
    let page = world.get(&link("/unsubscribe")).await;
    page.says("Unsubscribe from “Weekly digest”?");
    assert!(!page.text.contains("/preferences"));
    let answer = world.click(&link("/unsubscribe")).await;
    answer.says("is off for a***@example.com");
    assert!(!answer.text.contains("/unsubscribe/all"));
    assert_eq!(
        world.get(&link("/preferences")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn pages_run_nothing_load_nothing_and_keep_their_address_to_themselves() {
    let world = World::new();
    for path in [
        link("/unsubscribe"),
        link("/preferences"),
        "/preferences".to_owned(),
        "/settings/notifications".to_owned(),
        "/".to_owned(),
    ] {
        let page = world.get(&path).await;
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        let style = page
            .text
            .split("<style>")
            .nth(1)
            .unwrap()
            .split("</style>")
            .next()
            .unwrap();
        let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style));
        assert!(
            policy.contains(&format!("style-src 'sha256-{hash}'")),
            "the browser takes the style"
        );
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(
            page.header("strict-transport-security"),
            "",
            "plain http in development"
        );
        assert!(
            !page.text.contains("<script") && !page.text.contains("<img") && !page.text.contains("style=\"")
        );
        page.says("<html lang=\"en\">");
    }
}

#[tokio::test]
async fn the_brand_is_the_configured_one() {
    let brand = Brand {
        name: "Qor & Trace".to_owned(),
        primary_color: "#ffd400".to_owned(),
        logo_url: "https://cdn.example.com/logo.png".parse().ok(),
        public_url: "https://bell.example.com".parse().unwrap(),
        ..Brand::default()
    };
    let page = World::with(Settings::default(), brand)
        .get(&link("/unsubscribe"))
        .await;
    page.says("Qor &amp; Trace");
    page.says("#ffd400");
    page.says("src=\"https://cdn.example.com/logo.png\"");
    assert!(
        page.header("content-security-policy")
            .contains("img-src https://cdn.example.com;")
    );
    assert_eq!(page.header("strict-transport-security"), "max-age=63072000");
    assert!(!page.text.contains("Watchbell"), "{}", page.text);
}

#[tokio::test]
async fn preferences_show_every_topic_and_save_only_what_was_changed_to_less() {
    let world = World::new();
    let page = world.get(&link("/preferences")).await;
    assert_eq!(page.text.matches("<fieldset>").count(), 4);
    page.says("name=\"severity.findings\" value=\"SEVERITY_CRITICAL\" checked");
    for more in [
        "setting.marketing\" value=\"PREFERENCE_SETTING_ON",
        "SEVERITY_LOW",
    ] {
        assert!(!page.text.contains(more), "{more} is not offered");
    }
    let save = async |form: &str| {
        world
            .post(&link("/preferences"), "application/x-www-form-urlencoded", form)
            .await
    };
    let more = "setting.weekly_digest=PREFERENCE_SETTING_OFF&setting.marketing=PREFERENCE_SETTING_ON";
    save(more).await.says("to turn emails on, sign in first");
    assert_eq!(world.preferences.changes(), 0, "nothing of it is done");
    let form = "setting.weekly_digest=PREFERENCE_SETTING_ON&setting.marketing=PREFERENCE_SETTING_OFF\
        &setting.findings=PREFERENCE_SETTING_SEVERITIES&severity.findings=SEVERITY_CRITICAL";
    let saved = save(form).await;
    assert_eq!(saved.status, StatusCode::OK);
    saved.says("Saved.");
    assert_eq!(world.preferences.updated(), ["findings"]);
    save(form).await.says("Nothing was changed");
    let forged = world
        .post("/preferences?token=x", "application/x-www-form-urlencoded", form)
        .await;
    assert_eq!(forged.status, StatusCode::NOT_FOUND);
    let huge = save(&"x".repeat(100_000)).await;
    assert_eq!(huge.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_link_of_a_former_address_says_politely_that_there_is_nothing_to_do() {
    let world = World::new();
    world.preferences.outdated();
    for answer in [
        world.get(&link("/unsubscribe")).await,
        world.click(&link("/unsubscribe")).await,
        world.click(&link("/unsubscribe/undo")).await,
        world.get(&link("/preferences")).await,
    ] {
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "mail programs are told that all is well"
        );
        answer.says("no longer in use");
        assert!(!answer.text.contains("<button"));
    }
}

#[tokio::test]
async fn an_undo_that_took_nothing_back_says_so() {
    let world = World::new();
    world.click(&link("/unsubscribe")).await;
    for _ in 0..2 {
        world
            .click(&link("/unsubscribe/undo"))
            .await
            .says("You are subscribed again");
    }
    world.preferences.only_an_address();
    world
        .click(&link("/unsubscribe/undo"))
        .await
        .says("can no longer be undone");
}

#[tokio::test]
async fn the_address_itself_leads_to_the_console_or_says_what_it_is() {
    let page = World::new().get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    page.says("Watchbell");
    page.says("open the link in the message");
    let world = World::beside(Some("/console/"), Settings::default(), Brand::default());
    let answer = world.get("/").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), "/console/");
}

#[tokio::test]
async fn links_of_receipts_lead_to_the_platform_or_say_where_to_look() {
    let world = World::new();
    world
        .get("/settings/notifications/compliance")
        .await
        .says("Compliance");
    let url = "https://app.example.com/account/notifications/".parse().ok();
    let world = World::with(
        Settings {
            platform_settings_url: url,
            ..Settings::default()
        },
        Brand::default(),
    );
    let answer = world.get("/settings/notifications/compliance").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(
        answer.header("location"),
        "https://app.example.com/account/notifications/compliance"
    );
}
