//! Silences: what they hold comes as one account at their end, what they drop ends at once, and nothing comes twice.

use std::collections::BTreeSet;

use watchbell_model::filter::Filter;
use watchbell_model::ids::SilenceId;
use watchbell_model::silence::{Silence, SilenceMode};
use watchbell_store::store_tests;

use super::people::{member, receipt, to_member};
use super::storms::{only_summary, quiet, slack, summaries, titles, to_slack, told};
use super::*;
use crate::senders::AttemptResult;
use crate::senders::summary::{SilencedBy, Why};
use crate::store::Migrator;

const HOUR: Duration = Duration::from_secs(3600);

/// A silence of everything but webhooks from now on.
pub(super) fn silence(env: &TestEnv, hours: i64) -> Silence {
    Silence {
        id: SilenceId::generate(env.now()),
        filter: Filter::default(),
        channels: vec![],
        kinds: vec![],
        start: env.now(),
        end: env.now() + chrono::TimeDelta::hours(hours),
        comment: "patch window".to_owned(),
        author: "ann@example.com".to_owned(),
        mode: SilenceMode::Hold,
    }
}

fn of_types(types: &str) -> Filter {
    Filter::of_types(vec![types.parse().unwrap()])
}

/// Config answers a silence when the Dispatcher has heard of it.
pub(super) async fn make(rig: &mut Rig, silence: &Silence) {
    rig.env.config.silence(silence);
    heard(rig).await;
}

async fn expire(rig: &mut Rig, silence: &Silence) {
    rig.env.config.expire(silence.id, rig.env.now());
    heard(rig).await;
}

async fn heard(rig: &mut Rig) {
    rig.core.channels.forget(rig.env.team);
    rig.unparker.tick().await.unwrap();
    rig.settle().await;
}

async fn emit(rig: &mut Rig, id: &str, channel: ChannelId) {
    emit_as(rig, id, channel, |_| ()).await;
}

async fn emit_as(rig: &mut Rig, id: &str, channel: ChannelId, change: impl FnOnce(&mut event_wire::Event)) {
    let mut request = to_slack(&rig.env, id, channel);
    change(request.event.as_mut().unwrap());
    rig.submit(vec![request]).await;
    rig.settle().await;
}

