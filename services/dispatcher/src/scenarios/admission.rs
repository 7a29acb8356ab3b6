//! Short of processors: who emits faster than can be sent waits a little, alone, and nothing goes by way of the database.

use tokio_util::sync::CancellationToken;
use watchbell_store::store_tests;

use super::*;
use crate::lanes::LaneId;
use crate::store::Migrator;

/// A replica whose lanes hold four jobs, and a channel that has just got one.
async fn begin(store: &Store) -> (Rig, ChannelId) {
    let mut rig = Rig::with(store, &TestEnv::new(), |settings| settings.max_jobs_per_lane = 4).await;
    // Later than lanes are forgotten.
    rig.env.clock.advance(Duration::from_secs(3600));
    let busy = rig.env.channel("busy");
    rig.emit("first", &[busy]).await;
    rig.settle().await;
    (rig, busy)
}

/// A large commit has just begun.
fn press(rig: &Rig) {
    rig.core.load.commit_started(rig.core.clock.monotonic(), 1_000);
}

/// Asks for so many events; all have reached the committer.
async fn ask_for(
    rig: &Rig,
    events: usize,
    channel: ChannelId,
) -> Vec<oneshot::Receiver<wire::SubmitResponse>> {
    let before = rig.core.submissions.waiting();
    let asked = (0..events)
        .map(|n| ask(rig, &format!("{channel}-{n}"), &[channel]))
        .collect();
    while rig.core.submissions.waiting() < before + events {
        tokio::task::yield_now().await;
    }
    asked
}

/// Waits for so many answers; those that are not answered yet.
async fn answered(
    mut asked: Vec<oneshot::Receiver<wire::SubmitResponse>>,
    answers: usize,
) -> Vec<oneshot::Receiver<wire::SubmitResponse>> {
    let left = asked.len() - answers;
    while asked.len() > left {
        asked.retain_mut(|answer| answer.try_recv().is_err());
        tokio::task::yield_now().await;
    }
    asked
}

fn queued(rig: &Rig, channel: ChannelId) -> usize {
    rig.core.lanes().queued(LaneId(channel.as_uuid()))
}

store_tests! {
    migrator = Migrator;

    async fn a_lane_that_moves_gets_what_it_has_room_for_and_the_rest_waits(store: Store) {
        let (mut rig, busy) = begin(&store).await;
        press(&rig);
        let other = rig.env.channel("other");
        let asked = ask_for(&rig, 6, busy).await;
        let another = ask_for(&rig, 1, other).await;
        rig.committer.tick().await;
        assert_eq!(queued(&rig, busy), 4);
        answered(another, 1).await;
        let waiting = answered(asked, 4).await;
        assert_eq!(waiting.len(), 2, "nobody is answered before the commit");

        rig.settle().await;
        answered(waiting, 2).await;
        assert_eq!(rig.states().await, [State::Delivered; 8]);
    }

    async fn nobody_waits_for_long(store: Store) {
        let (mut rig, busy) = begin(&store).await;
        press(&rig);
        let asked = ask_for(&rig, 6, busy).await;
        rig.committer.tick().await;
        let waiting = answered(asked, 4).await;
        for _ in 0..20 {
            rig.env.clock.advance(Duration::from_millis(50));
            press(&rig);
            // Others' attempts end all the time, but no room is left by it.
            let lane = LaneId(busy.as_uuid());
            rig.core.lanes().completed(lane, 1, rig.core.clock.monotonic());
            rig.committer.tick().await;
        }
        answered(waiting, 2).await;
        assert_eq!(queued(&rig, busy), 4, "what finds no room waits in the database");
    }

    async fn a_lane_that_stands_still_is_no_reason_to_wait(store: Store) {
        let (mut rig, busy) = begin(&store).await;
        rig.env.clock.advance(Duration::from_millis(200));
        press(&rig);
        let asked = ask_for(&rig, 20, busy).await;
        rig.committer.tick().await;
        answered(asked, 20).await;
        assert_eq!(queued(&rig, busy), 4, "what finds no room waits in the database");
    }

    async fn without_pressure_nobody_waits(store: Store) {
        let (mut rig, busy) = begin(&store).await;
        let asked = ask_for(&rig, 20, busy).await;
        rig.committer.tick().await;
        answered(asked, 20).await;
    }

    async fn what_wakes_the_loop_is_not_forgotten_when_what_waited_fills_the_batch(store: Store) {
        let (mut rig, busy) = begin(&store).await;
        press(&rig);
        let waiting = ask_for(&rig, 1_100, busy).await;
        rig.committer.tick().await;
        let waiting = answered(waiting, 4).await;
        // Nothing is short any more, and more than a batch has waited.
        rig.env.clock.advance(Duration::from_millis(300));
        let other = rig.env.channel("other");
        let late = ask_for(&rig, 2, other).await;
        let stop = CancellationToken::new();
        let running = tokio::spawn(rig.committer.run(stop.clone()));
        for answer in late.into_iter().chain(waiting) {
            assert_eq!(answer.await.unwrap().error, None);
        }
        stop.cancel();
        running.await.unwrap();
    }
}
