//! Takes an alert on as whoever reads a Slack channel would: by the link of its message, without any login.

use http::{Method, Request, header};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use url::Url;

use super::evidence::words;
use super::fakes::Fakes;
use super::scenario::Step;
use crate::failure::{Failure, Outcome};

/// What the link's button says.
const BUTTON: &str = "acknowledge";

/// The link of the Slack message about a step.
pub(super) fn link(fakes: &Fakes, step: &Step) -> Option<Url> {
    let messages = fakes.slack.messages();
    let message = messages
        .iter()
        .find(|message| words(&message.body).contains(step.title))?;
    button(&message.body)?.parse().ok()
}

/// The URL of the button, wherever in the message it is.
fn button(json: &Value) -> Option<&str> {
    match json {
        Value::Object(fields) if fields.get("action_id").is_some_and(|id| id == BUTTON) => {
            fields.get("url")?.as_str()
        }
        Value::Object(fields) => fields.values().find_map(button),
        Value::Array(items) => items.iter().find_map(button),
        _ => None,
    }
}

/// Presses the button of the page that a link leads to.
pub(super) async fn press(link: &Url) -> Outcome {
    let address = link.socket_addrs(|| None)?;
    let connection = TcpStream::connect(&*address).await?;
    let failed = |error: hyper::Error| Failure::message(error.to_string());
    let (mut sender, driver) = http1::handshake(TokioIo::new(connection)).await.map_err(failed)?;
    tokio::spawn(driver);
    let request = Request::builder()
        .method(Method::POST)
        .uri(&link[url::Position::BeforePath..])
        .header(header::HOST, link.authority())
        .body(Empty::<Bytes>::new())
        .map_err(|error| Failure::message(error.to_string()))?;
    let answer = sender.send_request(request).await.map_err(failed)?;
    match answer.status().is_success() {
        true => Ok(()),
        false => Err(Failure::message(format!("the page answers {}", answer.status()))),
    }
}
