//! Why a delivery stands where it does, in fields.

use watchbell_contracts::dispatcher::v1::delivery::StateDetail;
use watchbell_contracts::dispatcher::v1::{FailedReason, FoldedReason, HeldReason, ParkedReason};
use watchbell_contracts::event::v1::{AlertAction, EventAlert};
use watchbell_store::store_tests;

use super::silences::{make, silence};
use super::storms::{only_summary, quiet, seconds, slack, to_slack};
use super::*;
use crate::senders::AttemptResult;
use crate::store::Migrator;

const HOUR: Duration = Duration::from_secs(3600);

/// The detail of the newest delivery of an event, listed and by itself.
async fn detail(rig: &Rig, event: &str) -> Option<StateDetail> {
    let all = rig.deliveries().await.into_iter();
    let listed = all.rev().find(|delivery| delivery.event_id == event).unwrap();
    let got = rig.get(&listed.id).await;
    assert_eq!(got.state_detail, listed.state_detail);
    got.state_detail
}

async fn held(rig: &Rig, event: &str) -> wire::Held {
    match detail(rig, event).await {
        Some(StateDetail::Held(held)) => held,
        other => panic!("{event} is not held: {other:?}"),
    }
}

async fn folded(rig: &Rig, event: &str) -> wire::Folded {
    match detail(rig, event).await {
        Some(StateDetail::Folded(folded)) => folded,
        other => panic!("{event} is not folded: {other:?}"),
    }
}

async fn parked(rig: &Rig, event: &str) -> wire::Parked {
    match detail(rig, event).await {
        Some(StateDetail::Parked(parked)) => parked,
        other => panic!("{event} is not parked: {other:?}"),
    }
}

async fn failed(rig: &Rig, event: &str) -> wire::Failed {
    match detail(rig, event).await {
        Some(StateDetail::Failed(failed)) => failed,
        other => panic!("{event} has not failed: {other:?}"),
    }
}

async fn emit(rig: &mut Rig, id: &str, room: ChannelId) {
    let request = to_slack(&rig.env, id, room);
    rig.submit(vec![request]).await;
    rig.settle().await;
}

store_tests! {
    migrator = Migrator;

    async fn what_is_held_says_by_what_and_until_when(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let window = silence(&rig.env, 2);
        make(&mut rig, &window).await;
        emit(&mut rig, "silenced", room).await;
        let by_silence = held(&rig, "silenced").await;
        assert_eq!(by_silence.reason(), HeldReason::Silence);
        assert_eq!(by_silence.silence_id, window.id.to_string());
        assert_eq!(by_silence.until_time, Some(timestamp(window.end)));

        let other = slack(&rig.env);
        rig.env.config.change(rig.env.team, other, |channel| channel.quiet_hours = Some(quiet("17:00", false)));
        rig.env.config.expire(window.id, rig.env.now());
        rig.core.channels.forget(rig.env.team);
        emit(&mut rig, "night", other).await;
        let by_hours = held(&rig, "night").await;
        assert_eq!((by_hours.reason(), by_hours.silence_id.as_str()), (HeldReason::QuietHours, ""));
        assert!(by_hours.until_time.is_some());
    }

    async fn what_is_folded_says_into_what_and_a_summary_names_its_deliveries(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let requests = (0..23).map(|n| to_slack(&rig.env, &format!("e{n:02}"), room)).collect();
        rig.submit(requests).await;
        // A room takes one message a second, and twenty a minute.
        seconds(&mut rig, 30).await;
        let waiting = folded(&rig, "e22").await;
        assert_eq!((waiting.reason(), waiting.summary_id.as_str()), (FoldedReason::Storm, ""));
        assert!(waiting.until_time.is_some());

        rig.env.receivers.always(room, Some(AttemptResult::retryable("slack.busy", "later")));
        seconds(&mut rig, 60).await;
        let told = folded(&rig, "e22").await;
        let (summary, _) = only_summary(&rig).await;
        assert_eq!((told.reason(), &told.summary_id), (FoldedReason::Summary, &summary.id));
        assert_eq!(rig.get(&summary.id).await.folded_count, 3);
        let request = wire::ListDeliveriesRequest {
            team_id: rig.env.team.to_string(),
            summary_id: summary.id.clone(),
            ..Default::default()
        };
        let listed = rig.service.list_deliveries(internal_request(request)).await.unwrap().into_inner();
        let events: Vec<_> = listed.deliveries.iter().map(|delivery| delivery.event_id.as_str()).collect();
        assert_eq!(events.len(), 3);
        assert!(events.contains(&"e22"));
    }

    async fn a_repeat_names_its_alert(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        for id in ["e1", "e2"] {
            let mut request = to_slack(&rig.env, id, room);
            request.alert = Some(EventAlert { key: "finding_id=1".into(), action: AlertAction::Trigger.into() });
            rig.submit(vec![request]).await;
            rig.settle().await;
        }
        let repeat = folded(&rig, "e2").await;
        assert_eq!((repeat.reason(), repeat.alert_key.as_str()), (FoldedReason::Repeat, "finding_id=1"));
        assert_eq!(detail(&rig, "e1").await, None);
    }

    async fn what_is_parked_says_why_and_since_when_its_channel_is_unhealthy(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (paused, broken) = (slack(&rig.env), rig.env.channel("siem"));
        rig.env.config.change(rig.env.team, paused, |channel| channel.paused = true);
        rig.core.channels.forget(rig.env.team);
        emit(&mut rig, "paused", paused).await;
        assert_eq!(parked(&rig, "paused").await.reason(), ParkedReason::Paused);

        rig.env.receivers.always(broken, Some(AttemptResult::retryable("http.503", "busy")));
        rig.emit("first", &[broken]).await;
        rig.settle().await;
        for wait in [60, 300, 1_800, 7_200, 43_200] {
            rig.pass(Duration::from_secs(wait)).await;
        }
        let since = rig.env.now();
        rig.pass(HOUR).await;
        rig.emit("second", &[broken]).await;
        rig.settle().await;
        let second = parked(&rig, "second").await;
        assert_eq!(second.reason(), ParkedReason::Unhealthy);
        assert_eq!(second.unhealthy_since_time, Some(timestamp(since)));
        let first = failed(&rig, "first").await;
        assert_eq!((first.reason(), first.error_code.as_str()), (FailedReason::RetriesExhausted, "http.503"));
    }

    async fn what_was_refused_says_by_which_error(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        rig.env.receivers.answer(room, AttemptResult::permanent("slack.no_service", "gone"));
        let mut changes = rig.core.feed.deliveries(rig.env.team);
        emit(&mut rig, "e1", room).await;
        let refused = failed(&rig, "e1").await;
        assert_eq!((refused.reason(), refused.error_code.as_str()), (FailedReason::Refused, "slack.no_service"));
        // Whoever watches is told the same.
        let mut told = None;
        while told.is_none() {
            told = changes.next().await.unwrap().delivery.state_detail.clone();
        }
        assert_eq!(told, Some(StateDetail::Failed(refused)));
    }
}
