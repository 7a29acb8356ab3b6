use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use watchbell_contracts::dispatcher::v1::{ShardOwner, SubmitRequest, SubmitResponse, WatchOwnersResponse};
use watchbell_model::AcceptedEvent;
use watchbell_model::budget::UNIT_BYTES;
use watchbell_model::ids::TeamId;
use watchbell_model::route::{Reason, Route, Target};
use watchbell_model::shard::ShardId;
use watchbell_model::vocabulary::ChannelKind;
use watchbell_runtime::owners::{Connect, Owners};
use watchbell_runtime::problem::Problem;
use watchbell_runtime::submit::{Submit, Submitted};

use super::session::Session;
use super::{Cells, Dispatchers, Remote, Submitter, UNITS};
use crate::error::Error;
use crate::testing::{FakeDispatcher, FakeSession, event, noon, until};

struct World {
    dispatchers: Vec<Arc<FakeDispatcher>>,
    owners: watch::Sender<Arc<Owners>>,
    submitter: Remote,
    shutdown: CancellationToken,
    loops: Vec<JoinHandle<()>>,
}

impl World {
    fn new(count: usize) -> Self {
        Self::with_age(count, Duration::from_secs(300))
    }

    fn with_age(count: usize, age: Duration) -> Self {
        let dispatchers: Vec<_> = (0..count).map(|_| FakeDispatcher::new()).collect();
        let (owners, receiver) = watch::channel(Arc::default());
        let seeds = (0..count).map(|number| number.to_string().into()).collect();
        let (submitter, mut links) = Remote::new(seeds, connect(&dispatchers), receiver);
        links.age = Some(age);
        let shutdown = CancellationToken::new();
        let loops = vec![tokio::spawn(links.run(shutdown.clone()))];
        Self {
            dispatchers,
            owners,
            submitter,
            shutdown,
            loops,
        }
    }

    /// From now on this Dispatcher owns the team's shard.
    fn give(&self, team: TeamId, dispatcher: usize) {
        let owner = |number: usize| ShardOwner {
            address: number.to_string(),
            shards: match number == dispatcher {
                true => vec![ShardId::of(team).number().into()],
                false => vec![],
            },
        };
        let owners = (0..self.dispatchers.len()).map(owner).collect();
        let owners = Owners::read(WatchOwnersResponse { owners });
        self.owners.send_replace(Arc::new(owners));
    }

    fn link(&self, number: usize) -> Option<Arc<Session>> {
        self.submitter.links.all().get(number)?.session()
    }

    /// The stream of each Dispatcher, open.
    async fn sessions(&self) -> Vec<FakeSession> {
        let mut sessions = Vec::new();
        for dispatcher in &self.dispatchers {
            sessions.push(dispatcher.session().await);
        }
        self.until_open(self.dispatchers.len()).await;
        sessions
    }

    async fn until_open(&self, count: usize) {
        let open = || {
            let links = self.submitter.links.all();
            links
                .iter()
                .filter(|link| link.session().is_some_and(|session| session.busy().is_some()))
                .count()
        };
        until(|| open() == count).await;
    }

    fn submit(&self, event: &str) -> JoinHandle<Result<SubmitResponse, Error>> {
        self.submit_for(TEAM, request(event))
    }

    fn submit_for(&self, team: TeamId, request: SubmitRequest) -> JoinHandle<Result<SubmitResponse, Error>> {
        let submitter = self.submitter.clone();
        tokio::spawn(async move { submitter.submit(team, request).await })
    }

    fn busy(&self) -> Option<usize> {
        self.link(0)?.busy()
    }
}

/// The addresses are their numbers.
fn connect(dispatchers: &[Arc<FakeDispatcher>]) -> Connect {
    let dispatchers = dispatchers.to_vec();
    Arc::new(move |address| Ok(dispatchers[address.parse::<usize>().unwrap()].clone() as _))
}

const TEAM: TeamId = TeamId::from_uuid(uuid::Uuid::from_u128(1));
const OTHER: TeamId = TeamId::from_uuid(uuid::Uuid::from_u128(2));

fn request(event: &str) -> SubmitRequest {
    // The name stands for the event.
    SubmitRequest {
        traceparent: event.to_owned(),
        ..SubmitRequest::default()
    }
}

fn code(result: Result<SubmitResponse, Error>) -> Code {
    Status::from(result.unwrap_err()).code()
}

