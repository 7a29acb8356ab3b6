//! The delivery log and the list of events: pages, filters, tenancy.

use tonic::Code;
use watchbell_model::convert::timestamp;
use watchbell_runtime::auth::{Principal, Scope, Scopes};
use watchbell_store::store_tests;

use super::*;
use crate::senders::AttemptResult;
use crate::store::Migrator;

async fn list(rig: &Rig, request: wire::ListDeliveriesRequest) -> wire::ListDeliveriesResponse {
    let request = wire::ListDeliveriesRequest {
        team_id: rig.env.team.to_string(),
        ..request
    };
    rig.service
        .list_deliveries(internal_request(request))
        .await
        .unwrap()
        .into_inner()
}

async fn events(rig: &Rig, request: wire::ListEventsRequest) -> Vec<String> {
    let mut request = wire::ListEventsRequest {
        team_id: rig.env.team.to_string(),
        ..request
    };
    let mut ids = Vec::new();
    loop {
        let page = rig
            .service
            .list_events(internal_request(request.clone()))
            .await
            .unwrap()
            .into_inner();
        ids.extend(page.events.into_iter().map(|event| event.event.unwrap().id));
        if page.next_page_token.is_empty() {
            return ids;
        }
        request.page_token = page.next_page_token;
    }
}

fn of_team<T>(message: T, team: TeamId) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.extensions_mut().insert(Principal::ApiKey {
        key_id: watchbell_model::ids::KeyId::generate(DateTime::UNIX_EPOCH),
        team_id: Some(team),
        scopes: Scopes::from_iter([Scope::DeliveriesWrite]),
    });
    request
}

