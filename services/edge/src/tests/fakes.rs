//! Config and the Dispatcher as far as the Edge calls them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::StreamExt as _;
use parking_lot::Mutex;
use tonic::{Request, Response, Status};
use watchbell_contracts::api::{BoxStream, DispatcherApi, InboxApi, PreferenceApi, boxed};
use watchbell_contracts::config::v1::*;
use watchbell_contracts::dispatcher::v1::*;
use watchbell_contracts::event::v1::Severity;
use watchbell_model::clock::SharedClock;
use watchbell_runtime::auth::{
    Authenticator, Grant, KeyHash, MemberVerifier, Principal, Scope as KeyScope, hash_key,
};
use watchbell_runtime::problem::{Problem, reason};

pub(super) const TOKEN: &str = "k1.payload.tag-_";
pub(super) const TEAM: &str = "team_01h455vb4pex5vsknk084sn02q";
pub(super) const MEMBER: &str = "mbr_01h455vb4pex5vsknk084sn02q";
pub(super) const COLLEAGUE: &str = "mbr_01h455vb4pex5vsknk084sn02s";
pub(super) const OTHER_MEMBER: &str = "mbr_01h455vb4pex5vsknk084sn02r";

type Answer<T> = Result<Response<T>, Status>;

/// Knows a key that reads inboxes, one that reads events, one that emits and one that configures.
pub(super) struct OneKey;

#[async_trait]
impl Authenticator for OneKey {
    async fn authenticate(&self, key: KeyHash) -> Result<Grant, Problem> {
        let scope = if key == hash_key("wbk_good") {
            KeyScope::Inbox
        } else if key == hash_key("wbk_reads") {
            KeyScope::DeliveriesRead
        } else if key == hash_key("wbk_emits") {
            KeyScope::Emit
        } else if key == hash_key("wbk_configures") {
            KeyScope::ConfigWrite
        } else {
            return Err(Problem::Unauthenticated {
                reason: reason::INVALID_CREDENTIAL,
            });
        };
        let principal = Principal::ApiKey {
            key_id: "key_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            team_id: TEAM.parse().ok(),
            scopes: [scope].into_iter().collect(),
        };
        Ok(Grant {
            principal,
            expires_at: None,
        })
    }
}

/// Knows a member by the token `a.b.c`, which ends in a minute.
pub(super) struct OneMember(pub(super) SharedClock);

#[async_trait]
impl MemberVerifier for OneMember {
    async fn verify(&self, token: &str) -> Result<Grant, Problem> {
        if token != "a.b.c" {
            return Err(Problem::Unauthenticated {
                reason: reason::INVALID_CREDENTIAL,
            });
        }
        Ok(Grant {
            principal: Principal::Member {
                member_id: MEMBER.parse().unwrap(),
                team_id: TEAM.parse().unwrap(),
                role: watchbell_model::Role::Member,
                manages_integrations: false,
                session: None,
            },
            expires_at: Some(self.0.now() + chrono::TimeDelta::minutes(1)),
        })
    }
}

/// Knows one token, of the topic `weekly_digest`.
pub(super) struct PreferencesStandIn {
    preferences: Mutex<Vec<Preference>>,
    updated: Mutex<Vec<String>>,
    changes: AtomicUsize,
    away: AtomicBool,
    only_an_address: AtomicBool,
    outdated: AtomicBool,
}

fn preference(topic: &str, setting: PreferenceSetting, severities: &[Severity]) -> Preference {
    let severities = severities.iter().map(|severity| i32::from(*severity)).collect();
    Preference {
        topic: topic.to_owned(),
        setting: setting.into(),
        severities,
        is_default: true,
    }
}

fn defaults() -> Vec<Preference> {
    vec![
        preference(
            "findings",
            PreferenceSetting::Severities,
            &[Severity::High, Severity::Critical],
        ),
        preference("scans", PreferenceSetting::Off, &[]),
        preference("weekly_digest", PreferenceSetting::On, &[]),
        preference("marketing", PreferenceSetting::Off, &[]),
    ]
}

