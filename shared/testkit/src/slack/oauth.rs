//! Slack's OAuth v2: the user approves at once, and a code can be redeemed once.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::loopback::{json as json_response, text};

/// Where authorisations are given and codes redeemed.
#[derive(Debug)]
pub(super) struct Desk {
    base: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    client: Option<(String, String)>,
    deny_next: bool,
    /// What the next redemption is answered instead; the code is used up all the same.
    answer_next: Option<String>,
    issued: u32,
    codes: HashMap<String, Grant>,
}

#[derive(Debug)]
struct Grant {
    client_id: String,
    redirect_uri: String,
}

impl Desk {
    pub(super) fn new(base: String) -> Self {
        Self {
            base,
            state: Mutex::default(),
        }
    }

    pub(super) fn register(&self, client_id: &str, client_secret: &str) {
        self.lock().client = Some((client_id.to_owned(), client_secret.to_owned()));
    }

    pub(super) fn deny_next(&self) {
        self.lock().deny_next = true;
    }

    pub(super) fn answer_next(&self, body: String) {
        self.lock().answer_next = Some(body);
    }

    /// `GET /oauth/v2/authorize`: sends the browser back with a code, or with `error=access_denied`.
    pub(super) fn authorize(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let query = fields(request.uri().query().unwrap_or_default().as_bytes());
        let field = |name: &str| query.get(name).map_or("", String::as_str);
        let client_id = field("client_id");
        let mut state = self.lock();
        if client_id.is_empty() || state.client.as_ref().is_some_and(|(known, _)| known != client_id) {
            return text(StatusCode::BAD_REQUEST, "invalid_client_id");
        }
        if !field("scope")
            .split([',', ' '])
            .any(|scope| scope == "incoming-webhook")
        {
            return text(StatusCode::BAD_REQUEST, "invalid_scope");
        }
        let Ok(mut back) = Url::parse(field("redirect_uri")) else {
            return text(StatusCode::BAD_REQUEST, "bad_redirect_uri");
        };
        if std::mem::take(&mut state.deny_next) {
            back.query_pairs_mut().append_pair("error", "access_denied");
        } else {
            state.issued += 1;
            let code = format!("code-{}", state.issued);
            back.query_pairs_mut().append_pair("code", &code);
            let redirect_uri = field("redirect_uri").to_owned();
            state.codes.insert(
                code,
                Grant {
                    client_id: client_id.to_owned(),
                    redirect_uri,
                },
            );
        }
        back.query_pairs_mut().append_pair("state", field("state"));
        let mut response = text(StatusCode::FOUND, "");
        if let Ok(location) = HeaderValue::from_str(back.as_str()) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }

    /// `POST /api/oauth.v2.access`: always 200, with `ok` true or false, as Slack's Web API does.
    pub(super) fn access(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let answer = self
            .redeem(request)
            .unwrap_or_else(|error| json!({"ok": false, "error": error}));
        if let Some(body) = self.lock().answer_next.take() {
            return text(StatusCode::OK, body);
        }
        json_response(StatusCode::OK, &answer)
    }

    fn redeem(&self, request: &Request<Bytes>) -> Result<Value, &'static str> {
        let form = fields(request.body());
        let (client_id, client_secret) = credentials(request, &form).ok_or("invalid_client_id")?;
        let mut state = self.lock();
        if let Some((known_id, known_secret)) = &state.client {
            if *known_id != client_id {
                return Err("invalid_client_id");
            }
            if *known_secret != client_secret {
                return Err("bad_client_secret");
            }
        }
        let code = form.get("code").ok_or("invalid_code")?;
        let grant = state.codes.remove(code).ok_or("invalid_code")?;
        if grant.client_id != client_id {
            return Err("invalid_code");
        }
        if form
            .get("redirect_uri")
            .is_some_and(|given| *given != grant.redirect_uri)
        {
            return Err("bad_redirect_uri");
        }
        let n = code.trim_start_matches("code-");
        Ok(json!({
            "ok": true,
            "app_id": "A00000000",
            "authed_user": {"id": "U00000000"},
            "scope": "incoming-webhook",
            "token_type": "bot",
            "access_token": format!("xoxb-stand-in-{n}"),
            "bot_user_id": "U0BOT0000",
            "team": {"id": "T00000000", "name": "Stand-in workspace"},
            "enterprise": null,
            "is_enterprise_install": false,
            "incoming_webhook": {
                "channel": "#watchbell-alerts",
                "channel_id": "C00000000",
                "configuration_url": format!("{}/services/B0000000{n}", self.base),
                "url": format!("{}/services/T00000000/B0000000{n}/granted{n}", self.base),
            },
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

fn fields(encoded: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

/// HTTP Basic, which Slack prefers, or the form's own fields.
fn credentials(request: &Request<Bytes>, form: &HashMap<String, String>) -> Option<(String, String)> {
    if let Some(basic) = request.headers().get(AUTHORIZATION) {
        let encoded = basic.to_str().ok()?.strip_prefix("Basic ")?;
        let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        return Some((id.to_owned(), secret.to_owned()));
    }
    Some((
        form.get("client_id")?.clone(),
        form.get("client_secret").cloned().unwrap_or_default(),
    ))
}
