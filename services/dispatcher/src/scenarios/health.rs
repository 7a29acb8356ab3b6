//! Channels that do not carry any more: unhealthy, parked, told, and enabled again.

use watchbell_model::catalog::notices::CHANNEL_UNHEALTHY;
use watchbell_model::ids::MemberId;
use watchbell_store::store_tests;

use super::*;

use crate::senders::AttemptResult;
use crate::store::Migrator;

fn down() -> AttemptResult {
    AttemptResult {
        status_code: 503,
        ..AttemptResult::retryable("http.503", "the endpoint answered 503")
    }
}

/// Lets the schedule of everything that fails run out.
pub(super) async fn exhaust(rig: &mut Rig) {
    rig.settle().await;
    for wait in [60, 300, 1_800, 7_200, 43_200] {
        rig.pass(Duration::from_secs(wait)).await;
    }
}

/// One round of telling, with the commits that it waits for.
pub(super) async fn tell(rig: &mut Rig) {
    let core = Arc::clone(&rig.core);
    rig.during(async move { HealthReporter { core }.tick().await.unwrap() })
        .await;
}

pub(super) fn reenable(rig: &Rig, channel: ChannelId, recover: bool) {
    rig.env.config.change(rig.env.team, channel, |channel| {
        channel.health_epoch += 1;
        channel.recover_parked = recover;
        channel.health = config::ChannelHealth::Healthy.into();
    });
    rig.core.channels.forget(rig.env.team);
}