impl PreferencesStandIn {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            preferences: Mutex::new(defaults()),
            updated: Mutex::default(),
            changes: AtomicUsize::new(0),
            away: AtomicBool::new(false),
            only_an_address: AtomicBool::new(false),
            outdated: AtomicBool::new(false),
        })
    }

    pub(super) fn setting(&self, topic: &str) -> PreferenceSetting {
        self.preferences
            .lock()
            .iter()
            .find(|preference| preference.topic == topic)
            .unwrap()
            .setting()
    }

    pub(super) fn changes(&self) -> usize {
        self.changes.load(Ordering::SeqCst)
    }

    pub(super) fn updated(&self) -> Vec<String> {
        self.updated.lock().clone()
    }

    pub(super) fn away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    pub(super) fn only_an_address(&self) {
        self.only_an_address.store(true, Ordering::SeqCst);
    }

    /// The token's address is nobody's any more.
    pub(super) fn outdated(&self) {
        self.outdated.store(true, Ordering::SeqCst);
    }

    fn check(&self, principal: Result<Principal, Problem>, token: &str) -> Result<(), Status> {
        assert_eq!(principal.ok(), Some(Principal::Service));
        if self.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("away"));
        }
        if token != TOKEN {
            return Err(Status::invalid_argument("no such token"));
        }
        Ok(())
    }
}

#[async_trait]
impl PreferenceApi for PreferencesStandIn {
    async fn inspect_unsubscribe_token(
        &self,
        request: Request<InspectUnsubscribeTokenRequest>,
    ) -> Answer<InspectUnsubscribeTokenResponse> {
        self.check(Principal::from_request(&request), &request.get_ref().token)?;
        if self.outdated.load(Ordering::SeqCst) {
            return Ok(Response::new(InspectUnsubscribeTokenResponse {
                masked_address: "a***@example.com".to_owned(),
                outdated: true,
                ..InspectUnsubscribeTokenResponse::default()
            }));
        }
        let is_member = !self.only_an_address.load(Ordering::SeqCst);
        Ok(Response::new(InspectUnsubscribeTokenResponse {
            team_id: TEAM.to_owned(),
            member_id: if is_member {
                MEMBER.to_owned()
            } else {
                String::new()
            },
            masked_address: "a***@example.com".to_owned(),
            topic: "weekly_digest".to_owned(),
            preferences: if is_member {
                self.preferences.lock().clone()
            } else {
                Vec::new()
            },
            outdated: false,
        }))
    }

    async fn unsubscribe(&self, request: Request<UnsubscribeRequest>) -> Answer<UnsubscribeResponse> {
        self.check(Principal::from_request(&request), &request.get_ref().token)?;
        if self.outdated.load(Ordering::SeqCst) {
            return Ok(Response::new(UnsubscribeResponse::default()));
        }
        self.changes.fetch_add(1, Ordering::SeqCst);
        let request = request.into_inner();
        let mut preferences = self.preferences.lock();
        let mut topics = Vec::new();
        if !request.preferences.is_empty() {
            for changed in request.preferences {
                self.updated.lock().push(changed.topic.clone());
                let place = preferences.iter_mut().find(|now| now.topic == changed.topic);
                *place.unwrap() = changed;
            }
            return Ok(Response::new(UnsubscribeResponse {
                preferences: preferences.clone(),
                changed: true,
                ..UnsubscribeResponse::default()
            }));
        }
        for (preference, before) in preferences.iter_mut().zip(defaults()) {
            if !request.all_topics && preference.topic != "weekly_digest" {
                continue;
            }
            let wanted = if request.undo {
                before.setting()
            } else {
                PreferenceSetting::Off
            };
            if preference.setting() != wanted {
                preference.set_setting(wanted);
                topics.push(preference.topic.clone());
            }
        }
        Ok(Response::new(UnsubscribeResponse {
            changed: !topics.is_empty(),
            topics,
            preferences: preferences.clone(),
        }))
    }

    async fn inspect_recipient_confirmation(
        &self,
        request: Request<InspectRecipientConfirmationRequest>,
    ) -> Answer<InspectRecipientConfirmationResponse> {
        self.check(Principal::from_request(&request), &request.get_ref().token)?;
        let outdated = self.outdated.load(Ordering::SeqCst);
        Ok(Response::new(InspectRecipientConfirmationResponse {
            team_display_name: if outdated {
                String::new()
            } else {
                "Acme & Sons".to_owned()
            },
            masked_address: "a***@example.com".to_owned(),
            confirmed: self.changes() > 0,
            outdated,
        }))
    }

    async fn confirm_recipient(
        &self,
        request: Request<ConfirmRecipientRequest>,
    ) -> Answer<ConfirmRecipientResponse> {
        self.check(Principal::from_request(&request), &request.get_ref().token)?;
        let confirmed = !self.outdated.load(Ordering::SeqCst);
        self.changes.fetch_add(usize::from(confirmed), Ordering::SeqCst);
        Ok(Response::new(ConfirmRecipientResponse { confirmed }))
    }
}