#[tokio::test]
async fn answers_that_come_out_of_order_find_their_callers() {
    let world = World::new(1);
    let mut session = world.sessions().await.remove(0);
    let callers: Vec<_> = (0..20).map(|number| world.submit(&number.to_string())).collect();
    let mut requests = Vec::new();
    for _ in 0..20 {
        requests.push(session.request().await.unwrap());
    }
    for request in requests.iter().rev() {
        let number: u8 = request.traceparent.parse().unwrap();
        session.answer(SubmitResponse {
            sequence: request.sequence,
            duplicate: number % 2 == 1,
            ..SubmitResponse::default()
        });
    }
    for (number, caller) in callers.into_iter().enumerate() {
        assert_eq!(
            caller.await.unwrap().unwrap().duplicate,
            number % 2 == 1,
            "{number}"
        );
    }
}

#[tokio::test]
async fn a_dispatcher_that_does_not_answer_is_not_waited_for_and_the_next_gets_another() {
    let mut world = World::new(2);
    world.submitter.answer = Duration::from_millis(10);
    let mut sessions = world.sessions().await;
    let first = world.submit("first");
    let (mut silent, mut other) = (sessions.remove(0), sessions.remove(0));
    let given = tokio::select! {
        given = silent.request() => given,
        given = other.request() => { std::mem::swap(&mut silent, &mut other); given }
    };
    assert_eq!(given.unwrap().traceparent, "first");
    assert_eq!(code(first.await.unwrap()), Code::Unavailable);
    // Its answer is still to come, so it counts as busy.
    world.submitter.answer = Duration::from_secs(30);
    for _ in 0..3 {
        let again = world.submit("again");
        let sequence = other.request().await.unwrap().sequence;
        other.answer(SubmitResponse {
            sequence,
            ..SubmitResponse::default()
        });
        assert!(again.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn before_the_first_stream_is_open_there_is_no_dispatcher() {
    let owners = watch::channel(Arc::default()).1;
    let (submitter, _loop) = Remote::new(vec!["0".into()], connect(&[FakeDispatcher::new()]), owners);
    let refused = Status::from(submitter.submit(TEAM, request("e")).await.unwrap_err());
    let reading = watchbell_runtime::problem::from_status(&refused);
    assert_eq!(reading.code, Code::Unavailable);
    assert!(reading.retry_after.is_some());
}

#[tokio::test]
async fn a_stream_that_breaks_tells_everybody_and_is_opened_again() {
    let world = World::new(1);
    let mut session = world.sessions().await.remove(0);
    let callers: Vec<_> = (0..5).map(|number| world.submit(&number.to_string())).collect();
    for _ in 0..5 {
        session.request().await.unwrap();
    }
    // The transport still holds the requests' end; nobody may be left to wait on it.
    let _kept = session.break_off();
    for caller in callers {
        assert_eq!(code(caller.await.unwrap()), Code::Unavailable);
    }
    let mut session = world.sessions().await.remove(0);
    let caller = world.submit("again");
    let request = session.request().await.unwrap();
    assert_eq!(request.traceparent, "again");
    session.commit(&request);
    assert!(caller.await.unwrap().is_ok());
}

#[tokio::test]
async fn nobody_waits_on_a_stream_that_has_ended() {
    let world = World::new(1);
    world.dispatchers[0].set_away(false);
    let session = world.sessions().await.remove(0);
    world.dispatchers[0].set_away(true);
    let _kept = session.break_off();
    world.until_open(0).await;
    assert_eq!(code(world.submit("late").await.unwrap()), Code::Unavailable);
}

#[tokio::test]
async fn two_dispatchers_share_the_work() {
    let world = World::new(2);
    let mut sessions = world.sessions().await;
    let _callers: Vec<_> = (0..10).map(|number| world.submit(&number.to_string())).collect();
    for session in &mut sessions {
        for _ in 0..5 {
            session.request().await.unwrap();
        }
        assert!(session.request().now_or_never().is_none());
    }
}

#[tokio::test]
async fn the_owner_of_a_team_gets_its_events_and_while_it_is_away_another_one_does() {
    let world = World::new(2);
    let mut sessions = world.sessions().await;
    let (mut other, mut owner) = (sessions.remove(0), sessions.remove(0));
    world.give(TEAM, 1);
    for number in 0..10 {
        let caller = world.submit(&number.to_string());
        let request = owner.request().await.unwrap();
        owner.commit(&request);
        assert!(caller.await.unwrap().is_ok());
    }
    assert!(other.request().now_or_never().is_none());
    world.dispatchers[1].set_away(true);
    let _kept = owner.break_off();
    world.until_open(1).await;
    let caller = world.submit("away");
    let request = other.request().await.unwrap();
    other.commit(&request);
    assert!(caller.await.unwrap().is_ok());
}

#[tokio::test]
async fn an_owner_that_is_added_is_called_and_one_that_stands_still_is_not_waited_for() {
    let world = World::new(2);
    let mut sessions = world.sessions().await;
    world.give(TEAM, 0);
    let stuck = world.submit("stuck");
    sessions[0].request().await.unwrap();
    world.give(TEAM, 1);
    assert_eq!(
        code(stuck.await.unwrap()),
        Code::Unavailable,
        "and may come again"
    );
    let caller = world.submit("again");
    let request = sessions[1].request().await.unwrap();
    sessions[1].commit(&request);
    assert!(caller.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_dispatcher_that_does_not_know_config_gets_nothing_while_there_is_another() {
    let world = World::new(2);
    // Before the loops have begun.
    world.dispatchers[0].set_config_unknown(true);
    let mut sessions = world.sessions().await;
    let (mut knowing, mut unknowing) = (sessions.remove(1), sessions.remove(0));
    for number in 0..10 {
        let caller = world.submit(&number.to_string());
        let request = tokio::select! {
            request = knowing.request() => request.unwrap(),
            Some(_) = unknowing.request() => panic!("it cannot deliver"),
        };
        knowing.commit(&request);
        assert!(caller.await.unwrap().is_ok());
    }
    // Without another, what it keeps is better than what nobody takes; its stream is renewed soon.
    world.dispatchers[1].set_away(true);
    let _kept = knowing.break_off();
    until(|| {
        let session = world.link(1);
        session.is_none()
    })
    .await;
    let caller = world.submit("alone");
    let request = loop {
        match unknowing.request().await {
            Some(request) => break request,
            None => unknowing = world.dispatchers[0].session().await,
        }
    };
    unknowing.commit(&request);
    assert!(caller.await.unwrap().is_ok());
    world.dispatchers[0].set_config_unknown(false);
    until(|| {
        let session = world.link(0);
        session.is_some_and(|session| session.knows_config())
    })
    .await;
}

#[tokio::test]
async fn the_less_busy_dispatcher_gets_more() {
    let world = World::new(2);
    let mut sessions = world.sessions().await;
    let (mut slow, mut quick) = (sessions.remove(0), sessions.remove(0));
    // The slow one has one in hand; from then on the quick one is always the less busy.
    let mut callers = vec![world.submit("a"), world.submit("b")];
    slow.request().await.unwrap();
    for name in ["c", "d", "e", "f"] {
        let request = quick.request().await.unwrap();
        quick.commit(&request);
        until(|| callers.iter().any(JoinHandle::is_finished)).await;
        callers.retain(|caller| !caller.is_finished());
        callers.push(world.submit(name));
    }
    quick.request().await.unwrap();
    assert!(slow.request().now_or_never().is_none());
}

#[tokio::test]
async fn when_one_dispatcher_goes_the_other_takes_over() {
    let world = World::new(2);
    let mut sessions = world.sessions().await;
    world.dispatchers[0].set_away(true);
    let _kept = sessions.remove(0).break_off();
    world.until_open(1).await;
    let mut other = sessions.remove(0);
    let callers: Vec<_> = (0..10).map(|number| world.submit(&number.to_string())).collect();
    for _ in 0..10 {
        let request = other.request().await.unwrap();
        other.commit(&request);
    }
    for caller in callers {
        assert!(caller.await.unwrap().is_ok());
    }
    world.dispatchers[0].set_away(false);
    world.dispatchers[0].session().await;
}

#[tokio::test]
async fn a_team_that_has_too_much_waiting_is_told_to_slow_down_and_others_are_not() {
    let world = World::new(1);
    let mut session = world.sessions().await.remove(0);
    // A large request takes the room of many.
    let large = SubmitRequest {
        team_id: "x".repeat(63 * UNIT_BYTES),
        ..SubmitRequest::default()
    };
    let most = UNITS / 2 / 64;
    let waiting: Vec<_> = (0..most).map(|_| world.submit_for(TEAM, large.clone())).collect();
    until(|| world.busy() == Some(most)).await;
    let more = || world.submitter.submit(TEAM, request("more"));
    let refused = Status::from(more().await.unwrap_err());
    let reading = watchbell_runtime::problem::from_status(&refused);
    assert_eq!(reading.code, Code::ResourceExhausted);
    assert!(reading.retry_after.is_some());
    let others = world.submit_for(OTHER, request("other"));
    until(|| world.busy() == Some(most + 1)).await;
    assert!(!others.is_finished());
    // Whether they have left the queue makes no difference as long as they are not answered.
    let first = session.request().await.unwrap();
    assert_eq!(code(more().await), Code::ResourceExhausted);
    session.commit(&first);
    until(|| waiting.iter().any(JoinHandle::is_finished)).await;
    let fits = world.submit("fits");
    until(|| world.busy() == Some(most + 1)).await;
    assert!(!fits.is_finished());
}

#[tokio::test]
async fn a_stream_that_comes_of_age_hands_over_and_loses_nobody() {
    let world = World::with_age(1, Duration::from_millis(500));
    let mut old = world.sessions().await.remove(0);
    // On a machine that stands still for a while the first streams may age before anything is sent on them.
    let (asked, before) = loop {
        let before = world.submit("before");
        if let Some(asked) = old.request().await {
            break (asked, before);
        }
        old = world.dispatchers[0].session().await;
        let request = old.request().await.unwrap();
        old.commit(&request);
        assert!(before.await.unwrap().is_ok());
    };
    let mut new = world.dispatchers[0].session().await;
    assert!(old.request().await.is_none(), "the old stream takes its leave");
    let after = world.submit("after");
    let request = new.request().await.unwrap();
    assert_eq!(request.traceparent, "after");
    new.commit(&request);
    assert!(after.await.unwrap().is_ok());
    old.commit(&asked);
    assert!(before.await.unwrap().is_ok());
}

#[tokio::test]
async fn at_shutdown_nothing_more_is_taken_and_what_was_sent_is_answered() {
    let mut world = World::new(1);
    let mut session = world.sessions().await.remove(0);
    let caller = world.submit("last");
    let asked = session.request().await.unwrap();
    world.shutdown.cancel();
    assert!(session.request().await.is_none());
    assert_eq!(code(world.submit("too late").await.unwrap()), Code::Unavailable);
    session.commit(&asked);
    assert!(caller.await.unwrap().is_ok());
    drop(session);
    world.loops.remove(0).await.unwrap();
}

/// A Dispatcher of this process that commits what has routes, and otherwise has no room.
#[derive(Default)]
struct Here(parking_lot::Mutex<Vec<AcceptedEvent>>);

#[async_trait::async_trait]
impl Submit for Here {
    async fn submit(&self, event: AcceptedEvent, routes: Vec<Route>) -> Result<Submitted, Problem> {
        if routes.is_empty() {
            return Err(Problem::Overloaded {
                retry_after: Duration::ZERO,
            });
        }
        self.0.lock().push(event);
        Ok(Submitted {
            duplicate: true,
            routes: routes.into_iter().map(Arc::new).collect(),
        })
    }
}

#[tokio::test]
async fn the_dispatcher_of_this_process_gets_the_event_as_it_is() {
    let here = Arc::new(Here::default());
    let local = Dispatchers::Local {
        dispatcher: here.clone(),
        cell_id: uuid::Uuid::nil(),
    };
    let (cells, _loop) = Cells::new(Arc::new(|_| unreachable!("there is one cell")));
    let (submitter, loops) = Submitter::new(local, cells);
    assert!(loops.is_none(), "no stream");
    let event = AcceptedEvent::new(event("finding.created"), None, noon());
    let payload = event.data.as_ptr();
    let route = Route::new(ChannelKind::InApp, Target::Inbox, Reason::default());
    let answer = submitter.submit(event.clone(), vec![], None).await;
    assert!(matches!(answer, Err(Error::Overloaded)));
    let answer = submitter.submit(event, vec![route.clone()], None).await.unwrap();
    assert_eq!((answer.duplicate, answer.routes), (true, vec![(&route).into()]));
    let got = here.0.lock().remove(0);
    assert_eq!(
        got.data.as_ptr(),
        payload,
        "its payload is neither copied nor parsed"
    );
}
