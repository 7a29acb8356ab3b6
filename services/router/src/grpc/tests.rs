mod reroute;
mod what_if;

use std::sync::Arc;

use chrono::DateTime;
use futures::{StreamExt as _, poll, stream};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::metrics::noop::NoopMeterProvider;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tonic::Code;
use watchbell_contracts::config::v1::EventType;
use watchbell_contracts::dispatcher::v1::{SubmitRequest, SubmitResponse};
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::event::v1::{Event as WireEvent, Severity};
use watchbell_model::convert;
use watchbell_model::ids::{KeyId, TeamId};
use watchbell_runtime::auth::{Scope, internal_request};
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_runtime::problem::{Reading, from_message, from_status};
use watchbell_runtime::ready::Readiness;
use watchbell_runtime::tasks::TaskSet;
use watchbell_testkit::TestClock;

use super::*;
use crate::testing::{FakeConfig, FakeDispatcher, FakeSession, team_id, until, wire_team};
use crate::{Dispatchers, Needs};

/// The only Dispatcher there is.
fn remote(dispatcher: &Arc<FakeDispatcher>) -> Dispatchers {
    let dispatcher = dispatcher.clone();
    Dispatchers::Remote {
        seeds: vec!["it".into()],
        connect: Arc::new(move |_| Ok(dispatcher.clone() as _)),
        owners: tokio::sync::watch::channel(Arc::default()).1,
    }
}

struct World {
    router: Arc<Router>,
    config: Arc<FakeConfig>,
    dispatcher: Arc<FakeDispatcher>,
    clock: TestClock,
    _tasks: TaskSet,
}

impl World {
    fn open() -> Self {
        let config = FakeConfig::new();
        config.set(team_id(), Ok(wire_team(team_id(), 7)));
        let dispatcher = FakeDispatcher::new();
        let clock = TestClock::default();
        let mut tasks = TaskSet::new(Readiness::new());
        let needs = Needs {
            clock: clock.shared(),
            config: config.clone(),
            feed: ConfigFeed::manual(),
            dispatchers: remote(&dispatcher),
            connect: Arc::new(|_| unreachable!("there is one cell")),
            log: dispatcher.clone(),
            meter: NoopMeterProvider::new().meter("test"),
        };
        Self {
            router: Router::open(needs, &mut tasks),
            config,
            dispatcher,
            clock,
            _tasks: tasks,
        }
    }

    /// With a Dispatcher that commits whatever comes.
    async fn committing() -> (Self, Arc<Mutex<Vec<SubmitRequest>>>) {
        let world = Self::open();
        let committed = world.dispatcher.commit_everything();
        world.until_open().await;
        (world, committed)
    }

    /// With a Dispatcher that the test answers for.
    async fn scripted() -> (Self, FakeSession) {
        let world = Self::open();
        let session = world.dispatcher.session().await;
        world.until_open().await;
        (world, session)
    }

    async fn until_open(&self) {
        let submitter = &self.router.pipeline.submitter;
        until(|| submitter.is_open()).await;
    }
}

/// Of a key that may emit for one team.
fn by_key<T>(team: TeamId, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(Principal::ApiKey {
        key_id: KeyId::generate(DateTime::UNIX_EPOCH),
        team_id: Some(team),
        scopes: [Scope::Emit].into_iter().collect(),
    });
    request
}