/// One member's inbox. A watch brings what is on its way and ends.
#[derive(Default)]
pub(super) struct InboxStandIn {
    holds: Mutex<Vec<i64>>,
    brings: Mutex<Vec<i64>>,
    watched: Mutex<Vec<(String, String, String)>>,
    stays_open: AtomicBool,
}

impl InboxStandIn {
    pub(super) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn holds(&self, cursors: &[i64]) {
        *self.holds.lock() = cursors.to_vec();
    }

    pub(super) fn brings(&self, cursors: &[i64]) {
        *self.brings.lock() = cursors.to_vec();
    }

    pub(super) fn stays_open(&self) {
        self.stays_open.store(true, Ordering::SeqCst);
    }

    /// Team, member and position of each watch.
    pub(super) fn watched(&self) -> Vec<(String, String, String)> {
        self.watched.lock().clone()
    }
}

fn position(cursor: i64) -> String {
    format!("{cursor}.ntf_{cursor}")
}

fn notification(cursor: i64) -> Notification {
    Notification {
        cursor,
        title: format!("number {cursor}"),
        ..Notification::default()
    }
}

fn known(member: &str) -> Result<(), Status> {
    if [MEMBER, COLLEAGUE].contains(&member) {
        Ok(())
    } else {
        Err(Status::not_found("no such member"))
    }
}

#[async_trait]
impl InboxApi for InboxStandIn {
    async fn watch(&self, request: Request<WatchRequest>) -> Answer<BoxStream<WatchResponse>> {
        assert_eq!(Principal::from_request(&request).ok(), Some(Principal::Service));
        let request = request.into_inner();
        known(&request.member_id)?;
        let held = self.holds.lock().clone();
        let reset =
            !request.after.is_empty() && !held.iter().any(|cursor| position(*cursor) == request.after);
        self.watched
            .lock()
            .push((request.team_id, request.member_id, request.after));
        let first = WatchResponse {
            position: held
                .last()
                .map_or_else(|| "0".to_owned(), |cursor| position(*cursor)),
            reset,
            ..WatchResponse::default()
        };
        if self.stays_open.load(Ordering::SeqCst) {
            let first = futures::stream::iter([Ok(first)]);
            return Ok(Response::new(boxed(first.chain(futures::stream::pending()))));
        }
        let heartbeat = WatchResponse {
            reset: false,
            ..first.clone()
        };
        let mut answers = vec![Ok(first), Ok(heartbeat)];
        for cursor in self.brings.lock().iter() {
            answers.push(Ok(WatchResponse {
                notification: Some(notification(*cursor)),
                position: position(*cursor),
                reset: false,
            }));
        }
        answers.push(Err(Status::unavailable("the stream has reached its age")));
        Ok(Response::new(boxed(
            futures::stream::iter(answers).chain(futures::stream::pending()),
        )))
    }
}

/// A team's events: one, and how far the stream is. A stream ends with an error.
#[derive(Default)]
pub(super) struct LogStandIn {
    asked: Mutex<Vec<StreamEventsRequest>>,
}

impl LogStandIn {
    /// What was asked for.
    pub(super) fn asked(&self) -> Vec<StreamEventsRequest> {
        self.asked.lock().clone()
    }
}

#[async_trait]
impl DispatcherApi for LogStandIn {
    async fn stream_events(
        &self,
        request: Request<StreamEventsRequest>,
    ) -> Answer<BoxStream<StreamEventsResponse>> {
        assert_eq!(Principal::from_request(&request).ok(), Some(Principal::Service));
        let request = request.into_inner();
        if request.cursor == "old" {
            let gone = Problem::OutOfRange {
                reason: "CURSOR_EXPIRED",
                message: "not kept any more".to_owned(),
            };
            return Err(gone.into());
        }
        if request.cursor == "?" {
            return Err(Problem::invalid("cursor", "MALFORMED", "must be a cursor").into());
        }
        self.asked.lock().push(request);
        let at = |cursor: &str| StreamEventsResponse {
            cursor: cursor.to_owned(),
            event: None,
        };
        let event = StreamEventsResponse {
            event: Some(AcceptedEvent {
                data_json: r#"{"finding_id":"F-1"}"#.to_owned(),
                ..AcceptedEvent::default()
            }),
            ..at("c2")
        };
        let away = Status::unavailable("another Dispatcher serves this team now");
        let answers = [Ok(at("c1")), Ok(event), Ok(at("c3")), Err(away)];
        Ok(Response::new(boxed(
            futures::stream::iter(answers).chain(futures::stream::pending()),
        )))
    }
}
