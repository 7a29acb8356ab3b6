//! Taking an alert on by the link of a message. Opening the link (GET) changes nothing, since scanners and previews open
//! links too: it shows the alert and one button. A POST acts, needs neither login nor cookie, and may come twice.

use axum::extract::{Query, State};
use axum::response::Response;
use http::StatusCode;
use url::Url;
use watchbell_contracts::dispatcher::v1::{
    AcknowledgeAlertByLinkRequest, Alert, AlertLink, AlertState, InspectAlertLinkRequest,
};
use watchbell_model::Severity;
use watchbell_model::convert::FromWire as _;
use watchbell_runtime::auth::internal_request;

use crate::Edge;
use crate::page::{Button, Link, Notice};
use crate::text::{self, acknowledge as words};
use crate::unsubscribe::Token;

/// `GET /acknowledge`
pub(crate) async fn ask(State(edge): State<Edge>, Query(token): Query<Token>) -> Response {
    let request = internal_request(InspectAlertLinkRequest {
        token: token.text().to_owned(),
    });
    match edge.alerts.inspect_alert_link(request).await {
        Ok(answer) => edge.of_alert(&token, answer.into_inner().link.unwrap_or_default(), false),
        Err(status) => edge.failure(&status, None),
    }
}

/// `POST /acknowledge`
pub(crate) async fn acknowledge(State(edge): State<Edge>, Query(token): Query<Token>) -> Response {
    let request = internal_request(AcknowledgeAlertByLinkRequest {
        token: token.text().to_owned(),
    });
    match edge.alerts.acknowledge_alert_by_link(request).await {
        Ok(answer) => {
            let answer = answer.into_inner();
            edge.of_alert(&token, answer.link.unwrap_or_default(), answer.acknowledged)
        }
        Err(status) => edge.failure(&status, Some(button(&token, text::AGAIN))),
    }
}

fn button(token: &Token, label: &'static str) -> Button {
    Button {
        action: token.path("/acknowledge"),
        label,
    }
}

// === impl Edge ===

impl Edge {
    /// The page of an alert: what can be done about it by the link, or what was done.
    fn of_alert(&self, token: &Token, link: AlertLink, acknowledged: bool) -> Response {
        let Some(alert) = link.alert else {
            let (heading, paragraph) = match link.ended {
                true => (words::ENDED_HEADING, words::BEGAN_AGAIN),
                false => (text::OUTDATED_HEADING, words::OUTDATED),
            };
            let notice = Notice {
                heading: heading.to_owned(),
                paragraphs: vec![paragraph.to_owned()],
                ..Notice::default()
            };
            return self.pages.notice(StatusCode::OK, notice);
        };
        let notice = match alert.state() {
            _ if link.ended => Notice {
                heading: words::ENDED_HEADING.to_owned(),
                paragraphs: vec![words::ended(&alert)],
                ..Notice::default()
            },
            AlertState::Acknowledged if acknowledged => Notice {
                heading: words::ACKNOWLEDGED_HEADING.to_owned(),
                paragraphs: vec![words::by(&alert), words::MEANS.to_owned()],
                done: true,
                ..Notice::default()
            },
            AlertState::Acknowledged => Notice {
                heading: words::ALREADY_HEADING.to_owned(),
                paragraphs: vec![words::by(&alert)],
                ..Notice::default()
            },
            _ => Notice {
                heading: words::ASK_HEADING.to_owned(),
                paragraphs: self.asking(&alert, &link.holder),
                buttons: vec![button(token, words::ACKNOWLEDGE)],
                ..Notice::default()
            },
        };
        let links = closer(&alert).into_iter().collect();
        self.pages.notice(StatusCode::OK, Notice { links, ..notice })
    }

    fn asking(&self, alert: &Alert, holder: &str) -> Vec<String> {
        let severity = Severity::from_wire(alert.severity).ok().flatten();
        let severity = severity.map_or("", |severity| self.pages.brand().severity_word(severity));
        let mut paragraphs = vec![words::alert(alert, severity)];
        if alert.state() == AlertState::Snoozed {
            paragraphs.push(words::snoozed(alert));
        }
        paragraphs.push(words::ask(holder));
        paragraphs
    }
}

/// Where the alert's event says that there is more.
fn closer(alert: &Alert) -> Option<Link> {
    let url = Url::parse(&alert.url).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| Link {
        href: url.into(),
        label: words::CLOSER,
    })
}
