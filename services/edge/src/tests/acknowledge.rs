//! Alerts that are acknowledged by the link of a message.

use async_trait::async_trait;
use parking_lot::Mutex;
use prost_types::Timestamp;
use tonic::{Response, Status};
use watchbell_contracts::api::AlertApi;
use watchbell_contracts::dispatcher::v1::*;
use watchbell_contracts::event::v1::Severity;
use watchbell_runtime::auth::Principal;
use watchbell_runtime::problem::Problem;

use super::*;

/// Knows one token, of an alert that was told to a channel.
pub(super) struct AlertsStandIn {
    link: Mutex<Result<AlertLink, Status>>,
    acts: Mutex<usize>,
}

impl Default for AlertsStandIn {
    fn default() -> Self {
        let link = AlertLink {
            alert: Some(Alert {
                state: AlertState::Open.into(),
                severity: Severity::Medium.into(),
                title: "A <public> bucket".to_owned(),
                url: "https://app.example.com/f/1?a=1&b=2".to_owned(),
                open_time: at(0),
                count: 14,
                ..Alert::default()
            }),
            ended: false,
            holder: "the channel #alerts".to_owned(),
        };
        Self {
            link: Mutex::new(Ok(link)),
            acts: Mutex::default(),
        }
    }
}

impl AlertsStandIn {
    fn change(&self, change: impl FnOnce(&mut AlertLink)) {
        change(self.link.lock().as_mut().unwrap());
    }

    fn alert(&self, change: impl FnOnce(&mut Alert)) {
        self.change(|link| change(link.alert.as_mut().unwrap()));
    }

    fn known(&self, principal: Result<Principal, Problem>, token: &str) -> Result<AlertLink, Status> {
        assert_eq!(principal.unwrap(), Principal::Service);
        if token != TOKEN {
            return Err(Status::invalid_argument("the link is not valid"));
        }
        self.link.lock().clone()
    }
}

#[async_trait]
impl AlertApi for AlertsStandIn {
    async fn inspect_alert_link(
        &self,
        request: tonic::Request<InspectAlertLinkRequest>,
    ) -> Result<Response<InspectAlertLinkResponse>, Status> {
        let link = self.known(Principal::from_request(&request), &request.get_ref().token)?;
        Ok(Response::new(InspectAlertLinkResponse { link: Some(link) }))
    }

    async fn acknowledge_alert_by_link(
        &self,
        request: tonic::Request<AcknowledgeAlertByLinkRequest>,
    ) -> Result<Response<AcknowledgeAlertByLinkResponse>, Status> {
        let link = self.known(Principal::from_request(&request), &request.get_ref().token)?;
        *self.acts.lock() += 1;
        let acknowledged = link
            .alert
            .is_some_and(|alert| alert.state() != AlertState::Acknowledged && !link.ended);
        if acknowledged {
            self.alert(|alert| {
                alert.state = AlertState::Acknowledged.into();
                alert.acknowledged_by = "the channel #alerts".to_owned();
                alert.acknowledge_time = at(10);
            });
        }
        Ok(Response::new(AcknowledgeAlertByLinkResponse {
            link: Some(self.link.lock().clone()?),
            acknowledged,
        }))
    }
}

/// So many minutes after 9 o'clock.
fn at(minutes: i64) -> Option<Timestamp> {
    let nine: chrono::DateTime<chrono::Utc> = "2026-11-21T09:00:00Z".parse().unwrap();
    Some(Timestamp {
        seconds: nine.timestamp() + minutes * 60,
        nanos: 0,
    })
}

#[tokio::test]
async fn an_alert_is_acknowledged_by_a_button_and_not_by_opening_the_link() {
    let brand = Brand {
        medium_word: "Moderate".to_owned(),
        ..Brand::default()
    };
    let world = World::with(Settings::default(), brand);
    let page = world.get(&link("/acknowledge")).await;
    let head = world
        .ask(Request::head(link("/acknowledge")).body(Body::empty()).unwrap())
        .await;
    assert_eq!((page.status, head.status), (StatusCode::OK, StatusCode::OK));
    page.says("Acknowledge this alert?");
    page.says("“A &lt;public&gt; bucket”: Moderate, open since 21 Nov 2026, 09:00 UTC, seen 14 times.");
    page.says("the channel #alerts has acknowledged it");
    page.says(&format!(
        "<form method=\"post\" action=\"/acknowledge?token={TOKEN}\"><button>Acknowledge</button>"
    ));
    page.says("<a href=\"https://app.example.com/f/1?a=1&amp;b=2\">Look closer</a>");
    assert_eq!(*world.alerts.acts.lock(), 0, "opening it changes nothing");
    let done = world.click(&link("/acknowledge")).await;
    done.says("<h1>Acknowledged</h1>");
    done.says("was acknowledged by the channel #alerts on 21 Nov 2026, 09:10 UTC.");
    for again in [
        world.click(&link("/acknowledge")).await,
        world.get(&link("/acknowledge")).await,
    ] {
        again.says("Acknowledged already");
        again.says("by the channel #alerts on 21 Nov 2026, 09:10 UTC.");
        assert!(!again.text.contains("<form"), "{}", again.text);
    }
}

#[tokio::test]
async fn a_snooze_is_told_before_it_ends() {
    let world = World::new();
    world.alerts.alert(|alert| {
        alert.state = AlertState::Snoozed.into();
        alert.snoozed_by = "ann@example.com".to_owned();
        alert.snooze_end_time = at(60);
    });
    let page = world.get(&link("/acknowledge")).await;
    page.says("ann@example.com snoozed it until 21 Nov 2026, 10:00 UTC.");
    page.says("<button>Acknowledge</button>");
}

#[tokio::test]
async fn an_alert_that_is_over_cannot_be_acknowledged() {
    let world = World::new();
    world
        .alerts
        .alert(|alert| alert.url = "javascript:alert(1)".to_owned());
    let mut alert = None;
    world.alerts.change(|link| {
        link.ended = true;
        alert = link.alert.take();
    });
    let again = world.get(&link("/acknowledge")).await;
    again.says("ended, and has begun again since");
    world.alerts.change(|link| link.alert = alert.take());
    world.alerts.alert(|alert| {
        alert.state = AlertState::Resolved.into();
        alert.resolve_time = at(30);
    });
    let pages = [
        world.get(&link("/acknowledge")).await,
        world.click(&link("/acknowledge")).await,
    ];
    for page in pages {
        page.says("This alert is over");
        page.says("ended on 21 Nov 2026, 09:30 UTC");
        assert!(
            !page.text.contains("<form") && !page.text.contains("javascript"),
            "{}",
            page.text
        );
    }
}

#[tokio::test]
async fn links_that_are_old_forged_or_come_too_early_change_nothing() {
    let world = World::new();
    assert_eq!(
        world.click("/acknowledge?token=forged").await.status,
        StatusCode::NOT_FOUND
    );
    world.alerts.change(|link| link.alert = None);
    let page = world.get(&link("/acknowledge")).await;
    page.says("This link is no longer in use");
    page.says("It works for 30 days");
    *world.alerts.link.lock() = Err(Status::unavailable("away"));
    let page = world.click(&link("/acknowledge")).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    page.says("Try again");
}