store_tests! {
    migrator = Migrator;

    async fn a_silence_holds_what_it_matches_critical_too_and_gives_one_account_at_its_end(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let window = silence(&rig.env, 2);
        make(&mut rig, &window).await;
        emit(&mut rig, "e1", room).await;
        emit_as(&mut rig, "e2", room, |event| event.severity = Severity::Critical.to_wire()).await;
        rig.pass(HOUR).await;
        assert_eq!(rig.states().await, [State::Held; 2]);
        let held = rig.deliveries().await;
        assert_eq!(
            held[0].state_message,
            "held by the silence “patch window” of ann@example.com until 21 Nov 2026, 11:00 UTC"
        );
        assert_eq!(held[0].next_attempt_time, Some(timestamp(window.end)));

        rig.pass(HOUR).await;
        let (account, summary) = only_summary(&rig).await;
        let by = SilencedBy { comment: window.comment, author: window.author };
        assert_eq!(summary.why, Why::Silence(Some(by)));
        assert_eq!(titles(&summary), ["Finding e1", "Finding e2"]);
        assert_eq!(summary.severity(), Severity::Critical);
        assert_eq!(rig.env.receivers.events(), [account.event_id], "one message");
        assert_eq!(told(&rig, State::Folded).await.len(), 2);
        rig.pass(HOUR).await;
        assert_eq!(rig.env.receivers.carried().len(), 1, "and no other");
    }

    async fn one_message_alone_comes_as_itself_and_what_comes_after_the_end_is_sent_at_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let window = silence(&rig.env, 2);
        make(&mut rig, &window).await;
        emit(&mut rig, "alone", room).await;
        rig.pass(2 * HOUR).await;
        emit(&mut rig, "later", room).await;
        rig.pass(HOUR).await;
        assert_eq!(rig.env.receivers.events(), ["alone", "later"]);
    }

    async fn what_a_silence_drops_is_cancelled_and_says_by_whom_and_why(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let drop = Silence { mode: SilenceMode::Drop, ..silence(&rig.env, 2) };
        make(&mut rig, &drop).await;
        emit(&mut rig, "e1", room).await;
        let delivery = rig.delivery().await;
        assert_eq!(delivery.state, State::Cancelled as i32);
        assert_eq!(
            delivery.state_message,
            "dropped by the silence “patch window” of ann@example.com until 21 Nov 2026, 11:00 UTC"
        );
        rig.pass(3 * HOUR).await;
        assert!(rig.env.receivers.carried().is_empty());
    }

    async fn webhooks_are_silenced_only_when_they_are_named_and_then_get_every_event(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (siem, other) = (rig.env.ordered("siem"), rig.env.channel("other"));
        let everything = silence(&rig.env, 1);
        let named = Silence { channels: vec![siem], ..silence(&rig.env, 2) };
        make(&mut rig, &everything).await;
        make(&mut rig, &named).await;
        for id in ["e1", "e2", "e3"] {
            rig.emit(id, &[siem]).await;
            rig.emit(&format!("{id}-other"), &[other]).await;
        }
        rig.settle().await;
        // In any order: only `siem` keeps one.
        let sent = BTreeSet::from_iter(rig.env.receivers.events());
        assert_eq!(sent, ["e1-other", "e2-other", "e3-other"].map(str::to_owned).into());
        rig.pass(2 * HOUR).await;
        assert_eq!(rig.env.receivers.events()[3..], ["e1", "e2", "e3"]);
    }

    async fn only_what_the_filter_matches_is_silenced(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let by_type = Silence { filter: of_types("scan.*"), ..silence(&rig.env, 2) };
        let by_subject = Filter {
            expression: Some("event.subject == 'prod' && event.data.n == 1".parse().unwrap()),
            ..Filter::default()
        };
        let by_subject = Silence { filter: by_subject, ..silence(&rig.env, 2) };
        make(&mut rig, &by_type).await;
        make(&mut rig, &by_subject).await;
        emit(&mut rig, "finding", room).await;
        emit_as(&mut rig, "scan", room, |event| event.r#type = "scan.failed".to_owned()).await;
        emit_as(&mut rig, "prod", room, |event| event.subject = "prod".to_owned()).await;
        let states = [State::Delivered, State::Held, State::Held];
        assert_eq!(rig.states().await, states);
    }

    async fn a_silence_made_now_holds_what_waits_for_a_retry(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        rig.env.receivers.answer(room, AttemptResult::retryable("http.503", "it answered 503"));
        emit(&mut rig, "e1", room).await;
        assert_eq!(rig.states().await, [State::Pending]);
        let window = silence(&rig.env, 2);
        make(&mut rig, &window).await;
        rig.pass(HOUR).await;
        assert_eq!(rig.states().await, [State::Held]);
        rig.pass(HOUR).await;
        assert_eq!(rig.states().await, [State::Delivered]);
        assert_eq!(rig.env.receivers.events(), ["e1", "e1"]);
    }

    async fn expiring_a_silence_releases_at_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let window = silence(&rig.env, 2);
        make(&mut rig, &window).await;
        emit(&mut rig, "e1", room).await;
        emit(&mut rig, "e2", room).await;
        expire(&mut rig, &window).await;
        let (account, summary) = only_summary(&rig).await;
        assert_eq!(summary.total, 2);
        assert_eq!(rig.env.receivers.events(), [account.event_id]);
        rig.pass(3 * HOUR).await;
        assert_eq!(rig.env.receivers.carried().len(), 1);
    }

    async fn what_another_silence_holds_as_well_waits_for_the_last_end(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let short = Silence { comment: "short".to_owned(), ..silence(&rig.env, 1) };
        let long = Silence { filter: of_types("scan.*"), ..silence(&rig.env, 3) };
        make(&mut rig, &short).await;
        for id in ["f1", "f2"] {
            emit(&mut rig, id, room).await;
        }
        for id in ["s1", "s2"] {
            emit_as(&mut rig, id, room, |event| event.r#type = "scan.failed".to_owned()).await;
        }
        make(&mut rig, &long).await;
        rig.pass(HOUR).await;
        let (_, first) = only_summary(&rig).await;
        assert_eq!(titles(&first), ["Finding f1", "Finding f2"]);
        expire(&mut rig, &long).await;
        // A room takes one message a second.
        for _ in 0..3 {
            rig.pass(Duration::from_secs(1)).await;
        }
        let all = summaries(&rig).await;
        assert_eq!(all.len(), 2);
        assert_eq!(titles(&all[1].1), ["Finding s1", "Finding s2"]);
        assert_eq!(rig.env.receivers.carried().len(), 2);
    }

    async fn two_silences_with_one_end_are_told_apart_when_one_is_expired(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let findings = Silence { filter: of_types("finding.*"), ..silence(&rig.env, 2) };
        let scans = Silence { filter: of_types("scan.*"), ..silence(&rig.env, 2) };
        make(&mut rig, &findings).await;
        make(&mut rig, &scans).await;
        emit(&mut rig, "finding", room).await;
        emit_as(&mut rig, "scan", room, |event| event.r#type = "scan.failed".to_owned()).await;
        expire(&mut rig, &scans).await;
        assert_eq!(rig.states().await, [State::Held, State::Delivered]);
        rig.pass(2 * HOUR).await;
        assert_eq!(rig.env.receivers.events(), ["scan", "finding"]);
    }

    async fn an_account_waits_for_quiet_hours_and_a_silence_holds_what_they_held(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        rig.env.config.change(rig.env.team, room, |channel| channel.quiet_hours = Some(quiet("17:00", true)));
        for id in ["e1", "e2"] {
            emit(&mut rig, id, room).await;
        }
        let window = silence(&rig.env, 1);
        make(&mut rig, &window).await;
        let held = rig.deliveries().await;
        assert!(held.iter().all(|delivery| delivery.state_message.contains("patch window")), "{held:?}");
        rig.pass(HOUR).await;
        let (account, _) = only_summary(&rig).await;
        assert_eq!(account.state, State::Held as i32, "{}", account.state_message);
        rig.pass(8 * HOUR).await;
        assert_eq!(rig.env.receivers.events(), [account.event_id]);
    }

    async fn a_silence_that_begins_later_holds_what_is_folded_by_then(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let requests = (0..25).map(|n| to_slack(&rig.env, &format!("e{n}"), room)).collect();
        rig.submit(requests).await;
        for _ in 0..21 {
            rig.pass(Duration::from_secs(1)).await;
        }
        assert_eq!(told(&rig, State::Folded).await.len(), 5);
        let soon = rig.env.now() + chrono::TimeDelta::seconds(5);
        let later = Silence { start: soon, ..silence(&rig.env, 1) };
        make(&mut rig, &later).await;
        assert_eq!(told(&rig, State::Folded).await.len(), 5, "it has not begun");
        rig.env.clock.advance(Duration::from_secs(5));
        heard(&mut rig).await;
        assert_eq!(told(&rig, State::Held).await.len(), 5);
        rig.pass(HOUR).await;
        assert_eq!(only_summary(&rig).await.1.total, 5);
    }

    async fn another_replica_releases_what_a_silence_held_once(store: Store) {
        let env = TestEnv::new();
        let mut first = Rig::on(&store, &env).await;
        let room = slack(&env);
        let window = silence(&env, 2);
        make(&mut first, &window).await;
        for id in ["e1", "e2", "e3"] {
            emit(&mut first, id, room).await;
        }
        first.heartbeat.leave().await;
        drop(first);
        env.clock.advance(HOUR);
        let mut second = Rig::on(&store, &env).await;
        second.settle().await;
        assert_eq!(second.states().await, [State::Held; 3]);
        second.pass(HOUR).await;
        let (account, summary) = only_summary(&second).await;
        assert_eq!(summary.total, 3);
        assert_eq!(env.receivers.events(), [account.event_id]);
    }

    async fn a_silence_expired_while_no_replica_ran_has_released_what_it_held(store: Store) {
        let env = TestEnv::new();
        let mut first = Rig::on(&store, &env).await;
        let room = slack(&env);
        let window = silence(&env, 200);
        make(&mut first, &window).await;
        emit(&mut first, "e1", room).await;
        first.heartbeat.leave().await;
        drop(first);
        env.config.expire(window.id, env.now());
        let mut second = Rig::on(&store, &env).await;
        heard(&mut second).await;
        assert_eq!(env.receivers.events(), ["e1"]);
    }

    async fn a_clock_that_jumps_over_the_end_and_back_releases_once(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let window = silence(&rig.env, 2);
        make(&mut rig, &window).await;
        for id in ["e1", "e2"] {
            emit(&mut rig, id, room).await;
        }
        let begin = rig.env.now();
        rig.env.clock.set(window.end);
        rig.settle().await;
        rig.env.clock.set(begin);
        heard(&mut rig).await;
        rig.env.clock.set(window.end);
        heard(&mut rig).await;
        assert_eq!(only_summary(&rig).await.1.total, 2);
        assert_eq!(rig.env.receivers.carried().len(), 1);
    }

    async fn people_get_their_own_account_and_receipts_come_as_ever(store: Store) {
        let mut rig = Rig::new(&store).await;
        let member = member(&rig, true);
        let window = silence(&rig.env, 2);
        make(&mut rig, &window).await;
        rig.env.config.receipts_to(&["olga@example.com"]);
        rig.core.channels.forget(rig.env.team);
        let issued = receipt(&rig, "receipt", event_wire::route::Target::Receipts(event_wire::ReceiptsTarget {}));
        rig.submit(vec![issued]).await;
        for id in ["e1", "e2"] {
            let routes = vec![to_member(member, "findings")];
            let request = wire::SubmitRequest { routes, ..request(&rig.env, id, &[]) };
            rig.submit(vec![request]).await;
        }
        rig.settle().await;
        assert_eq!(rig.env.receivers.events(), ["receipt"]);
        rig.pass(2 * HOUR).await;
        let (account, summary) = only_summary(&rig).await;
        assert_eq!(summary.total, 2);
        assert_eq!(rig.env.receivers.events(), ["receipt".to_owned(), account.event_id]);
    }
}
