//! Statistics of deliveries: the same as counting the list, within a period, of a filter, and one call of a team at a time.

use watchbell_store::store_tests;

use super::*;
use crate::senders::AttemptResult;
use crate::store::Migrator;

const HOUR: Duration = Duration::from_secs(3600);

async fn stats(
    rig: &Rig,
    request: wire::GetDeliveryStatsRequest,
) -> Result<wire::GetDeliveryStatsResponse, tonic::Status> {
    let request = wire::GetDeliveryStatsRequest {
        team_id: rig.env.team.to_string(),
        ..request
    };
    rig.service
        .get_delivery_stats(internal_request(request))
        .await
        .map(tonic::Response::into_inner)
}

/// Three hours: at first one is delivered and one fails, then nothing, then two are delivered after a second each.
async fn story(store: &Store) -> (Rig, ChannelId, ChannelId) {
    let mut rig = Rig::new(store).await;
    let (good, bad) = (rig.env.channel("good"), rig.env.channel("bad"));
    rig.env
        .receivers
        .always(bad, Some(AttemptResult::permanent("no", "no")));
    rig.emit("e0", &[good, bad]).await;
    rig.settle().await;
    rig.env.clock.advance(2 * HOUR);
    for id in ["e1", "e2"] {
        rig.emit(id, &[good]).await;
        rig.pass(Duration::from_secs(1)).await;
    }
    (rig, good, bad)
}

store_tests! {
    migrator = Migrator;

    async fn deliveries_are_counted_by_state_time_channel_and_severity(store: Store) {
        let (rig, good, bad) = story(&store).await;
        rig.env.clock.advance(HOUR / 2);
        let start = rig.env.now() - chrono::TimeDelta::hours(3);
        let counted = stats(&rig, wire::GetDeliveryStatsRequest { start_time: Some(timestamp(start)), ..Default::default() }).await.unwrap();
        let counts = |delivered, failed| Some(wire::DeliveryCounts { delivered, failed, ..Default::default() });
        assert_eq!(counted.counts, counts(3, 1));
        let by_time: Vec<_> = counted.buckets.iter().map(|bucket| bucket.counts).collect();
        assert_eq!(by_time, [counts(1, 1), counts(0, 0), counts(2, 0)]);
        assert_eq!(counted.buckets[2].start_time, Some(timestamp(start + chrono::TimeDelta::hours(2))));
        let by_channel: Vec<_> = counted.channels.iter().map(|of| (of.channel_id.clone(), of.counts)).collect();
        assert_eq!(by_channel, [(good.to_string(), counts(3, 0)), (bad.to_string(), counts(0, 1))]);
        assert_eq!(counted.severities.len(), 1);
        assert_eq!((counted.severities[0].severity, counted.severities[0].counts), (Severity::High.to_wire(), counts(3, 1)));
        assert_eq!(counted.counted_from_time, None);
        let latency = counted.latency.unwrap();
        assert_eq!(latency.p50.unwrap().seconds, 1);
        assert_eq!(latency.max.unwrap().seconds, 1);
    }

    async fn a_filter_and_a_period_narrow(store: Store) {
        let (rig, _, bad) = story(&store).await;
        let filter = wire::DeliveryFilter { channel_id: bad.to_string(), ..Default::default() };
        let of_channel = stats(&rig, wire::GetDeliveryStatsRequest { filter: Some(filter), ..Default::default() }).await.unwrap();
        assert_eq!(of_channel.counts.unwrap().failed, 1);
        assert_eq!((of_channel.channels.len(), of_channel.latency), (1, None));
        let start = Some(timestamp(rig.env.now() - chrono::TimeDelta::hours(1)));
        let late = stats(&rig, wire::GetDeliveryStatsRequest { start_time: start, ..Default::default() }).await.unwrap();
        assert_eq!(late.counts, Some(wire::DeliveryCounts { delivered: 2, ..Default::default() }));
        let end = Some(timestamp(rig.env.now() - chrono::TimeDelta::hours(1)));
        let early = stats(&rig, wire::GetDeliveryStatsRequest { end_time: end, ..Default::default() }).await.unwrap();
        assert_eq!(early.counts, Some(wire::DeliveryCounts { delivered: 1, failed: 1, ..Default::default() }));
    }

    async fn what_cannot_be_counted_is_named(store: Store) {
        let rig = Rig::new(&store).await;
        let violations = async |request| {
            let status = stats(&rig, request).await.unwrap_err();
            let reading = watchbell_runtime::problem::from_status(&status);
            reading.violations.iter().map(|violation| violation.field.clone()).collect::<Vec<_>>()
        };
        let now = rig.env.now();
        let span = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let of = wire::GetDeliveryStatsRequest::default;
        assert_eq!(violations(wire::GetDeliveryStatsRequest { start_time: Some(timestamp(now)), end_time: Some(timestamp(now)), ..of() }).await, ["start_time"]);
        assert_eq!(violations(wire::GetDeliveryStatsRequest { bucket_length: span(59), ..of() }).await, ["bucket_length"]);
        assert_eq!(violations(wire::GetDeliveryStatsRequest { bucket_length: span(60), ..of() }).await, ["bucket_length"]);
        let filter = wire::DeliveryFilter { member_id: "ann".into(), states: vec![77], ..Default::default() };
        assert_eq!(violations(wire::GetDeliveryStatsRequest { filter: Some(filter), ..of() }).await, ["filter.states[0]", "filter.member_id"]);
    }

    async fn a_team_has_one_count_at_a_time(store: Store) {
        let rig = Rig::new(&store).await;
        let turn = rig.core.counting.begin(rig.env.team).unwrap();
        let status = stats(&rig, wire::GetDeliveryStatsRequest::default()).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        drop(turn);
        assert!(stats(&rig, wire::GetDeliveryStatsRequest::default()).await.is_ok());
    }
}