fn finding(id: &str) -> WireEvent {
    WireEvent {
        id: id.to_owned(),
        r#type: "finding.created".to_owned(),
        severity: Severity::Critical.into(),
        payload: json(r#"{"finding_id": "fnd-1"}"#),
        ..WireEvent::default()
    }
}

/// Breaks three rules at once.
fn wrong() -> WireEvent {
    WireEvent {
        id: "no spaces".to_owned(),
        r#type: "finding.created".to_owned(),
        url: "ftp://example.com".to_owned(),
        payload: json(r#"{"score": 11}"#),
        ..WireEvent::default()
    }
}

fn json(text: &'static str) -> Option<Payload> {
    Some(Payload::DataJson(text.into()))
}

fn emit(event: Option<WireEvent>) -> EmitRequest {
    EmitRequest {
        team_id: String::new(),
        event,
    }
}

fn batch(events: Vec<WireEvent>) -> EmitBatchRequest {
    EmitBatchRequest {
        team_id: String::new(),
        events,
    }
}

fn fields(reading: &Reading) -> Vec<&str> {
    let mut fields: Vec<_> = reading
        .violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    fields.sort_unstable();
    fields
}

/// The event's id, or what it was refused with.
fn outcome(result: EmitResult) -> Result<String, Box<Reading>> {
    match result.outcome.unwrap() {
        Outcome::Accepted(response) => Ok(response.event_id),
        Outcome::Refused(status) => Err(Box::new(from_status(&from_message(&status)))),
    }
}

async fn refusal<T>(answer: impl Future<Output = Result<Response<T>, Status>>) -> Reading {
    match answer.await {
        Ok(_) => panic!("it was accepted"),
        Err(status) => from_status(&status),
    }
}

#[tokio::test]
async fn an_event_is_submitted_with_its_routes_and_answered_with_what_was_stored() {
    let (world, mut session) = World::scripted().await;
    let (answer, submitted) = tokio::join!(
        world.router.emit(by_key(team_id(), emit(Some(finding("evt-1"))))),
        async {
            let request = session.request().await.unwrap();
            session.answer(SubmitResponse {
                sequence: request.sequence,
                duplicate: true,
                routes: request.routes.clone(),
                error: None,
            });
            request
        }
    );
    let answer = answer.unwrap().into_inner();
    assert_eq!((answer.event_id.as_str(), answer.duplicate), ("evt-1", true));
    assert_eq!(answer.routes, submitted.routes);
    assert!(matches!(answer.routes[0].target, Some(Target::Inbox(_))));
    assert_eq!(submitted.team_id, team_id().to_string());
    let event = submitted.event.unwrap();
    assert_eq!(event.title, "New finding");
    assert_eq!(event.payload, json(r#"{"finding_id": "fnd-1"}"#));
}

#[tokio::test]
async fn an_event_without_an_id_gets_one() {
    let (world, committed) = World::committing().await;
    let answer = world
        .router
        .emit(by_key(team_id(), emit(Some(finding("")))))
        .await;
    let id = answer.unwrap().into_inner().event_id;
    assert!(id.starts_with("evt_"), "{id}");
    assert_eq!(committed.lock()[0].event.as_ref().unwrap().id, id);
}

#[tokio::test]
async fn every_violation_is_answered_under_its_own_path_and_nothing_is_submitted() {
    let (world, committed) = World::committing().await;
    let refused = refusal(world.router.emit(by_key(team_id(), emit(Some(wrong()))))).await;
    assert_eq!(refused.code, Code::InvalidArgument);
    assert_eq!(
        fields(&refused),
        [
            "event.data.finding_id",
            "event.data.score",
            "event.id",
            "event.url"
        ]
    );
    let refused = refusal(world.router.emit(by_key(team_id(), emit(None)))).await;
    assert_eq!(fields(&refused), ["event"]);
    assert!(committed.lock().is_empty());
}

#[tokio::test]
async fn nobody_emits_what_watchbell_alone_emits() {
    let (world, committed) = World::committing().await;
    let event = WireEvent {
        r#type: "config.changed".to_owned(),
        url: "ftp://example.com".to_owned(),
        payload: json(r#"{"revision": 1, "count": 1}"#),
        ..WireEvent::default()
    };
    for request in [
        by_key(team_id(), emit(Some(event.clone()))),
        internal_request(EmitRequest {
            team_id: team_id().to_string(),
            event: Some(event),
        }),
    ] {
        let refused = refusal(world.router.emit(request)).await;
        assert_eq!(fields(&refused), ["event.type", "event.url"]);
    }
    assert!(committed.lock().is_empty());
}

#[tokio::test]
async fn data_is_submitted_byte_for_byte() {
    let (world, committed) = World::committing().await;
    let text = r#" {"finding_id": "f", "big": 123456789012345678901234567890, "exact": 1.10, "zero": -0,
        "a": {"$serde_json::private::RawValue": "[1]"}} "#;
    let event = WireEvent {
        payload: json(text),
        ..finding("e")
    };
    world
        .router
        .emit(by_key(team_id(), emit(Some(event))))
        .await
        .unwrap();
    let submitted = committed.lock()[0].event.clone().unwrap().payload;
    assert_eq!(submitted, json(text));
}

#[tokio::test]
async fn data_that_would_not_come_back_as_it_is_is_refused() {
    let (world, committed) = World::committing().await;
    let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let layered = (0..12).fold("1".to_owned(), |text, _| {
        let nested = format!("{}{text}{}", "[".repeat(118), "]".repeat(118));
        serde_json::json!({"$serde_json::private::RawValue": nested}).to_string()
    });
    let number = |number| prost_types::Struct {
        fields: [(
            "n".to_owned(),
            prost_types::Value {
                kind: Some(prost_types::value::Kind::NumberValue(number)),
            },
        )]
        .into(),
    };
    for (payload, field) in [
        (Payload::DataJson(nested(33).into()), "event.data_json"),
        (
            Payload::DataJson(format!(r#"{{"a":[{}]}}"#, "[".repeat(49)).into()),
            "event.data_json",
        ),
        (
            Payload::DataJson(format!(r#"{{"a":{}{layered}}}"#, "[".repeat(40)).into()),
            "event.data_json",
        ),
        (
            Payload::DataJson(r#"{"a":1,"\u0061":2}"#.into()),
            "event.data_json",
        ),
        (
            Payload::DataJson(vec![b'{', 0xff, b'}'].into()),
            "event.data_json",
        ),
        (Payload::Data(number(f64::NAN)), "event.data"),
        (Payload::Data(number(f64::INFINITY)), "event.data"),
    ] {
        let event = WireEvent {
            payload: Some(payload),
            ..finding("e")
        };
        let refused = refusal(world.router.emit(by_key(team_id(), emit(Some(event))))).await;
        assert_eq!(
            (refused.code, fields(&refused)),
            (Code::InvalidArgument, vec![field])
        );
    }
    assert!(committed.lock().is_empty());
}

#[tokio::test]
async fn an_explanation_without_data_is_of_the_catalogs_example_and_says_so() {
    let (world, _committed) = World::committing().await;
    let ask = async |payload| {
        let event = WireEvent {
            payload,
            ..finding("")
        };
        let request = ExplainRequest {
            event: Some(event),
            ..ExplainRequest::default()
        };
        world.router.explain(by_key(team_id(), request)).await
    };
    assert!(ask(None).await.unwrap().into_inner().example_data);
    let given = ask(json(r#"{"finding_id": "f"}"#)).await.unwrap().into_inner();
    assert!(!given.example_data);
    assert_eq!(
        fields(&refusal(async { ask(json("{}")).await }).await),
        ["event.data.finding_id"]
    );
}

#[tokio::test]
async fn nobody_emits_without_a_name_or_for_another_team() {
    let (world, committed) = World::committing().await;
    let bare = Request::new(emit(Some(finding("e"))));
    assert_eq!(refusal(world.router.emit(bare)).await.code, Code::Unauthenticated);
    let other = "team_00000000000000000000000009";
    world
        .config
        .set(other.parse().unwrap(), Ok(wire_team(other.parse().unwrap(), 1)));
    let mut request = emit(Some(finding("e")));
    request.team_id = other.to_owned();
    let refused = refusal(world.router.emit(by_key(team_id(), request))).await;
    assert_eq!(refused.code, Code::NotFound);
    let mut request = batch(vec![finding("e")]);
    request.team_id = other.to_owned();
    let refused = refusal(world.router.emit_batch(by_key(team_id(), request))).await;
    assert_eq!(refused.code, Code::NotFound);
    let explain = ExplainRequest {
        team_id: other.to_owned(),
        event: Some(finding("e")),
        ..ExplainRequest::default()
    };
    let refused = refusal(world.router.explain(by_key(team_id(), explain))).await;
    assert_eq!(refused.code, Code::NotFound);
    let services = refusal(world.router.emit(internal_request(emit(Some(finding("e")))))).await;
    assert_eq!(fields(&services), ["team_id"]);
    assert!(committed.lock().is_empty());
}

#[tokio::test]
async fn the_dispatchers_own_refusal_reaches_the_caller_with_its_details() {
    let (world, mut session) = World::scripted().await;
    let overloaded = Problem::Overloaded {
        retry_after: std::time::Duration::from_secs(3),
    };
    let (refused, ()) = tokio::join!(
        refusal(world.router.emit(by_key(team_id(), emit(Some(finding("e")))))),
        async {
            let request = session.request().await.unwrap();
            session.answer(SubmitResponse {
                sequence: request.sequence,
                error: Some(to_message(&overloaded.into())),
                ..SubmitResponse::default()
            });
        }
    );
    assert_eq!(refused.code, Code::ResourceExhausted);
    assert_eq!(refused.retry_after, Some(std::time::Duration::from_secs(3)));
}

#[tokio::test]
async fn without_a_dispatcher_emit_is_unavailable_and_says_when_to_try_again() {
    let world = World::open();
    world.dispatcher.set_away(true);
    let refused = refusal(world.router.emit(by_key(team_id(), emit(Some(finding("e")))))).await;
    assert_eq!(refused.code, Code::Unavailable);
    assert!(refused.retry_after.is_some());
}

#[test]
fn an_answer_to_a_batch_counts_people_and_names_channels_while_there_is_room() {
    let route = |target| watchbell_contracts::event::v1::Route {
        target: Some(target),
        ..Default::default()
    };
    let person = || route(Target::Person(Default::default()));
    let channel = || {
        route(Target::Channel(watchbell_contracts::event::v1::ChannelTarget {
            channel_id: "chn_01h455vb4pex5vsknk084sn02q".to_owned(),
        }))
    };
    let mut routes: Vec<_> = std::iter::repeat_with(person).take(2_000).collect();
    routes.extend(std::iter::repeat_with(channel).take(500));
    let answer = EmitResponse {
        route_count: 2_500,
        routes,
        ..EmitResponse::default()
    };
    let brief = briefly(answer, 1_000);
    assert_eq!(brief.route_count, 2_500);
    assert!(brief.encoded_len() < 1_100, "{}", brief.encoded_len());
    assert!(!brief.routes.is_empty() && brief.routes.iter().all(|route| route.target == channel().target));
}

#[tokio::test]
async fn a_batch_answers_each_event_in_its_place() {
    let (world, committed) = World::committing().await;
    let events = vec![finding("a"), wrong(), finding("b"), WireEvent::default()];
    let answer = world.router.emit_batch(by_key(team_id(), batch(events))).await;
    let outcomes: Vec<_> = answer
        .unwrap()
        .into_inner()
        .results
        .into_iter()
        .map(outcome)
        .collect();
    assert_eq!(outcomes[0].as_deref(), Ok("a"));
    assert_eq!(outcomes[2].as_deref(), Ok("b"));
    let refused = outcomes[1].as_ref().unwrap_err();
    assert_eq!(refused.code, Code::InvalidArgument);
    assert_eq!(
        fields(refused),
        [
            "events[1].data.finding_id",
            "events[1].data.score",
            "events[1].id",
            "events[1].url"
        ]
    );
    assert_eq!(fields(outcomes[3].as_ref().unwrap_err()), ["events[3].type"]);
    assert_eq!(committed.lock().len(), 2);
}

#[tokio::test]
async fn a_batch_has_one_to_a_thousand_events_and_at_most_4_mib() {
    let (world, committed) = World::committing().await;
    let emit_batch = async |events| {
        let answer = world.router.emit_batch(by_key(team_id(), batch(events))).await;
        answer.map(|answer| answer.into_inner().results.len())
    };
    let numbered = |count: usize| (0..count).map(|number| finding(&format!("e{number}"))).collect();
    assert_eq!(emit_batch(numbered(1_000)).await.unwrap(), 1_000);
    let padded = |bytes: usize| WireEvent {
        payload: Some(Payload::DataJson(vec![b' '; bytes].into())),
        ..finding("large")
    };
    // Two reasons at once are answered at once.
    let mut many: Vec<_> = numbered(1_001);
    many[0] = padded(MAX_BATCH_BYTES);
    for (events, violations) in [
        (vec![], 1),
        (numbered(1_001), 1),
        (vec![padded(MAX_BATCH_BYTES / 2); 2], 1),
        (many, 2),
    ] {
        let refused = from_status(&emit_batch(events).await.unwrap_err());
        assert_eq!(fields(&refused), vec!["events"; violations]);
    }
    assert_eq!(committed.lock().len(), 1_000);
}

#[tokio::test]
async fn a_stream_acknowledges_in_order_whatever_the_order_of_commits() {
    let (world, mut session) = World::scripted().await;
    let requests = ["a", "b", "", "c"].map(|name| {
        let event = match name {
            "" => wrong(),
            name => finding(name),
        };
        Ok(EmitStreamRequest {
            team_id: String::new(),
            event: Some(event),
        })
    });
    let answers = world
        .router
        .emit_stream(by_key(team_id(), boxed(stream::iter(requests))));
    let answers = answers.await.unwrap().into_inner();
    let (acks, ()) = tokio::join!(answers.collect::<Vec<_>>(), async {
        let mut asked = Vec::new();
        for _ in 0..3 {
            asked.push(session.request().await.unwrap());
        }
        for request in asked.iter().rev() {
            session.commit(request);
        }
    });
    let acks: Vec<_> = acks
        .into_iter()
        .map(|ack| outcome(ack.unwrap().result.unwrap()))
        .map(|outcome| outcome.map_err(|refused| refused.code))
        .collect();
    assert_eq!(
        acks,
        [
            Ok("a".to_owned()),
            Ok("b".to_owned()),
            Err(Code::InvalidArgument),
            Ok("c".to_owned())
        ]
    );
}

#[tokio::test]
async fn a_stream_refuses_another_team_and_goes_on_and_ends_where_it_breaks() {
    let (world, _committed) = World::committing().await;
    let request = |team: &str, name: &str| EmitStreamRequest {
        team_id: team.to_owned(),
        event: Some(finding(name)),
    };
    let requests = [
        Ok(request("team_00000000000000000000000009", "foreign")),
        Ok(request(&team_id().to_string(), "own")),
        Err(Status::cancelled("gone")),
        Ok(request("", "never read")),
    ];
    let answers = world
        .router
        .emit_stream(by_key(team_id(), boxed(stream::iter(requests))));
    let acks: Vec<_> = answers.await.unwrap().into_inner().collect().await;
    assert_eq!(acks.len(), 3);
    let mut acks = acks.into_iter();
    let mut next = || acks.next().unwrap();
    let foreign = outcome(next().unwrap().result.unwrap()).unwrap_err();
    assert_eq!(foreign.code, Code::NotFound);
    assert_eq!(outcome(next().unwrap().result.unwrap()).unwrap(), "own");
    assert_eq!(next().unwrap_err().code(), Code::Cancelled);
}

#[tokio::test]
async fn explain_says_who_would_get_it_and_sends_nothing() {
    let (world, committed) = World::committing().await;
    let explain = |event, at| {
        let request = ExplainRequest {
            team_id: String::new(),
            event: Some(event),
            at,
            ..ExplainRequest::default()
        };
        world.router.explain(by_key(team_id(), request))
    };
    let explanation = explain(finding(""), None).await.unwrap().into_inner();
    assert_eq!(explanation.revision, 7);
    assert_eq!(explanation.routes.len(), 1);
    assert!(explanation.steps.iter().any(|step| step.stage == "inbox"));
    let refused = refusal(explain(wrong(), None)).await;
    assert_eq!(refused.violations.len(), 4);
    let never = prost_types::Timestamp {
        seconds: i64::MAX,
        nanos: 0,
    };
    let refused = refusal(explain(wrong(), Some(never))).await;
    assert_eq!(fields(&refused)[0], "at");
    assert_eq!(refused.violations.len(), 5);
    assert!(committed.lock().is_empty());
}

#[tokio::test]
async fn what_takes_long_to_check_waits_for_its_teams_turn_and_what_does_not_goes_on() {
    let (world, _committed) = World::committing().await;
    let branches: Vec<_> = (0..200).map(|n| serde_json::json!({ "const": n })).collect();
    let schema = serde_json::json!({"properties": {"a": {"items": {"anyOf": branches}}}});
    let mut team = wire_team(team_id(), 8);
    team.event_types.push(EventType {
        name: "deploy.finished".to_owned(),
        title: "Deploy finished".to_owned(),
        data_schema: Some(convert::structure(schema.as_object().unwrap())),
        ..EventType::default()
    });
    world.config.set(team_id(), Ok(team));
    let deploy = |numbers: usize| {
        let data = serde_json::json!({"a": vec![199; numbers]}).to_string();
        let event = WireEvent {
            r#type: "deploy.finished".to_owned(),
            payload: Some(Payload::DataJson(data.into())),
            ..WireEvent::default()
        };
        world.router.emit(by_key(team_id(), emit(Some(event))))
    };
    deploy(1).await.unwrap();

    // Another piece of the team's work has the turn.
    let ((began, has_begun), (end, ends)) = (oneshot::channel(), std::sync::mpsc::channel::<()>());
    let tenant_pool = world.router.pipeline.tenant_pool.clone();
    let before = tokio::spawn(async move {
        let work = move || {
            let _ = began.send(());
            let _ = ends.recv();
        };
        tenant_pool.run(team_id(), work).await
    });
    has_begun.await.unwrap();
    let mut heavy = deploy(500);
    assert!(poll!(&mut heavy).is_pending());
    deploy(2).await.unwrap();
    assert!(poll!(&mut heavy).is_pending());
    end.send(()).unwrap();
    heavy.await.unwrap();
    before.await.unwrap().unwrap();
}
