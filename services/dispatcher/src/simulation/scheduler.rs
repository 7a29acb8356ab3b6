//! Where simulated replicas stop and ask: may I take my turn, take this step into the database, have this answer? Who
//! asks waits until the scheduler grants it. Everything happens on one thread, so that a seed decides everything.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{DbErr, RuntimeErr, sqlx};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use crate::senders::{AttemptResult, Message, ResolvedChannel, Transport};
use crate::store::DbStep;

/// A loop of a replica, or an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Of submissions, and of outcomes where it is one for both.
    Committer,
    /// Of outcomes alone.
    Outcomes,
    Sweeper,
    Heartbeat,
    Pump,
    Leaving,
    Attempt,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Actor {
    /// The number of its replica; a replica that starts again has another.
    pub(super) replica: usize,
    pub(super) role: Role,
}

/// What for.
#[derive(Debug, Clone)]
pub(super) enum Request {
    /// The next turn of a loop, at this monotonic instant at the earliest.
    Turn(Duration),
    /// The next turn of the committer, when something is queued for it.
    Batch,
    DbStep(DbStep),
    /// The answer to a step that was taken.
    Answer,
    Carry(Carrying),
}

/// An attempt under way.
#[derive(Debug, Clone)]
pub(super) struct Carrying {
    pub(super) delivery: Uuid,
    pub(super) lane: Uuid,
    pub(super) first: bool,
}

/// What becomes of it.
#[derive(Debug)]
pub(super) enum StepResult {
    Goes,
    /// Nothing happens, and that is what is heard.
    Fails,
    /// It happens, and nobody hears of it.
    Lost,
    Reports(AttemptResult),
}

/// Somebody who waits.
pub(super) struct Pending {
    pub(super) actor: Actor,
    pub(super) request: Request,
    grant: oneshot::Sender<StepResult>,
}

#[derive(Default)]
struct Scheduler {
    /// By the order in which they asked.
    pending: BTreeMap<u64, Pending>,
    asked: u64,
    /// Loops that run at this moment, and neither wait nor have ended.
    running: Vec<Actor>,
    /// By the database's clock, in microseconds.
    now: Option<i64>,
}

thread_local! {
    static SCHEDULER: RefCell<Scheduler> = RefCell::default();
    /// Told when nobody runs any more.
    static IDLE: Arc<Notify> = Arc::default();
}

tokio::task_local! {
    static ACTOR: Actor;
}

/// Carries by asking the scheduler.
pub(super) struct FakeTransport {
    pub(super) replica: usize,
}

#[async_trait]
impl Transport for FakeTransport {
    async fn send(&self, outgoing: &Message, _: &ResolvedChannel) -> AttemptResult {
        let carrying = Carrying {
            delivery: outgoing.delivery_id.as_uuid(),
            lane: outgoing
                .route
                .channel_id()
                .map(|id| id.as_uuid())
                .unwrap_or_default(),
            first: outgoing.attempt_number == 1,
        };
        let actor = Actor {
            replica: self.replica,
            role: Role::Attempt,
        };
        match ask(actor, Request::Carry(carrying)).await {
            StepResult::Reports(result) => result,
            _ => unreachable!("an attempt ends with a result"),
        }
    }
}

/// A loop of a replica, which runs from now on.
pub(super) fn act(actor: Actor, loops: impl Future<Output = ()>) -> impl Future<Output = ()> {
    with(|scheduler| scheduler.running.push(actor));
    async move {
        ACTOR.scope(actor, loops).await;
        rests(|running| *running == actor);
    }
}

/// The loops of a replica have ended.
pub(super) fn forget(replica: usize) {
    rests(|running| running.replica == replica);
}

fn rests(who: impl Fn(&Actor) -> bool) {
    let idle = with(|scheduler| {
        scheduler.running.retain(|running| !who(running));
        scheduler.running.is_empty()
    });
    if idle {
        IDLE.with(|idle| idle.notify_one());
    }
}

/// Waits for the next turn, which being notified brings forward.
pub(super) async fn turn(at: Duration, notify: &Notify) {
    let actor = ACTOR.get();
    tokio::select! {
        biased;
        () = notify.notified() => {}
        _ = ask(actor, Request::Turn(at)) => return,
    }
    ask(actor, Request::Turn(Duration::ZERO)).await;
}

/// Waits until there is something to commit.
pub(super) async fn batch() {
    ask(ACTOR.get(), Request::Batch).await;
}

/// Takes a step into the database when the scheduler says so. Outside of a simulation, at once.
pub(crate) async fn step<T>(step: DbStep, taken: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    let Ok(actor) = ACTOR.try_with(|actor| *actor) else {
        return taken.await;
    };
    let lost = match ask(actor, Request::DbStep(step)).await {
        StepResult::Fails => return Err(away()),
        StepResult::Lost => true,
        _ => false,
    };
    let result = taken.await;
    if step != DbStep::Begin {
        ask(actor, Request::Answer).await;
    }
    match lost {
        true => Err(away()),
        false => result,
    }
}

/// The database's clock, on the thread of a simulation.
pub(crate) fn database_now() -> Option<Cow<'static, str>> {
    let now = with(|scheduler| scheduler.now)?;
    Some(Cow::Owned(now.to_string()))
}

/// What a broken connection looks like.
fn away() -> DbErr {
    let gone = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(sqlx::Error::Io(gone))))
}

async fn ask(actor: Actor, request: Request) -> StepResult {
    let (grant, granted) = oneshot::channel();
    with(|scheduler| {
        scheduler.asked += 1;
        scheduler.pending.insert(
            scheduler.asked,
            Pending {
                actor,
                request,
                grant,
            },
        );
    });
    rests(|running| *running == actor);
    match granted.await {
        Ok(fate) => fate,
        // The cluster has ended.
        Err(_) => std::future::pending().await,
    }
}

fn with<T>(look: impl FnOnce(&mut Scheduler) -> T) -> T {
    SCHEDULER.with_borrow_mut(look)
}

// === for the scheduler ===

/// Forgets everybody who waits.
pub(super) fn clear() {
    let old = with(std::mem::take);
    drop(old);
}

pub(super) fn set_database_now(micros: i64) {
    with(|scheduler| scheduler.now = Some(micros));
}

/// Everybody who waits, in the order in which they asked.
pub(super) fn pending() -> Vec<(u64, Actor, Request)> {
    with(|scheduler| {
        scheduler.pending.retain(|_, pending| !pending.grant.is_closed());
        let all = scheduler.pending.iter();
        all.map(|(id, pending)| (*id, pending.actor, pending.request.clone()))
            .collect()
    })
}

/// Grants what somebody waits for.
pub(super) fn grant(id: u64, fate: StepResult) {
    if let Some(pending) = with(|scheduler| scheduler.pending.remove(&id)) {
        if pending.actor.role != Role::Attempt {
            with(|scheduler| scheduler.running.push(pending.actor));
        }
        let _ = pending.grant.send(fate);
    }
}

/// Lets everybody go on until all wait again.
pub(super) async fn quiesce() {
    let idle = IDLE.with(Arc::clone);
    loop {
        while with(|scheduler| !scheduler.running.is_empty()) {
            idle.notified().await;
        }
        let asked = with(|scheduler| scheduler.asked);
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        if with(|scheduler| scheduler.running.is_empty() && scheduler.asked == asked) {
            return;
        }
    }
}