store_tests! {
    migrator = Migrator;

    async fn a_page_of_large_events_is_shorter_and_nothing_is_left_out(store: Store) {
        let mut rig = Rig::new(&store).await;
        for n in 0..5 {
            let mut request = request(&rig.env, &format!("e{n}"), &[]);
            // What takes the most room as a struct: 250 KB of single digits, and one small event between.
            let data = format!("{{\"a\":[{}1]}}", "1,".repeat(if n == 2 { 1 } else { 125_000 }));
            request.event.as_mut().unwrap().payload = Some(event_wire::event::Payload::DataJson(data.into()));
            assert_eq!(rig.submit(vec![request]).await[0].error, None);
            rig.env.clock.advance(Duration::from_millis(3));
        }
        let mut request = wire::ListEventsRequest { team_id: rig.env.team.to_string(), ..Default::default() };
        let mut pages = Vec::new();
        loop {
            let answer = rig.service.list_events(internal_request(request.clone())).await.unwrap().into_inner();
            assert!(prost::Message::encoded_len(&answer) < 4 * 1024 * 1024);
            pages.push(answer.events.len());
            request.page_token = answer.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(pages, [3, 2]);
    }

    async fn data_reads_back_byte_for_byte_and_what_no_struct_carries_spoils_no_page(store: Store) {
        let mut rig = Rig::new(&store).await;
        let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(8 * 1024));
        let exact = r#" {"n": 1.10, "big": 123456789012345678901234567890} "#;
        let texts = [exact.to_owned(), nested(32), nested(60), large];
        for (n, text) in texts.iter().enumerate() {
            let mut request = request(&rig.env, &format!("e{n}"), &[]);
            request.event.as_mut().unwrap().payload = Some(event_wire::event::Payload::DataJson(text.clone().into()));
            assert_eq!(rig.submit(vec![request]).await[0].error, None);
            rig.env.clock.advance(Duration::from_millis(3));
        }
        let request = wire::ListEventsRequest { team_id: rig.env.team.to_string(), ..Default::default() };
        let page = rig.service.list_events(of_team(request.clone(), rig.env.team)).await.unwrap().into_inner();
        let page: wire::ListEventsResponse = prost::Message::decode(prost::Message::encode_to_vec(&page).as_slice()).unwrap();
        let read: Vec<_> = page.events.iter().rev().map(|event| event.data_json.as_str()).collect();
        assert_eq!(read, texts);
        let structs: Vec<_> = page.events.iter().rev().map(|event| event.event.as_ref().unwrap().payload.is_some()).collect();
        assert_eq!(structs, [true, true, false, false]);
        // One that is asked for alone has it whatever its size, and another service never needs it.
        let get = wire::GetEventRequest { team_id: request.team_id.clone(), event_id: page.events[0].event.as_ref().unwrap().id.clone() };
        let got = rig.service.get_event(of_team(get, rig.env.team)).await.unwrap().into_inner().event.unwrap();
        assert!(got.event.unwrap().payload.is_some());
        let page = rig.service.list_events(internal_request(request)).await.unwrap().into_inner();
        assert!(page.events.iter().all(|event| event.event.as_ref().unwrap().payload.is_none() && !event.data_json.is_empty()));
    }

    async fn an_id_that_cannot_be_one_is_the_callers_fault(store: Store) {
        let rig = Rig::new(&store).await;
        let team_id = rig.env.team.to_string();
        let get = wire::GetEventRequest { team_id: team_id.clone(), event_id: "a\0".to_owned() };
        assert_eq!(rig.service.get_event(internal_request(get)).await.unwrap_err().code(), Code::InvalidArgument);
        for (event_id, event_type) in [("a\0", ""), ("", "a.b\0")] {
            let (event_id, event_type) = (event_id.to_owned(), event_type.to_owned());
            let list = wire::ListDeliveriesRequest { team_id: team_id.clone(), event_id, event_type, ..Default::default() };
            assert_eq!(rig.service.list_deliveries(internal_request(list)).await.unwrap_err().code(), Code::InvalidArgument);
        }
    }

    async fn pages_come_newest_first_and_end(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        for n in 0..7 {
            rig.emit(&format!("e{n}"), &[channel]).await;
            rig.env.clock.advance(Duration::from_millis(3));
        }
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let request = wire::ListDeliveriesRequest { page_size: 3, page_token: token, ..Default::default() };
            let page = list(&rig, request).await;
            seen.extend(page.deliveries.into_iter().map(|delivery| delivery.event_id));
            token = page.next_page_token;
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, ["e6", "e5", "e4", "e3", "e2", "e1", "e0"]);
    }

    async fn filters_narrow_and_combine(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (a, b) = (rig.env.channel("a"), rig.env.channel("b"));
        rig.env.receivers.always(b, Some(AttemptResult::permanent("no", "no")));
        rig.emit("e0", &[a, b]).await;
        rig.pass(Duration::from_secs(10)).await;
        let between = rig.env.now();
        rig.pass(Duration::from_secs(10)).await;
        rig.emit("e1", &[a, b]).await;
        rig.settle().await;
        let ids = async |request: wire::ListDeliveriesRequest| {
            let page = list(&rig, request).await;
            page.deliveries.into_iter().map(|delivery| delivery.event_id).collect::<Vec<_>>()
        };
        let all = wire::ListDeliveriesRequest::default;
        assert_eq!(ids(wire::ListDeliveriesRequest { channel_id: a.to_string(), ..all() }).await, ["e1", "e0"]);
        let failed = vec![State::Failed as i32];
        assert_eq!(ids(wire::ListDeliveriesRequest { states: failed.clone(), ..all() }).await, ["e1", "e0"]);
        let both = wire::ListDeliveriesRequest { states: failed, channel_id: a.to_string(), ..all() };
        assert!(ids(both).await.is_empty());
        assert_eq!(ids(wire::ListDeliveriesRequest { event_id: "e0".into(), ..all() }).await, ["e0", "e0"]);
        let early = wire::ListDeliveriesRequest { end_time: Some(timestamp(between)), ..all() };
        assert_eq!(ids(early).await, ["e0", "e0"]);
        let late = wire::ListDeliveriesRequest { start_time: Some(timestamp(between)), ..all() };
        assert_eq!(ids(late).await, ["e1", "e1"]);
        let slack = wire::ListDeliveriesRequest { kind: ChannelKind::Slack.to_wire(), ..all() };
        assert!(ids(slack).await.is_empty());
    }

    async fn another_team_sees_and_moves_nothing(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.emit("e1", &[channel]).await;
        rig.settle().await;
        let id = rig.delivery().await.id;
        let stranger = TeamId::generate(rig.env.now());
        let own = wire::ListDeliveriesRequest::default();
        let page = rig.service.list_deliveries(of_team(own, stranger)).await.unwrap().into_inner();
        assert!(page.deliveries.is_empty());
        let named = wire::ListDeliveriesRequest { team_id: rig.env.team.to_string(), ..Default::default() };
        let status = rig.service.list_deliveries(of_team(named, stranger)).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        let get = wire::GetDeliveryRequest { team_id: String::new(), delivery_id: id.clone() };
        assert_eq!(rig.service.get_delivery(of_team(get, stranger)).await.unwrap_err().code(), Code::NotFound);
        let replay = wire::ReplayRequest { team_id: String::new(), delivery_id: id.clone(), ..Default::default() };
        assert_eq!(rig.service.replay(of_team(replay, stranger)).await.unwrap_err().code(), Code::NotFound);
        let cancel = wire::CancelDeliveryRequest { team_id: String::new(), delivery_id: id };
        assert_eq!(rig.service.cancel_delivery(of_team(cancel, stranger)).await.unwrap_err().code(), Code::NotFound);
        let event = wire::GetEventRequest { team_id: String::new(), event_id: "e1".into() };
        assert_eq!(rig.service.get_event(of_team(event, stranger)).await.unwrap_err().code(), Code::NotFound);
    }

    async fn only_services_submit_and_a_nobody_does_nothing(store: Store) {
        let rig = Rig::new(&store).await;
        let requests = boxed(futures::stream::iter([Ok(request(&rig.env, "e1", &[]))]));
        let status = rig.service.submit(of_team(requests, rig.env.team)).await.err().unwrap();
        assert_eq!(status.code(), Code::PermissionDenied);
        let nobody = tonic::Request::new(wire::ListDeliveriesRequest::default());
        assert_eq!(rig.service.list_deliveries(nobody).await.unwrap_err().code(), Code::Unauthenticated);
    }

    async fn a_page_token_of_another_query_is_refused(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        for n in 0..3 {
            rig.emit(&format!("e{n}"), &[channel]).await;
        }
        let page = list(&rig, wire::ListDeliveriesRequest { page_size: 1, ..Default::default() }).await;
        let request = wire::ListDeliveriesRequest {
            team_id: rig.env.team.to_string(),
            page_token: page.next_page_token,
            event_type: "finding.created".into(),
            ..Default::default()
        };
        let status = rig.service.list_deliveries(internal_request(request)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }

    async fn events_are_listed_by_type_severity_and_time(store: Store) {
        let mut rig = Rig::new(&store).await;
        for (n, (event_type, severity)) in [
            ("finding.created", Severity::High),
            ("finding.resolved", Severity::Info),
            ("scan.failed", Severity::High),
            ("finding_x.created", Severity::Low),
        ]
        .into_iter()
        .enumerate()
        {
            let mut request = request(&rig.env, &format!("e{n}"), &[]);
            let event = request.event.as_mut().unwrap();
            event.r#type = event_type.to_owned();
            event.severity = severity.to_wire();
            rig.submit(vec![request]).await;
            rig.env.clock.advance(Duration::from_secs(1));
        }
        let all = wire::ListEventsRequest::default;
        assert_eq!(events(&rig, wire::ListEventsRequest { page_size: 1, ..all() }).await, ["e3", "e2", "e1", "e0"]);
        assert_eq!(events(&rig, wire::ListEventsRequest { types: vec!["finding.*".into()], ..all() }).await, ["e1", "e0"]);
        let exact = vec!["scan.failed".into(), "finding.resolved".into()];
        assert_eq!(events(&rig, wire::ListEventsRequest { types: exact, ..all() }).await, ["e2", "e1"]);
        let high = vec![Severity::High.to_wire()];
        assert_eq!(events(&rig, wire::ListEventsRequest { severities: high, ..all() }).await, ["e2", "e0"]);
        let end = Some(timestamp(rig.env.now() - chrono::TimeDelta::seconds(2)));
        assert_eq!(events(&rig, wire::ListEventsRequest { end_time: end, ..all() }).await, ["e1", "e0"]);
        let accept_start_time = Some(timestamp(rig.env.now()));
        let mut late = request(&rig.env, "late", &[]);
        late.event.as_mut().unwrap().occurred_at = Some(timestamp(rig.env.now() - chrono::TimeDelta::days(9)));
        rig.submit(vec![late]).await;
        assert_eq!(events(&rig, wire::ListEventsRequest { accept_start_time, ..all() }).await, ["late"]);
    }

    async fn watchers_hear_of_their_team_and_channel(store: Store) {
        use futures::StreamExt;
        let mut rig = Rig::new(&store).await;
        let (a, b) = (rig.env.channel("a"), rig.env.channel("b"));
        let watch = wire::WatchDeliveriesRequest { team_id: String::new(), channel_id: a.to_string() };
        let request = of_team(watch, rig.env.team);
        let mut changes = rig.service.watch_deliveries(request).await.unwrap().into_inner();
        let others = of_team(wire::WatchDeliveriesRequest::default(), TeamId::generate(rig.env.now()));
        let mut elsewhere = rig.service.watch_deliveries(others).await.unwrap().into_inner();
        rig.emit("e1", &[b, a]).await;
        rig.settle().await;
        let mut next = async || changes.next().await.unwrap().unwrap().delivery.unwrap();
        assert_eq!(next().await.state, State::Pending as i32);
        let done = next().await;
        assert_eq!((done.state, done.attempts.len()), (State::Delivered as i32, 1));
        assert!(futures::FutureExt::now_or_never(elsewhere.next()).is_none());
    }

    async fn channel_stats_tell_what_waits_and_what_went_wrong(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (good, bad) = (rig.env.channel("good"), rig.env.channel("bad"));
        rig.env.receivers.always(bad, Some(AttemptResult::retryable("http.500", "it answered 500")));
        rig.emit("e1", &[good, bad]).await;
        rig.settle().await;
        rig.health.tick().await.unwrap();
        let request = wire::GetChannelStatsRequest { team_id: rig.env.team.to_string() };
        let stats = rig.service.get_channel_stats(internal_request(request)).await.unwrap().into_inner().channels;
        let of = |id: ChannelId| stats.iter().find(|stats| stats.channel_id == id.to_string()).unwrap();
        assert_eq!(stats.len(), 2);
        assert_eq!(of(good).waiting_count, 0);
        assert_eq!(of(good).last_success_time, Some(timestamp(rig.env.now())));
        assert_eq!((of(bad).waiting_count, of(bad).last_error.as_str()), (1, "it answered 500"));
        assert_eq!(of(bad).oldest_waiting_time, Some(timestamp(rig.env.now())));
    }

    async fn stats_tell_of_mail_to_people_and_of_the_inbox_too(store: Store) {
        let mut rig = Rig::new(&store).await;
        let member = watchbell_model::ids::MemberId::generate(rig.env.now());
        let person = event_wire::PersonTarget {
            member_id: member.to_string(),
            address: "olga@example.com".to_owned(),
            topic: "findings".to_owned(),
            channel_id: String::new(),
        };
        rig.env.config.join(member, "olga@example.com", false);
        let to_person = event_wire::Route {
            kind: ChannelKind::Email.to_wire(),
            target: Some(event_wire::route::Target::Person(person)),
            ..Default::default()
        };
        let told = wire::SubmitRequest { routes: vec![to_person, to_inbox()], ..request(&rig.env, "e1", &[]) };
        rig.submit(vec![told]).await;
        let stats = async |rig: &Rig| {
            let request = wire::GetChannelStatsRequest { team_id: rig.env.team.to_string() };
            let mut stats = rig.service.get_channel_stats(internal_request(request)).await.unwrap().into_inner().channels;
            assert!(stats.iter().all(|stats| stats.channel_id.is_empty()));
            stats.sort_by_key(|stats| stats.kind);
            stats
        };
        let before = stats(&rig).await;
        assert_eq!((before[0].kind, before[0].waiting_count), (ChannelKind::Email.to_wire(), 1), "in memory");
        assert_eq!(before[0].oldest_waiting_time, Some(timestamp(rig.env.now())));
        rig.settle().await;
        rig.health.tick().await.unwrap();
        let after = stats(&rig).await;
        assert_eq!(after.len(), 2);
        assert_eq!((after[0].waiting_count, after[0].oldest_waiting_time), (0, None));
        for stats in after {
            assert_eq!(stats.last_success_time, Some(timestamp(rig.env.now())));
        }
    }

    async fn what_is_old_goes_and_what_waits_stays(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (done, paused) = (rig.env.channel("done"), rig.env.channel("paused"));
        rig.env.config.change(rig.env.team, paused, |channel| channel.paused = true);
        let mut both = request(&rig.env, "old", &[done, paused]);
        both.routes.push(to_inbox());
        rig.submit(vec![both, request(&rig.env, "gone", &[done])]).await;
        rig.settle().await;
        let retention = crate::maintenance::retention::Retention::new(Arc::clone(&rig.core));
        rig.env.clock.advance(Duration::from_secs(91 * 86_400));
        rig.emit("new", &[done]).await;
        rig.settle().await;

        while retention.tick().await.unwrap().is_some() {}
        let left: Vec<_> = rig.deliveries().await.into_iter().map(|delivery| delivery.event_id).collect();
        assert_eq!(left, ["old", "new"], "the parked one and the new one");
        let mut kept = events(&rig, wire::ListEventsRequest::default()).await;
        kept.sort();
        assert_eq!(kept, ["new", "old"]);
    }

    async fn answers_go_before_deliveries_and_those_of_late_attempts_later(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channel = rig.env.channel("a");
        rig.emit("early", &[channel]).await;
        rig.emit("late", &[channel]).await;
        rig.settle().await;
        let retention = crate::maintenance::retention::Retention::new(Arc::clone(&rig.core));
        rig.env.clock.advance(Duration::from_secs(31 * 86_400));
        let late = rig.env.now().timestamp_micros() - 1;
        // The first attempt is in the delivery's row, and a second one in its own.
        let tried = format!(
            "UPDATE deliveries SET attempt_response_body = 'answered',
                attempt_started_at = CASE WHEN event_id = 'late' THEN {late} ELSE attempt_started_at END"
        );
        let again = "INSERT INTO attempts
            SELECT attempt_id, team_id, id, 2, attempt_started_at, 0, 1, 200, '', '', '[]', 'answered', false FROM deliveries";
        store.writer().execute_unprepared(&tried).await.unwrap();
        store.writer().execute_unprepared(again).await.unwrap();

        for (days, left) in [(0, ["", "", "answered", "answered"]), (31, [""; 4])] {
            rig.env.clock.advance(Duration::from_secs(days * 86_400));
            while retention.tick().await.unwrap().is_some() {}
            let mut answers = Vec::new();
            for delivery in rig.deliveries().await {
                let attempts = rig.get(&delivery.id).await.attempts;
                answers.extend(attempts.into_iter().map(|attempt| attempt.response_body));
            }
            answers.sort();
            assert_eq!(answers, left);
        }
    }

    async fn what_waits_is_counted_by_kind_and_state(store: Store) {
        let mut rig = Rig::new(&store).await;
        let channels = [rig.env.channel("a"), rig.env.channel("b")];
        let waiting = [State::Pending, State::Held, State::Folded, State::Parked];
        for (index, state) in waiting.into_iter().enumerate() {
            rig.emit(&format!("e{index}"), &channels).await;
            let sql = format!(
                "UPDATE deliveries SET state = {} WHERE event_id = 'e{index}'",
                state as i16
            );
            store.writer().execute_unprepared(&sql).await.unwrap();
        }
        rig.emit("in-memory", &channels[..1]).await;
        let mut counts = rig.core.db.waiting_counts_all_teams().await.unwrap();
        let pending = counts.remove(&(ChannelKind::Webhook, State::Pending));
        assert_eq!(pending, Some(3), "one of them in memory");
        assert_eq!(counts, [State::Held, State::Folded, State::Parked].map(|state| ((ChannelKind::Webhook, state), 2)).into());
    }
}
