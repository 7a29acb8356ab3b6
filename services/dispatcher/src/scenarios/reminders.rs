//! Reminders and escalation: an alert that stays open is told again, and told to others, until somebody takes care of it.

use sea_orm::{ConnectionTrait as _, Statement};
use watchbell_contracts::api::AlertApi as _;
use watchbell_contracts::event::v1::AlertAction::{Resolve, Trigger};
use watchbell_model::ids::RuleId;
use watchbell_model::route::{ESCALATION, FOLLOWS_ALERT, REMINDER};
use watchbell_model::shard::ShardId;
use watchbell_store::store_tests;

use super::alert_acts::act;
use super::alerts::{HOUR, KEY, Said, notifications, said, say, submit, to_room};
use super::people::{email_channel, member, set_recipients, to_member, to_recipient};
use super::silences::{make, silence};
use super::storms::{only_summary, quiet, slack};
use super::*;
use crate::maintenance::reminders::Reminders;
use crate::senders::AttemptResult;
use crate::store::Migrator;

const MINUTE: Duration = Duration::from_secs(60);
const RULE: u128 = 7;

fn rule() -> String {
    RuleId::from_uuid(uuid::Uuid::from_u128(RULE)).to_string()
}

fn seconds(span: Duration) -> Option<prost_types::Duration> {
    Some(watchbell_model::convert::duration(span))
}

/// A route of the rule that reminds every hour.
fn reminding(route: event_wire::Route, at_most: i32) -> event_wire::Route {
    event_wire::Route {
        reason: Some(event_wire::Reason {
            code: "rule_matched".to_owned(),
            rule_id: rule(),
            ..Default::default()
        }),
        remind: Some(event_wire::Remind {
            every: seconds(HOUR),
            at_most,
        }),
        ..route
    }
}

/// The same, of a rule that escalates after half an hour.
fn escalating(route: event_wire::Route, to: &[event_wire::Route]) -> event_wire::Route {
    let routes = to.iter().map(|route| event_wire::Route {
        reason: Some(event_wire::Reason {
            rule_id: rule(),
            ..Default::default()
        }),
        ..route.clone()
    });
    event_wire::Route {
        remind: None,
        escalate: Some(event_wire::Escalation {
            after: seconds(30 * MINUTE),
            routes: routes.collect(),
        }),
        ..reminding(route, 1)
    }
}

fn of_kind(kind: ChannelKind, channel: ChannelId) -> event_wire::Route {
    event_wire::Route {
        kind: kind.to_wire(),
        ..to_channel(channel)
    }
}

/// One round of the loop, with the commits that it waits for, and what comes of it.
async fn round(rig: &mut Rig) {
    let core = Arc::clone(&rig.core);
    rig.during(async move { Reminders { core }.tick().await.unwrap() })
        .await;
    rig.settle().await;
}

/// Lets time pass and the loop run every so often.
async fn pass(rig: &mut Rig, step: Duration, steps: u32) {
    for _ in 0..steps {
        rig.pass(step).await;
        round(rig).await;
    }
}

/// The deliveries of a reason, oldest first.
async fn of_reason(rig: &Rig, code: &str) -> Vec<wire::Delivery> {
    let mut found = rig.deliveries().await;
    found.retain(|delivery| reason(delivery).code == code);
    found
}

fn reason(delivery: &wire::Delivery) -> event_wire::Reason {
    let route = delivery.route.clone().unwrap_or_default();
    route.reason.unwrap_or_default()
}

/// What reminders say, oldest first.
async fn reminders(rig: &Rig) -> Vec<String> {
    let found = of_reason(rig, REMINDER).await;
    found.iter().map(|delivery| reason(delivery).sentence).collect()
}

async fn alert(rig: &Rig) -> wire::Alert {
    let request = wire::GetAlertRequest {
        team_id: rig.env.team.to_string(),
        key: KEY.to_owned(),
    };
    let answer = rig.service.get_alert(internal_request(request)).await.unwrap();
    answer.into_inner().alert.unwrap()
}

