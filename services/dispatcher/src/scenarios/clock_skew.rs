//! A clock that was ahead and is set right. The database's clock is the machine's, and the story's is ahead of it.

use chrono::TimeDelta;
use watchbell_store::store_tests;

use super::*;
use crate::maintenance::clock_skew::ClockSkewRepair;
use crate::senders::{AttemptOutcome, AttemptResult};
use crate::store::Migrator;

/// An hour later than the database has it.
fn ahead() -> DateTime<Utc> {
    watchbell_model::clock::SystemClock::shared().now() + TimeDelta::hours(1)
}

store_tests! {
    migrator = Migrator;

    async fn what_a_clock_that_was_ahead_has_written_is_not_late(store: Store) {
        let mut rig = Rig::new(&store).await;
        rig.env.clock.set(ahead());
        let channel = rig.env.channel("a");
        rig.env.receivers.answer(channel, AttemptResult::retryable("down", "the endpoint is down"));
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        rig.env.clock.set(ahead() - TimeDelta::hours(1));
        rig.pass(Duration::from_secs(120)).await;
        assert_eq!(rig.states().await, [State::Pending], "two minutes by the clock that is right");

        let clock_skew = ClockSkewRepair { core: Arc::clone(&rig.core) };
        assert_eq!(clock_skew.tick().await.unwrap(), 1);
        assert_eq!(clock_skew.tick().await.unwrap(), 0, "once is enough");
        rig.pass(Duration::from_secs(1)).await;
        assert_eq!(rig.states().await, [State::Delivered]);
    }

    async fn what_waits_for_longer_than_a_clock_was_ahead_is_due_early_and_not_at_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        rig.env.clock.set(ahead());
        let channel = rig.env.channel("a");
        let wait = Some(Duration::from_secs(2 * 60 * 60));
        let later = AttemptResult { outcome: AttemptOutcome::Retryable { retry_after: wait }, ..AttemptResult::retryable("busy", "later") };
        rig.env.receivers.answer(channel, later);
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        rig.env.clock.set(ahead() - TimeDelta::hours(1));
        let clock_skew = ClockSkewRepair { core: Arc::clone(&rig.core) };
        assert_eq!(clock_skew.tick().await.unwrap(), 1);
        assert_eq!(clock_skew.tick().await.unwrap(), 0, "once is enough");
        let due = rig.delivery().await.next_attempt_time.unwrap().seconds - rig.env.now().timestamp();
        assert!((3_500..=3_600).contains(&due), "{due} s");
    }

    async fn what_a_right_clock_has_written_waits_as_long_as_it_should(store: Store) {
        let mut rig = Rig::new(&store).await;
        rig.env.clock.set(ahead() - TimeDelta::hours(1));
        let channel = rig.env.channel("a");
        rig.env.receivers.answer(channel, AttemptResult::retryable("down", "the endpoint is down"));
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        let clock_skew = ClockSkewRepair { core: Arc::clone(&rig.core) };
        assert_eq!(clock_skew.tick().await.unwrap(), 0);
    }
}
