//! Quiet hours, silences and storms, for the message of a group as for any.

use super::*;
use crate::scenarios::silences::{make, silence};
use crate::scenarios::storms::quiet;
use crate::senders::summary::SilencedBy;

store_tests! {
    migrator = Migrator;

    async fn quiet_hours_hold_the_message_and_coalesce_what_it_would_have_told(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (plain, coalescing) = (slack(&rig.env), slack(&rig.env));
        for (room, coalesce) in [(plain, false), (coalescing, true)] {
            rig.env.config.change(rig.env.team, room, |channel| channel.quiet_hours = Some(quiet("11:00", coalesce)));
        }
        let routes = [of_scan("a", to_room(plain)), of_scan("a", to_room(coalescing))];
        find(&mut rig, "e1", Severity::Low, &routes).await;
        find(&mut rig, "e2", Severity::Low, &routes).await;
        find(&mut rig, "b1", Severity::Low, &[of_scan("b", to_room(coalescing))]).await;
        rig.pass(WAIT).await;
        assert_eq!(only_summary(&rig).await.0.state, State::Held as i32, "the message of the one");
        assert_eq!(told(&rig, State::Held).await.len(), 3, "what is for the other");
        rig.pass(2 * HOUR).await;
        seconds(&mut rig, 2).await;
        let mut all: Vec<_> = summaries(&rig).await.iter().map(|(_, summary)| summary.title()).collect();
        all.sort();
        assert_eq!(all, ["2 findings of scan a: 2 low", "3 alerts held during quiet hours"]);
        assert_eq!(rig.env.receivers.carried().len(), 2);
    }

    async fn a_silence_in_force_when_a_group_is_due_holds_what_it_matches_and_gives_the_account(store: Store) {
        let mut rig = Rig::new(&store).await;
        let route = of_scan("nightly", to_room(slack(&rig.env)));
        find_all(&mut rig, &["e1", "e2"], &route).await;
        let window = silence(&rig.env, 1);
        make(&mut rig, &window).await;
        assert_eq!(told(&rig, State::Folded).await.len(), 2, "it is asked when they are due");
        rig.pass(WAIT).await;
        let held = told(&rig, State::Held).await;
        assert_eq!(held.len(), 2);
        assert!(held[0].state_message.starts_with("held by the silence “patch window”"), "{}", held[0].state_message);
        rig.pass(HOUR).await;
        seconds(&mut rig, 2).await;
        let (account, summary) = only_summary(&rig).await;
        let by = SilencedBy { comment: window.comment, author: window.author };
        assert_eq!((summary.why, account.state), (Why::Silence(Some(by)), State::Delivered as i32));
        assert_eq!(rig.env.receivers.carried().len(), 1);
    }

    async fn a_silence_takes_out_of_a_group_what_it_matches_alone_and_drops_what_it_is_to_drop(store: Store) {
        let mut rig = Rig::new(&store).await;
        let route = of_scan("nightly", to_room(slack(&rig.env)));
        find_all(&mut rig, &["e1", "e2"], &route).await;
        let mut other = finding(&rig.env, "warning", Severity::Low, std::slice::from_ref(&route));
        other.event.as_mut().unwrap().r#type = "sla.warning".to_owned();
        rig.submit(vec![other]).await;
        let filter = watchbell_model::filter::Filter::of_types(vec!["sla.*".parse().unwrap()]);
        let mode = watchbell_model::silence::SilenceMode::Drop;
        let drop = watchbell_model::silence::Silence { filter, mode, ..silence(&rig.env, 1) };
        make(&mut rig, &drop).await;
        rig.pass(WAIT).await;
        assert_eq!(titles(&only_summary(&rig).await.1), ["Finding e1", "Finding e2"]);
        let dropped = told(&rig, State::Cancelled).await;
        assert_eq!(dropped.len(), 1);
        assert!(dropped[0].state_message.starts_with("dropped by the silence"), "{}", dropped[0].state_message);
        rig.pass(2 * HOUR).await;
        assert_eq!(rig.env.receivers.carried().len(), 1);
    }

    async fn what_is_left_of_a_full_group_goes_at_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (one, two) = (slack(&rig.env), slack(&rig.env));
        let of = |room, at_most| {
            let mut route = of_scan("nightly", to_room(room));
            route.group.as_mut().unwrap().at_most = at_most;
            route
        };
        find_all(&mut rig, &["e1"], &of(one, 2)).await;
        find_all(&mut rig, &["e2", "e3"], &of(two, 3)).await;
        let filter = watchbell_model::filter::Filter::of_types(vec!["sla.*".parse().unwrap()]);
        let mode = watchbell_model::silence::SilenceMode::Drop;
        let drop = watchbell_model::silence::Silence { filter, mode, ..silence(&rig.env, 1) };
        make(&mut rig, &drop).await;
        let mut other = finding(&rig.env, "warning", Severity::Low, &[of(one, 2), of(two, 3)]);
        other.event.as_mut().unwrap().r#type = "sla.warning".to_owned();
        rig.submit(vec![other]).await;
        seconds(&mut rig, 2).await;
        assert!(rig.env.receivers.events().contains(&"e1".to_owned()), "alone");
        assert_eq!(rig.env.receivers.carried().len(), 2);
        assert_eq!(titles(&only_summary(&rig).await.1), ["Finding e2", "Finding e3"]);
    }

    async fn a_silence_that_has_ended_by_then_changes_nothing(store: Store) {
        let mut rig = Rig::new(&store).await;
        let window = silence(&rig.env, 1);
        make(&mut rig, &window).await;
        rig.pass(HOUR - Duration::from_secs(60)).await;
        let route = of_scan("nightly", to_room(slack(&rig.env)));
        find_all(&mut rig, &["e1", "e2"], &route).await;
        rig.pass(WAIT).await;
        assert_eq!(only_summary(&rig).await.1.title(), "2 findings of scan nightly: 2 low");
    }

    async fn in_a_storm_the_messages_of_groups_are_lines_of_its_summary_and_fail_and_recover_with_it(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        rig.env.config.change(rig.env.team, room, |channel| {
            channel.storm_control = Some(config::StormControl { max_messages: 1, window: Some(duration(HOUR)) });
        });
        for scan in ["a", "b", "c"] {
            let ids = [format!("{scan}1"), format!("{scan}2")];
            let ids = [ids[0].as_str(), ids[1].as_str()];
            find_all(&mut rig, &ids, &of_scan(scan, to_room(room))).await;
        }
        rig.pass(WAIT).await;
        seconds(&mut rig, 2).await;
        assert_eq!(rig.env.receivers.carried().len(), 1, "one message is the limit");
        rig.env.receivers.always(room, Some(AttemptResult::retryable("http.503", "Slack is down")));
        for wait in [3_600, 60, 300, 1_800, 7_200, 43_200] {
            rig.pass(Duration::from_secs(wait)).await;
        }
        let storm = |all: Vec<(wire::Delivery, crate::senders::summary::Summary)>| {
            all.into_iter().find(|(_, summary)| summary.why == Why::Storm).unwrap()
        };
        let (delivery, summary) = storm(summaries(&rig).await);
        assert_eq!(delivery.state, State::Failed as i32);
        assert_eq!(titles(&summary), ["2 findings of scan b: 2 low", "2 findings of scan c: 2 low"]);
        assert_eq!(told(&rig, State::Failed).await.len(), 4, "what they tell fails with them");

        rig.env.receivers.always(room, None);
        rig.env.config.change(rig.env.team, room, |channel| channel.health_epoch += 1);
        rig.core.channels.forget(rig.env.team);
        rig.health.tick().await.unwrap();
        let request = wire::RecoverRequest {
            team_id: rig.env.team.to_string(),
            channel_id: room.to_string(),
            start_time: Some(timestamp(BEGIN.parse().unwrap())),
            ..Default::default()
        };
        let recovered = rig.service.recover(internal_request(request)).await.unwrap().into_inner();
        assert_eq!(recovered.recovered_count, 1);
        seconds(&mut rig, 2).await;
        assert_eq!(storm(summaries(&rig).await).0.state, State::Delivered as i32);
        let ended = told(&rig, State::Folded).await;
        assert!(ended.len() == 6 && ended.iter().all(|delivery| delivery.end_time.is_some()));
    }
}
