//! What is measured: counters that are there before they count, and our own latency apart from waits that were asked for.

use watchbell_store::store_tests;

use super::*;
use crate::senders::AttemptResult;
use crate::store::Migrator;

store_tests! {
    migrator = Migrator;

    async fn everything_that_can_be_counted_is_there_with_0(store: Store) {
        let rig = Rig::new(&store).await;
        for kind in ["SLACK", "TEAMS", "EMAIL", "WEBHOOK"] {
            for outcome in ["delivered", "accepted", "retryable", "permanent"] {
                let name = format!("watchbell_attempts_total{{kind=\"{kind}\",outcome=\"{outcome}\"}}");
                assert_eq!(rig.measured(&name), Some(0.0), "{name}");
            }
            for state in ["held", "parked", "folded", "delivered", "failed", "cancelled"] {
                let name = format!("watchbell_deliveries_total{{kind=\"{kind}\",state=\"{state}\"}}");
                assert_eq!(rig.measured(&name), Some(0.0), "{name}");
            }
            for result in ["delivering", "failing"] {
                let name = format!("watchbell_channels_tried{{kind=\"{kind}\",result=\"{result}\"}}");
                assert_eq!(rig.measured(&name), Some(0.0), "{name}");
            }
        }
        for outcome in ["accepted", "duplicate"] {
            let name = format!("watchbell_events_total{{outcome=\"{outcome}\"}}");
            assert_eq!(rig.measured(&name), Some(0.0), "{name}");
        }
        assert_eq!(rig.measured("watchbell_shard_takeovers_total"), Some(0.0));
    }

    async fn our_own_latency_is_apart_from_waits_that_were_asked_for(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (quiet, plain) = (rig.env.channel("quiet"), rig.env.channel("plain"));
        rig.env.config.change(rig.env.team, quiet, |channel| channel.quiet_hours = Some(retries::nights()));
        rig.emit("e1", &[quiet, plain]).await;
        rig.settle().await;
        rig.pass(Duration::from_secs(8 * 3600)).await;
        assert_eq!(rig.states().await, [State::Delivered; 2]);
        let dispatch = |of: &str| format!("watchbell_dispatch_duration_seconds_{of}");
        assert_eq!(rig.measured(&dispatch("count{kind=\"WEBHOOK\"}")), Some(2.0));
        assert_eq!(rig.measured(&dispatch("bucket{kind=\"WEBHOOK\",le=\"0.001\"}")), Some(2.0));
        let sum = rig.measured("watchbell_delivery_duration_seconds_sum{kind=\"WEBHOOK\"}");
        assert_eq!(sum, Some(8.0 * 3600.0), "the whole wait");

        // Nothing asks for this wait: nobody comes to send.
        rig.emit("e2", &[plain]).await;
        rig.pass(Duration::from_secs(7)).await;
        assert_eq!(rig.measured(&dispatch("sum{kind=\"WEBHOOK\"}")), Some(7.0));
    }

    async fn neither_retries_nor_a_slow_endpoint_are_our_latency(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.ordered("a");
        rig.env.receivers.answer(channel, AttemptResult::retryable("http.503", "down"));
        for id in ["e1", "e2"] {
            rig.emit(id, &[channel]).await;
        }
        let gate = rig.env.receivers.gate(channel);
        rig.pump.tick();
        let dispatch = |of: &str| format!("watchbell_dispatch_duration_seconds_{of}{{kind=\"WEBHOOK\"}}");
        while rig.measured(&dispatch("count")).is_none() {
            tokio::task::yield_now().await;
        }
        // The endpoint takes a minute for the first, and the second is not sent before.
        rig.env.clock.advance(Duration::from_secs(60));
        gate.add_permits(3);
        rig.settle().await;
        rig.pass(Duration::from_secs(60)).await;
        assert_eq!(rig.states().await, [State::Delivered; 2]);
        assert_eq!(rig.measured(&dispatch("count")), Some(2.0), "first attempts alone");
        assert_eq!(rig.measured(&dispatch("sum")), Some(0.0));
        assert_eq!(rig.measured("watchbell_attempts_total{kind=\"WEBHOOK\",outcome=\"retryable\"}"), Some(1.0));
        assert_eq!(rig.measured("watchbell_attempts_total{kind=\"WEBHOOK\",outcome=\"delivered\"}"), Some(2.0));
    }

    async fn a_busy_channel_that_fails_is_one_channel(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (loud, other) = (rig.env.channel("loud"), rig.env.channel("other"));
        rig.env.receivers.always(loud, Some(AttemptResult::permanent("http.400", "no")));
        for n in 0..20 {
            rig.emit(&format!("e{n}"), &[loud]).await;
        }
        rig.emit("one", &[other]).await;
        rig.settle().await;
        rig.core.metrics.channels_tried(rig.core.clock.monotonic());
        let tried = |result: &str| format!("watchbell_channels_tried{{kind=\"WEBHOOK\",result=\"{result}\"}}");
        assert_eq!(rig.measured(&tried("failing")), Some(1.0));
        assert_eq!(rig.measured(&tried("delivering")), Some(1.0));
    }
}