fn is_sent(delivery: &wire::Delivery) -> bool {
    delivery.state == State::Delivered as i32
}

store_tests! {
    migrator = Migrator;

    async fn whoever_the_rule_told_is_told_again_until_so_many_reminders_were_sent(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (room, other, siem) = (slack(&rig.env), slack(&rig.env), rig.env.ordered("siem"));
        let mail = email_channel(&rig, "soc", &["soc@example.com"]);
        let routes = [
            reminding(to_room(room), 2),
            reminding(to_inbox(), 2),
            reminding(to_recipient_of(mail, "soc@example.com"), 2),
            to_room(other),
            to_channel(siem),
        ];
        say(&mut rig, Trigger, "begin", &routes).await;
        say(&mut rig, Trigger, "repeat", &[to_room(room)]).await;
        pass(&mut rig, 59 * MINUTE, 1).await;
        assert_eq!(reminders(&rig).await, Vec::<String>::new(), "it is not due");
        assert_eq!(
            alert(&rig).await.pending,
            "reminds every 1 h, next at 21 Nov 2026, 10:00 UTC, 0 of 2 sent"
        );
        pass(&mut rig, MINUTE, 1).await;
        let first = of_reason(&rig, REMINDER).await;
        assert_eq!(first.len(), 3, "neither the other room nor the webhook is the rule's");
        for delivery in &first {
            assert!(is_sent(delivery), "{delivery:?}");
            assert_eq!(delivery.event_id, "begin");
            assert_eq!(delivery.event_title, "Still open: Finding begin");
            let reason = reason(delivery);
            assert_eq!(reason.rule_id, rule());
            assert_eq!(reason.sentence, "Reminder 1 of 2: the alert is open since 21 Nov 2026, 09:00 UTC.");
        }
        assert_eq!(notifications(&rig).await.len(), 1, "the inbox keeps one row an alert");
        assert_eq!(
            alert(&rig).await.pending,
            "reminds every 1 h, next at 21 Nov 2026, 11:00 UTC, 1 of 2 sent"
        );
        pass(&mut rig, HOUR, 4).await;
        assert_eq!(reminders(&rig).await.len(), 6, "two rounds and no more");
        assert_eq!(alert(&rig).await.pending, "has sent 2 of 2 reminders");
        say(&mut rig, Resolve, "end", &[]).await;
        pass(&mut rig, HOUR, 2).await;
        assert_eq!(reminders(&rig).await.len(), 6);
        assert_eq!(alert(&rig).await.pending, "");
    }

    async fn a_reminder_says_since_when_how_often_and_which_and_how_to_acknowledge(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        say(&mut rig, Trigger, "begin", &[reminding(to_room(room), 5)]).await;
        say(&mut rig, Trigger, "again", &[reminding(to_room(room), 5)]).await;
        pass(&mut rig, HOUR, 2).await;
        let said: Vec<_> = rig.env.receivers.carried().into_iter().map(|carried| carried.standing).collect();
        assert_eq!(
            said,
            [
                None,
                Some("Still open since 21 Nov 2026, 09:00 UTC, seen 2 times, reminder 1 of 5".to_owned()),
                Some("Still open since 21 Nov 2026, 09:00 UTC, seen 2 times, reminder 2 of 5".to_owned()),
            ]
        );
    }

    async fn nothing_is_told_again_once_somebody_acknowledges_and_a_snooze_puts_it_off(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        say(&mut rig, Trigger, "begin", &[reminding(to_room(room), 5)]).await;
        pass(&mut rig, 30 * MINUTE, 1).await;
        // For two hours.
        act(&mut rig, "snooze").await.unwrap();
        pass(&mut rig, 30 * MINUTE, 3).await;
        assert_eq!(reminders(&rig).await.len(), 0);
        assert_eq!(
            alert(&rig).await.pending,
            "reminds every 1 h, next at 21 Nov 2026, 11:30 UTC, 0 of 5 sent"
        );
        pass(&mut rig, 30 * MINUTE, 1).await;
        assert_eq!(reminders(&rig).await.len(), 1, "when the snooze ends");
        pass(&mut rig, HOUR, 1).await;
        assert_eq!(reminders(&rig).await.len(), 2);
        act(&mut rig, "acknowledge").await.unwrap();
        pass(&mut rig, HOUR, 3).await;
        assert_eq!(reminders(&rig).await.len(), 2);
        assert_eq!(alert(&rig).await.pending, "");
        // It begins anew.
        say(&mut rig, Resolve, "end", &[]).await;
        rig.pass(MINUTE).await;
        say(&mut rig, Trigger, "anew", &[reminding(to_room(room), 5)]).await;
        pass(&mut rig, HOUR, 1).await;
        assert_eq!(
            reminders(&rig).await[2..],
            ["Reminder 1 of 5: the alert is open since 21 Nov 2026, 15:31 UTC."]
        );
    }

    async fn nobody_acknowledges_so_others_are_told_once_and_of_the_end(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (room, security) = (slack(&rig.env), slack(&rig.env));
        let mail = email_channel(&rig, "lead", &["lead@example.com", "cto@example.com"]);
        rig.env.config.change(rig.env.team, mail, |channel| {
            let Some(config::channel::Destination::Email(email)) = &mut channel.destination else { unreachable!() };
            let address = "cto@example.com".to_owned();
            email.unconfirmed_recipients = vec![config::UnconfirmedRecipient { address, ..Default::default() }];
        });
        let inbox = ChannelId::generate(rig.env.now());
        rig.env.config.add(rig.env.team, inbox, ChannelKind::InApp, "inbox");
        let to = [
            to_room(security),
            of_kind(ChannelKind::Email, mail),
            of_kind(ChannelKind::InApp, inbox),
        ];
        let route = escalating(to_room(room), &to);
        say(&mut rig, Trigger, "begin", &[route]).await;
        pass(&mut rig, 29 * MINUTE, 1).await;
        let name = "#alerts";
        assert_eq!(
            alert(&rig).await.pending,
            format!("escalates to {name}, lead, inbox at 21 Nov 2026, 09:30 UTC")
        );
        assert_eq!(of_reason(&rig, ESCALATION).await.len(), 0);
        pass(&mut rig, MINUTE, 1).await;
        let told = of_reason(&rig, ESCALATION).await;
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.iter().all(is_sent));
        for delivery in &told {
            assert_eq!(delivery.event_title, "Not acknowledged: Finding begin");
            let sentence = reason(delivery).sentence;
            assert_eq!(sentence, "Nobody has acknowledged the alert since 21 Nov 2026, 09:00 UTC.");
        }
        let standing = rig.env.receivers.carried().pop().unwrap().standing.unwrap();
        assert_eq!(standing, "Nobody has acknowledged it since 21 Nov 2026, 09:00 UTC");
        assert_eq!(alert(&rig).await.pending, format!("has escalated to {name}, lead, inbox"));
        assert_eq!(alert(&rig).await.told.len(), 4);
        pass(&mut rig, HOUR, 3).await;
        assert_eq!(of_reason(&rig, ESCALATION).await.len(), 3, "once");
        let worse = Said { severity: Severity::Critical, ..said(&rig, Trigger, "worse", &[escalating(to_room(room), &to)]) };
        submit(&mut rig, worse).await;
        pass(&mut rig, HOUR, 1).await;
        assert_eq!(of_reason(&rig, ESCALATION).await.len(), 3, "not even when it gets worse");
        say(&mut rig, Resolve, "end", &[]).await;
        assert_eq!(of_reason(&rig, FOLLOWS_ALERT).await.len(), 4, "they hear of the end, too");
    }

    async fn who_acknowledges_in_time_prevents_the_escalation(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (room, security) = (slack(&rig.env), slack(&rig.env));
        say(&mut rig, Trigger, "begin", &[escalating(to_room(room), &[to_room(security)])]).await;
        pass(&mut rig, 20 * MINUTE, 1).await;
        act(&mut rig, "acknowledge").await.unwrap();
        pass(&mut rig, HOUR, 2).await;
        say(&mut rig, Resolve, "end", &[]).await;
        assert_eq!(of_reason(&rig, ESCALATION).await.len(), 0);
        let to_security = rig.deliveries().await.into_iter();
        let to_security = to_security.filter(|delivery| {
            delivery.route.as_ref().unwrap().target == to_room(security).target
        });
        assert_eq!(to_security.count(), 0);
    }

    async fn an_alert_that_gets_worse_begins_what_the_rule_of_that_severity_wants(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let mild = Said { severity: Severity::Low, ..said(&rig, Trigger, "mild", &[to_room(room)]) };
        submit(&mut rig, mild).await;
        pass(&mut rig, HOUR, 1).await;
        let worse = Said { severity: Severity::Critical, ..said(&rig, Trigger, "worse", &[reminding(to_room(room), 5)]) };
        submit(&mut rig, worse).await;
        pass(&mut rig, HOUR, 1).await;
        let reminded = of_reason(&rig, REMINDER).await;
        assert_eq!(reminded.len(), 1);
        assert_eq!(reminded[0].severity, Severity::Critical.to_wire(), "as bad as it is by now");
        let repeat = said(&rig, Trigger, "repeat", &[reminding(to_room(room), 5)]);
        submit(&mut rig, repeat).await;
        pass(&mut rig, HOUR, 1).await;
        assert_eq!(reminders(&rig).await.len(), 2, "a repeat begins nothing anew");
    }

    async fn paused_and_deleted_channels_and_recipients_that_left_are_passed_over(store: Store) {
        let mut rig = Rig::new(&store).await;
        let (room, paused, deleted) = (slack(&rig.env), slack(&rig.env), slack(&rig.env));
        let mail = email_channel(&rig, "soc", &["soc@example.com", "left@example.com"]);
        let olga = member(&rig, false);
        let as_well = event_wire::Route {
            target: Some(event_wire::route::Target::Person(event_wire::PersonTarget {
                channel_id: mail.to_string(),
                ..person(olga)
            })),
            ..reminding(to_member(olga, "findings"), 5)
        };
        let routes = [
            reminding(to_room(room), 5),
            reminding(to_room(paused), 5),
            reminding(to_room(deleted), 5),
            reminding(to_recipient_of(mail, "soc@example.com"), 5),
            reminding(to_recipient_of(mail, "left@example.com"), 5),
            as_well,
        ];
        say(&mut rig, Trigger, "begin", &routes).await;
        rig.env.config.change(rig.env.team, paused, |channel| channel.paused = true);
        rig.env.config.delete(rig.env.team, deleted);
        set_recipients(&rig, mail, &["soc@example.com"]);
        rig.core.channels.forget(rig.env.team);
        pass(&mut rig, HOUR, 1).await;
        let reminded = of_reason(&rig, REMINDER).await;
        assert_eq!(reminded.len(), 3, "{reminded:?}");
        assert!(reminded.iter().all(is_sent));
        rig.env.config.opt_out(olga, "findings");
        rig.env.config.change(rig.env.team, paused, |channel| channel.paused = false);
        rig.core.channels.forget(rig.env.team);
        pass(&mut rig, HOUR, 1).await;
        let reminded = of_reason(&rig, REMINDER).await;
        assert_eq!(reminded.len(), 6, "the paused room is back, and the opt-out holds: {reminded:?}");
    }

    async fn a_reminder_waits_for_quiet_hours_and_no_other_joins_it_meanwhile(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        say(&mut rig, Trigger, "begin", &[reminding(to_room(room), 5)]).await;
        rig.env.config.change(rig.env.team, room, |channel| channel.quiet_hours = Some(quiet("13:00", false)));
        rig.core.channels.forget(rig.env.team);
        pass(&mut rig, HOUR, 3).await;
        let held = of_reason(&rig, REMINDER).await;
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].state, State::Held as i32);
        pass(&mut rig, HOUR, 1).await;
        let sent = of_reason(&rig, REMINDER).await;
        assert!(is_sent(&sent[0]), "{sent:?}");
        pass(&mut rig, HOUR, 1).await;
        assert_eq!(reminders(&rig).await.len(), 2);
    }

    async fn a_reminder_that_is_held_is_not_sent_once_somebody_took_care(store: Store) {
        let mut rig = Rig::new(&store).await;
        for (word, why) in [("acknowledge", "acknowledged"), ("snooze", "snoozed"), ("resolve", "resolved")] {
            let room = slack(&rig.env);
            let begin = format!("begin-{word}");
            say(&mut rig, Trigger, &begin, &[reminding(to_room(room), 5)]).await;
            let mut hold = silence(&rig.env, 2);
            hold.channels = vec![room];
            make(&mut rig, &hold).await;
            pass(&mut rig, HOUR, 1).await;
            act(&mut rig, word).await.unwrap();
            rig.pass(HOUR).await;
            rig.pass(MINUTE).await;
            let reminded = of_reason(&rig, REMINDER).await.into_iter();
            let reminded: Vec<_> = reminded.filter(|delivery| delivery.event_id == begin).collect();
            assert_eq!(reminded.len(), 1, "{word}");
            assert_eq!(reminded[0].state, State::Cancelled as i32, "{word}");
            assert_eq!(reminded[0].state_message, format!("not sent because the alert was {why} meanwhile"));
            if word != "resolve" {
                act(&mut rig, "resolve").await.unwrap();
            }
            rig.pass(MINUTE).await;
        }
    }

    async fn what_was_due_while_no_process_ran_comes_once_and_a_restart_doubles_nothing(store: Store) {
        let env = TestEnv::new();
        let mut rig = Rig::on(&store, &env).await;
        let room = slack(&env);
        say(&mut rig, Trigger, "begin", &[reminding(to_room(room), 5)]).await;
        rig.heartbeat.leave().await;
        env.clock.advance(10 * HOUR);
        let mut rig = Rig::on(&store, &env).await;
        round(&mut rig).await;
        round(&mut rig).await;
        assert_eq!(reminders(&rig).await.len(), 1);
        assert_eq!(
            alert(&rig).await.pending,
            "reminds every 1 h, next at 21 Nov 2026, 20:00 UTC, 1 of 5 sent"
        );
        // Two replicas that both think it is due: the second finds that it is not.
        rig.pass(HOUR).await;
        let owned = rig.core.ownership().owned();
        let shard = ShardId::of(env.team);
        assert_eq!(rig.core.db.shards_with_due_reminders(&owned, env.now()).await.unwrap(), [shard]);
        assert_eq!(rig.core.db.due_reminders(shard, env.now(), None, 10).await.unwrap().len(), 1);
        let (one, other) = (Arc::clone(&rig.core), Arc::clone(&rig.core));
        rig.during(async move {
            let (one, other) = (Reminders { core: one }, Reminders { core: other });
            let (one, other) = tokio::join!(one.tick(), other.tick());
            one.and(other).unwrap();
        })
        .await;
        rig.settle().await;
        assert_eq!(reminders(&rig).await.len(), 2);
    }

    async fn a_reminder_that_cannot_be_read_keeps_no_other_shard_waiting(store: Store) {
        let mut rig = Rig::new(&store).await;
        let other = std::iter::repeat_with(|| TeamId::generate(rig.env.now()))
            .find(|team| ShardId::of(*team) != ShardId::of(rig.env.team))
            .unwrap();
        let other = TestEnv { team: other, ..rig.env.clone() };
        let (room, theirs) = (slack(&rig.env), slack(&other));
        let foreign = said(&rig, Trigger, "foreign", &[reminding(to_room(theirs), 5)]).request(&other);
        rig.submit(vec![foreign]).await;
        say(&mut rig, Trigger, "begin", &[reminding(to_room(room), 5)]).await;
        let sql = "UPDATE reminders SET routes = 'unreadable' WHERE origin <> '' AND team_id = $1";
        let backend = store.writer().get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, [rig.env.team.as_uuid().into()]);
        store.writer().execute_raw(statement).await.unwrap();
        pass(&mut rig, HOUR, 1).await;
        let mut events = rig.env.receivers.events();
        events.sort();
        assert_eq!(events, ["begin", "foreign", "foreign"]);
    }

    async fn a_former_owner_sends_no_reminder(store: Store) {
        if store.backend() == Backend::Sqlite {
            return;
        }
        let env = TestEnv::new();
        let mut rig = Rig::on(&store, &env).await;
        let room = slack(&env);
        say(&mut rig, Trigger, "begin", &[reminding(to_room(room), 5)]).await;
        env.clock.advance(HOUR);
        let mut next = Rig::on(&store, &env).await;
        presume_dead(&rig, &mut next).await;
        let core = Arc::clone(&rig.core);
        rig.during(async move { Reminders { core }.tick().await.unwrap() }).await;
        assert_eq!(reminders(&next).await.len(), 0, "it is fenced");
        next.own().await;
        round(&mut next).await;
        assert_eq!(reminders(&next).await.len(), 1);
    }

    async fn a_room_that_was_never_told_is_not_reminded(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        rig.env.receivers.answer(room, AttemptResult::permanent("slack.no_service", "gone"));
        say(&mut rig, Trigger, "begin", &[reminding(to_room(room), 5)]).await;
        pass(&mut rig, HOUR, 2).await;
        assert_eq!(reminders(&rig).await.len(), 0);
    }

    async fn a_storm_folds_reminders_like_anything_else(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        rig.env.config.change(rig.env.team, room, |channel| {
            channel.storm_control = Some(config::StormControl { max_messages: 1, window: seconds(MINUTE) });
        });
        for number in 0..3 {
            let mut request = said(&rig, Trigger, &format!("e{number}"), &[reminding(to_room(room), 5)]).request(&rig.env);
            request.alert.as_mut().unwrap().key = format!("n={number}");
            rig.submit(vec![request]).await;
            rig.pass(2 * MINUTE).await;
        }
        pass(&mut rig, HOUR, 1).await;
        rig.pass(MINUTE).await;
        let (_, summary) = only_summary(&rig).await;
        assert!(summary.items.iter().all(|item| item.title.starts_with("Still open: Finding e")), "{summary:?}");
    }

    async fn reminders_come_when_a_slow_oracle_says_whatever_happens_in_whatever_order(store: Store) {
        use rand::rngs::StdRng;
        use rand::{RngExt as _, SeedableRng as _};
        let env = TestEnv::new();
        let mut rig = Rig::on(&store, &env).await;
        for seed in 0..6_u64 {
            let mut random = StdRng::seed_from_u64(seed);
            let at_most = random.random_range(1..5);
            let routes = [reminding(to_room(slack(&env)), at_most)];
            let mut oracle = Oracle { at_most, ..Oracle::default() };
            let before = reminders(&rig).await.len();
            for minute in 0..60 {
                // Ten minutes a step, in which one thing may happen, before the loop runs.
                rig.pass(10 * MINUTE).await;
                match random.random_range(0..16) {
                    0..=2 => {
                        say(&mut rig, Trigger, &format!("{seed}-{minute}"), &routes).await;
                        oracle.triggered();
                    }
                    3 if oracle.is_open => {
                        say(&mut rig, Resolve, &format!("{seed}-{minute}"), &[]).await;
                        oracle = Oracle { at_most, sent: oracle.sent, ..Oracle::default() };
                    }
                    4 if oracle.is_open => {
                        act(&mut rig, "acknowledge").await.unwrap();
                        oracle.acknowledged = true;
                    }
                    5 if oracle.is_open => {
                        // For two hours.
                        act(&mut rig, "snooze").await.unwrap();
                        oracle.snoozed = 12;
                    }
                    6 => {
                        rig.heartbeat.leave().await;
                        rig = Rig::on(&store, &env).await;
                    }
                    7 => {
                        round(&mut rig).await;
                        oracle.look();
                    }
                    _ => {}
                }
                round(&mut rig).await;
                oracle.look();
                let sent = reminders(&rig).await.len() - before;
                assert_eq!(sent, oracle.sent, "seed {seed}, step {minute}: {oracle:?}");
                oracle.step();
            }
            if oracle.is_open {
                act(&mut rig, "resolve").await.unwrap();
            }
            rig.pass(MINUTE).await;
        }
    }

    async fn what_is_wrong_with_a_route_is_refused_field_by_field(store: Store) {
        let mut rig = Rig::new(&store).await;
        let room = slack(&rig.env);
        let mut route = escalating(to_room(room), &[to_room(room)]);
        route.remind = Some(event_wire::Remind { every: seconds(MINUTE), at_most: 0 });
        route.escalate.as_mut().unwrap().after = None;
        let request = said(&rig, Trigger, "begin", &[route]).request(&rig.env);
        let answer = rig.submit(vec![request]).await.remove(0);
        let error = answer.error.unwrap();
        let problem = watchbell_runtime::problem::from_status(&watchbell_runtime::problem::from_message(&error));
        let fields: Vec<_> = problem.violations.into_iter().map(|violation| violation.field).collect();
        assert_eq!(
            fields,
            ["routes[0].remind.every", "routes[0].remind.at_most", "routes[0].escalate.after"]
        );
    }
}