store_tests! {
    migrator = Migrator;

    async fn a_channel_to_which_nothing_gets_through_is_unhealthy_and_parks(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("siem");
        rig.env.receivers.always(channel, Some(down()));
        rig.emit("e1", &[channel]).await;
        exhaust(&mut rig).await;
        rig.emit("e2", &[channel]).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Failed, State::Parked]);
        assert_eq!(rig.env.receivers.carried().len(), 6, "what is parked is not tried");
    }

    async fn a_channel_that_something_got_through_to_meanwhile_stays_healthy(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("siem");
        rig.env.receivers.answer(channel, down());
        rig.emit("bad", &[channel]).await;
        rig.settle().await;
        rig.emit("good", &[channel]).await;
        rig.settle().await;
        rig.health.tick().await.unwrap();
        rig.env.receivers.always(channel, Some(down()));
        exhaust(&mut rig).await;
        rig.emit("e3", &[channel]).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Failed, State::Delivered, State::Pending]);
    }

    async fn config_and_the_owners_are_told_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("siem");
        rig.env.receivers.always(channel, Some(down()));
        rig.env.config.join(MemberId::generate(rig.env.now()), "olga@example.com", true);
        rig.env.config.join(MemberId::generate(rig.env.now()), "ada@example.com", false);
        rig.emit("e1", &[channel]).await;
        exhaust(&mut rig).await;
        for _ in 0..3 {
            tell(&mut rig).await;
            rig.settle().await;
        }
        let reports = rig.env.config.reports.lock().clone();
        assert_eq!(reports.len(), 1);
        assert_eq!(reports[0].channel_id, channel.to_string());
        assert_eq!(reports[0].health(), config::ChannelHealth::Unhealthy);
        let mails: Vec<_> = rig.env.receivers.carried().into_iter().filter_map(|carried| carried.address).collect();
        assert_eq!(mails, ["olga@example.com"], "the Owner and nobody else");
        let told: Vec<_> =
            rig.deliveries().await.into_iter().filter(|delivery| delivery.event_type == CHANNEL_UNHEALTHY).collect();
        assert_eq!(told.len(), 2, "by email and in the inbox");
        assert!(told[0].event_title.contains("siem"));
        let event = rig.core.db.event(rig.env.team, &told[0].event_id).await.unwrap().unwrap();
        assert_eq!(event.source, "watchbell", "the brand's own");
        assert_eq!(event.url, "http://localhost:7700/settings/notifications");
        assert!(event.data.contains(&format!("watchbell channels reenable {channel} --recover")), "{}", event.data);
        assert!(event.data.contains("given up after 6 attempts; the last error: the endpoint answered 503"));
    }

    async fn nobody_is_forgotten_while_config_is_away(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("siem");
        rig.env.receivers.always(channel, Some(down()));
        rig.emit("e1", &[channel]).await;
        exhaust(&mut rig).await;
        rig.env.config.away.store(true, std::sync::atomic::Ordering::Relaxed);
        tell(&mut rig).await;
        assert!(rig.env.config.reports.lock().is_empty());
        rig.env.config.away.store(false, std::sync::atomic::Ordering::Relaxed);
        tell(&mut rig).await;
        assert_eq!(rig.env.config.reports.lock().len(), 1);
    }

    async fn enabling_again_resumes_and_leaves_the_parked_ones_unless_asked(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("siem");
        rig.env.receivers.always(channel, Some(down()));
        rig.emit("e1", &[channel]).await;
        exhaust(&mut rig).await;
        rig.emit("e2", &[channel]).await;
        rig.settle().await;

        rig.env.receivers.always(channel, None);
        reenable(&rig, channel, false);
        tell(&mut rig).await;
        rig.unparker.tick().await.unwrap();
        rig.emit("e3", &[channel]).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Failed, State::Parked, State::Delivered]);
    }

    async fn enabling_again_with_recovery_delivers_what_was_parked_in_order(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.ordered("siem");
        rig.env.receivers.always(channel, Some(down()));
        rig.emit("e1", &[channel]).await;
        exhaust(&mut rig).await;
        for id in ["e2", "e3", "e4"] {
            rig.emit(id, &[channel]).await;
        }
        rig.settle().await;
        rig.unparker.tick().await.unwrap();
        rig.settle().await;
        assert_eq!(rig.states().await[1..], [State::Parked; 3], "not before it is enabled");

        rig.env.receivers.always(channel, None);
        reenable(&rig, channel, true);
        tell(&mut rig).await;
        assert_eq!(rig.unparker.tick().await.unwrap(), 3);
        rig.settle().await;
        assert_eq!(rig.states().await[1..], [State::Delivered; 3]);
        assert_eq!(rig.env.receivers.events()[6..], ["e2", "e3", "e4"]);
    }

    async fn a_destination_that_is_gone_is_unhealthy_at_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("siem");
        let gone = AttemptResult { channel_broken: true, status_code: 410, ..AttemptResult::permanent("http.410", "gone") };
        rig.env.receivers.answer(channel, gone);
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        rig.emit("e2", &[channel]).await;
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Failed, State::Parked]);
    }

    async fn every_replica_knows_and_a_restart_forgets_nothing(store: Store) {
        let env = TestEnv::new();
        let mut first = Rig::on(&store, &env).await;
        let channel = env.channel("siem");
        env.receivers.always(channel, Some(down()));
        first.emit("e1", &[channel]).await;
        exhaust(&mut first).await;
        let mut second = Rig::on(&store, &env).await;
        presume_dead(&first, &mut second).await;
        drop(first);
        tell(&mut second).await;
        second.settle().await;
        let before = env.receivers.carried().len();
        second.emit("e2", &[channel]).await;
        second.settle().await;
        assert_eq!(env.receivers.carried().len(), before);
    }

    async fn a_paused_channel_parks_and_goes_on_when_it_is_activated(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.ordered("siem");
        rig.env.config.change(rig.env.team, channel, |channel| channel.paused = true);
        for id in ["e1", "e2"] {
            rig.emit(id, &[channel]).await;
        }
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Parked; 2]);
        rig.unparker.tick().await.unwrap();
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Parked; 2]);
        rig.env.config.change(rig.env.team, channel, |channel| channel.paused = false);
        rig.core.channels.forget(rig.env.team);
        rig.unparker.tick().await.unwrap();
        rig.settle().await;
        assert_eq!(rig.states().await, [State::Delivered; 2]);
        assert_eq!(rig.env.receivers.events(), ["e1", "e2"]);
    }

    async fn what_is_parked_for_a_deleted_channel_is_called_off(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("siem");
        rig.env.config.change(rig.env.team, channel, |channel| channel.paused = true);
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        rig.env.config.delete(rig.env.team, channel);
        rig.core.channels.forget(rig.env.team);
        rig.unparker.tick().await.unwrap();
        assert_eq!(rig.states().await, [State::Cancelled]);
    }
}