/// What should be sent, worked out in steps of ten minutes: six steps lie between reminders, which a snooze lets come when it ends.
#[derive(Debug, Default)]
struct Oracle {
    at_most: i32,
    is_open: bool,
    acknowledged: bool,
    /// Steps since the rule told, or reminded last.
    waited: usize,
    /// Of this life.
    reminded: i32,
    /// Steps until the snooze ends.
    snoozed: usize,
    /// In all lives.
    sent: usize,
}

impl Oracle {
    fn triggered(&mut self) {
        if !self.is_open {
            *self = Self {
                at_most: self.at_most,
                sent: self.sent,
                is_open: true,
                ..Self::default()
            };
        }
    }

    fn look(&mut self) {
        let is_due = self.waited >= 6 && self.snoozed == 0 && self.reminded < self.at_most;
        if self.is_open && !self.acknowledged && is_due {
            self.sent += 1;
            self.reminded += 1;
            self.waited = 0;
        }
    }

    fn step(&mut self) {
        self.waited += 1;
        self.snoozed = self.snoozed.saturating_sub(1);
    }
}

fn person(member: watchbell_model::ids::MemberId) -> event_wire::PersonTarget {
    match to_member(member, "findings").target {
        Some(event_wire::route::Target::Person(person)) => person,
        other => panic!("{other:?}"),
    }
}

/// A route to a recipient of an email channel.
fn to_recipient_of(channel: ChannelId, address: &str) -> event_wire::Route {
    event_wire::Route {
        target: Some(event_wire::route::Target::Address(event_wire::AddressTarget {
            address: address.to_owned(),
            channel_id: channel.to_string(),
        })),
        ..to_recipient(channel)
    }
}
