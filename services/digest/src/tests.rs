//! The whole service against stand-ins of Config and the Dispatcher, on both databases.

mod fakes;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tonic::Code;
use watchbell_contracts::api::DigestApi;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::digest::v1 as wire;
use watchbell_model::brand::Brand;
use watchbell_model::ids::TeamId;
use watchbell_runtime::auth::internal_request;
use watchbell_runtime::config_feed::ConfigFeed;
use watchbell_store::{Store, connect, store_tests};
use watchbell_testkit::TestClock;

use crate::{Digest, Migrator, Needs};
use fakes::{ConfigStandIn, DispatcherStandIn};

const MONDAY: &str = "2026-11-16T08:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// One team in Berlin with one Owner, and a Digest that is a replica of any other on the same store.
struct World {
    clock: TestClock,
    config: Arc<ConfigStandIn>,
    dispatcher: Arc<DispatcherStandIn>,
    team: TeamId,
}

impl World {
    fn new() -> Self {
        let team = TeamId::generate(at("2026-01-01T00:00:00Z"));
        Self {
            clock: TestClock::at(at(MONDAY)),
            config: ConfigStandIn::with(team),
            dispatcher: DispatcherStandIn::new(),
            team,
        }
    }

    fn replica(&self, store: &Store) -> Digest {
        Digest::new(
            store.clone(),
            Needs {
                clock: self.clock.shared(),
                config: self.config.clone(),
                feed: ConfigFeed::manual(),
                dispatcher: self.dispatcher.clone(),
                brand: Brand::default(),
            },
        )
    }

    async fn send(&self, digest: &Digest) -> Result<wire::SendDigestResponse, tonic::Status> {
        let request = wire::SendDigestRequest {
            team_id: self.team.to_string(),
        };
        digest
            .send_digest(internal_request(request))
            .await
            .map(tonic::Response::into_inner)
    }

    async fn runs(&self, digest: &Digest) -> Vec<wire::DigestRun> {
        let request = wire::ListDigestRunsRequest {
            team_id: self.team.to_string(),
            ..Default::default()
        };
        digest
            .list_digest_runs(internal_request(request))
            .await
            .unwrap()
            .into_inner()
            .digest_runs
    }
}

fn states(runs: &[wire::DigestRun]) -> Vec<wire::DigestRunState> {
    runs.iter().map(wire::DigestRun::state).collect()
}

store_tests! {
    migrator = Migrator;

    async fn credits_remain_as_the_newest_event_says_however_long_ago(store: Store) {
        let world = World::new();
        let digest = world.replica(&store);
        for (id, when, data) in [
            ("1", "2026-09-10T10:00:00Z", json!({"audit_id": "a", "credits_remaining": 80})),
            ("2", "2026-10-10T10:00:00Z", json!({"audit_id": "b", "credits_remaining": 70})),
            ("3", "2026-10-11T10:00:00Z", json!({"audit_id": "c"})),
            ("4", "2026-11-12T10:00:00Z", json!({"audit_id": "d"})),
        ] {
            world.dispatcher.emitted(world.team, id, "audit.delivered", at(when), &data, false);
        }
        digest.scheduler().tick(at(MONDAY) + TimeDelta::minutes(9)).await.unwrap();
        let submitted = world.dispatcher.submitted();
        let text = &submitted[0].email.as_ref().unwrap().text;
        assert!(text.contains("Credits remaining: 70"), "{text}");
        assert!(text.contains("Audits delivered: 1"), "{text}");
    }

    async fn monday_morning_brings_one_digest_with_the_weeks_figures(store: Store) {
        let world = World::new();
        let made = watchbell_model::convert::timestamp(at("2026-11-10T00:00:00Z"));
        world.config.edit(|snapshot| snapshot.team.as_mut().unwrap().create_time = Some(made));
        let digest = world.replica(&store);
        let scheduler = digest.scheduler();
        for (id, when, data) in [
            ("1", "2026-11-10T10:00:00Z", json!({"audit_id": "a", "submitter": "ann", "credits_consumed": 5, "credits_remaining": 95})),
            ("2", "2026-11-12T10:00:00Z", json!({"audit_id": "b", "submitter": "ann", "credits_consumed": 2.5})),
            ("3", "2026-11-03T10:00:00Z", json!({"audit_id": "c", "acknowledger": "lee"})),
            ("4", "2026-11-16T08:00:00Z", json!({"audit_id": "d", "submitter": "next week"})),
        ] {
            world.dispatcher.emitted(world.team, id, "audit.delivered", at(when), &data, false);
        }
        world.dispatcher.emitted(world.team, "5", "audit.delivered", at("2026-11-12T10:00:00Z"), &json!({"audit_id": "t"}), true);
        scheduler.tick(at(MONDAY)).await.unwrap();
        assert_eq!(world.dispatcher.submitted().len(), 0, "the week is just over: a fast clock waits");
        for minute in 1..10 {
            scheduler.tick(at(MONDAY) + TimeDelta::minutes(minute)).await.unwrap();
        }
        let submitted = world.dispatcher.submitted();
        assert_eq!(submitted.len(), 1);
        let event = submitted[0].event.as_ref().unwrap();
        assert_eq!(event.id, format!("digest-{}-20261116T080000Z", world.team));
        assert_eq!(event.r#type, "digest.weekly");
        let email = submitted[0].email.as_ref().unwrap();
        assert_eq!(email.subject, "The week of Acme: 2 audits delivered, no Atlas alert");
        for said in ["Credits consumed: 7.5", "Credits remaining: 95", "ann: 2 (before: 0)"] {
            assert!(email.text.contains(said), "{}", email.text);
        }
        let runs = world.runs(&digest).await;
        assert_eq!(states(&runs), [wire::DigestRunState::Submitted]);
        assert_eq!((runs[0].recipients.as_slice(), &runs[0].event_id), (&["owner@example.com".to_owned()][..], &event.id));
    }

    async fn what_comes_after_its_weeks_digest_is_in_the_next_one_and_said_to_be(store: Store) {
        let world = World::new();
        let digest = world.replica(&store);
        let scheduler = digest.scheduler();
        let monday = |week| at(MONDAY) + TimeDelta::weeks(week) + TimeDelta::minutes(2);
        scheduler.tick(monday(0)).await.unwrap();
        for (id, when, accepted) in [
            ("1", "2026-11-12T10:00:00Z", "2026-11-17T10:00:00Z"),
            ("2", "2026-10-01T10:00:00Z", "2026-11-17T10:00:00Z"),
            ("3", "2026-11-18T10:00:00Z", "2026-11-18T10:00:00Z"),
        ] {
            let data = json!({"audit_id": id, "submitter": "ann"});
            world.dispatcher.came_late(world.team, id, "audit.delivered", at(when), at(accepted), &data, false);
        }
        scheduler.tick(monday(1)).await.unwrap();
        scheduler.tick(monday(2)).await.unwrap();
        let texts: Vec<_> = world.dispatcher.submitted().into_iter().map(|sent| sent.email.unwrap()).collect();
        assert_eq!(texts.len(), 3);
        assert_eq!(texts[1].subject, "The week of Acme: 3 audits delivered, no Atlas alert");
        let said = "Counted here: 2 events of before this week, which came after its digest was made.";
        assert!(texts[1].text.contains(said), "{}", texts[1].text);
        assert!(texts[1].html.contains(said));
        assert_eq!(texts[2].subject, "The week of Acme: nothing to report");
        assert!(!texts[2].text.contains("Counted here"));
    }

    async fn replicas_with_skewed_clocks_send_one_digest_a_week(store: Store) {
        let world = World::new();
        let mut replicas = Vec::new();
        for skew in [-60, -13, 0, 60] {
            let store = connect(&store.settings().clone().with_pool_size(2)).await.unwrap();
            replicas.push((world.replica(&store).scheduler(), store, TimeDelta::seconds(skew)));
        }
        for week in 0..3 {
            for minute in -2..5 {
                let now = at(MONDAY) + TimeDelta::weeks(week) + TimeDelta::minutes(minute);
                let ticks = replicas.iter().map(|(scheduler, _, skew)| scheduler.tick(now + *skew));
                for outcome in futures::future::join_all(ticks).await {
                    outcome.unwrap();
                }
            }
        }
        let mut ends: Vec<_> = world.dispatcher.accepted().into_iter().map(|id| id.rsplit('-').next().unwrap().to_owned()).collect();
        ends.sort();
        // The week before the first Monday was missed and is caught up before that Monday.
        assert_eq!(ends, ["20261109T080000Z", "20261116T080000Z", "20261123T080000Z", "20261130T080000Z"]);
        for (_, store, _) in replicas {
            store.close().await.unwrap();
        }
    }

    async fn a_crash_between_claim_and_submit_is_mended_and_none_after_it_sends_twice(store: Store) {
        let world = World::new();
        let now = at(MONDAY) + TimeDelta::minutes(2);
        // The first maker claims and dies.
        let dead = world.replica(&store);
        let team = dead.maker.team(world.team).await.unwrap();
        let period = team.schedule().unwrap().period_at(now).unwrap();
        dead.maker.runs.claim(world.team, None, period, now).await.unwrap().unwrap();
        let heir = world.replica(&store).scheduler();
        heir.tick(now + TimeDelta::minutes(5)).await.unwrap();
        assert_eq!(world.dispatcher.submitted().len(), 0, "the maker may still be at it");
        heir.tick(now + TimeDelta::minutes(11)).await.unwrap();
        heir.tick(now + TimeDelta::minutes(12)).await.unwrap();
        assert_eq!(world.dispatcher.accepted().len(), 1);
        // The next maker submits and dies before it notes that: the Dispatcher knows the id.
        let next = now + TimeDelta::weeks(1);
        world.dispatcher.die_after_commit(true);
        heir.tick(next).await.unwrap();
        world.dispatcher.die_after_commit(false);
        assert_eq!(states(&world.runs(&dead).await)[0], wire::DigestRunState::Pending);
        world.config.edit(|snapshot| snapshot.members.clear());
        world.config.edit(|snapshot| snapshot.digest.as_mut().unwrap().recipients = vec!["late@example.com".to_owned()]);
        heir.tick(next + TimeDelta::minutes(2)).await.unwrap();
        assert_eq!(world.dispatcher.accepted().len(), 2);
        let runs = world.runs(&dead).await;
        assert_eq!(states(&runs)[0], wire::DigestRunState::Submitted);
        assert_eq!(runs[0].recipients, ["owner@example.com"], "those who got it");
    }

    async fn an_outage_of_the_dispatcher_delays_the_digest(store: Store) {
        let world = World::new();
        let digest = world.replica(&store);
        let scheduler = digest.scheduler();
        let now = at(MONDAY) + TimeDelta::minutes(2);
        world.dispatcher.away(true);
        scheduler.tick(now).await.unwrap();
        scheduler.tick(now + TimeDelta::minutes(1)).await.unwrap();
        assert_eq!(states(&world.runs(&digest).await), [wire::DigestRunState::Pending]);
        world.dispatcher.away(false);
        scheduler.tick(now + TimeDelta::hours(30)).await.unwrap();
        assert_eq!(states(&world.runs(&digest).await), [wire::DigestRunState::Submitted]);
        assert_eq!(world.dispatcher.accepted().len(), 1);
    }

    async fn an_outage_until_the_next_monday_does_not_bring_two_at_once(store: Store) {
        let world = World::new();
        let digest = world.replica(&store);
        let scheduler = digest.scheduler();
        let now = at(MONDAY) + TimeDelta::minutes(2);
        world.dispatcher.away(true);
        scheduler.tick(now).await.unwrap();
        world.dispatcher.away(false);
        scheduler.tick(now + TimeDelta::weeks(1)).await.unwrap();
        let runs = world.runs(&digest).await;
        assert_eq!(states(&runs), [wire::DigestRunState::Submitted, wire::DigestRunState::Skipped]);
        assert!(runs[1].message.contains("next digest was due"), "{}", runs[1].message);
        assert_eq!(world.dispatcher.accepted().len(), 1);
    }

    async fn a_missed_monday_is_caught_up_within_the_week_and_older_ones_are_let_go(store: Store) {
        let world = World::new();
        let digest = world.replica(&store);
        digest.scheduler().tick(at("2026-11-04T12:00:00Z")).await.unwrap();
        digest.scheduler().tick(at("2026-11-22T23:59:00Z")).await.unwrap();
        digest.scheduler().tick(at("2026-11-22T23:59:30Z")).await.unwrap();
        let ends: Vec<_> = world.dispatcher.accepted().iter().map(|id| id.rsplit('-').next().unwrap().to_owned()).collect();
        assert_eq!(ends, ["20261102T080000Z", "20261116T080000Z"]);
    }

    async fn a_team_gets_no_digest_of_the_time_before_it_was_made(store: Store) {
        let world = World::new();
        let made = watchbell_model::convert::timestamp(at("2026-11-18T12:00:00Z"));
        world.config.edit(|snapshot| snapshot.team.as_mut().unwrap().create_time = Some(made));
        let scheduler = world.replica(&store).scheduler();
        scheduler.tick(at("2026-11-18T12:01:00Z")).await.unwrap();
        assert_eq!(world.dispatcher.submitted().len(), 0);
        scheduler.tick(at("2026-11-23T08:01:00Z")).await.unwrap();
        assert_eq!(world.dispatcher.accepted().len(), 1);
    }

    async fn a_change_of_the_cron_is_heeded_when_config_tells_of_it(store: Store) {
        let world = World::new();
        let digest = world.replica(&store);
        let scheduler = digest.scheduler();
        let now = at(MONDAY) + TimeDelta::minutes(2);
        scheduler.tick(now).await.unwrap();
        world.config.edit(|snapshot| snapshot.digest.as_mut().unwrap().cron = "*/10 * * * *".to_owned());
        digest.feed.record_change(Some(world.team));
        scheduler.tick(now + TimeDelta::minutes(10)).await.unwrap();
        assert_eq!(world.dispatcher.accepted().len(), 2);
    }

    async fn whoever_gets_none_has_a_run_that_says_why_and_can_still_send_it(store: Store) {
        let world = World::new();
        let digest = world.replica(&store);
        let scheduler = digest.scheduler();
        world.config.edit(|snapshot| snapshot.team.as_mut().unwrap().set_plan(config::Plan::Free));
        scheduler.tick(at(MONDAY) + TimeDelta::minutes(2)).await.unwrap();
        let runs = world.runs(&digest).await;
        assert_eq!(states(&runs), [wire::DigestRunState::Skipped]);
        assert!(runs[0].message.contains("TEAM plan"), "{}", runs[0].message);
        world.clock.set(at(MONDAY) + TimeDelta::hours(1));
        assert!(!world.send(&digest).await.unwrap().sent);
        world.config.edit(|snapshot| snapshot.team.as_mut().unwrap().set_plan(config::Plan::Team));
        let answer = world.send(&digest).await.unwrap();
        assert!(answer.sent);
        assert_eq!(answer.run.unwrap().id, runs[0].id);
        assert!(!world.send(&digest).await.unwrap().sent, "it was sent before");
        scheduler.tick(at(MONDAY) + TimeDelta::hours(2)).await.unwrap();
        assert_eq!(world.dispatcher.accepted().len(), 1);
    }

    async fn sending_by_hand_and_by_cron_at_once_is_sending_once(store: Store) {
        let world = World::new();
        world.clock.set(at(MONDAY) + TimeDelta::minutes(1));
        let (one, other) = (world.replica(&store), world.replica(&store));
        let scheduler = other.scheduler();
        let (by_hand, again, by_cron) = tokio::join!(
            world.send(&one),
            world.send(&other),
            scheduler.tick(at(MONDAY) + TimeDelta::minutes(1)),
        );
        by_cron.unwrap();
        let sent = [by_hand.unwrap().sent, again.unwrap().sent];
        assert!(sent.iter().filter(|sent| **sent).count() <= 1, "{sent:?}");
        assert_eq!(world.dispatcher.submitted().len(), 1);
        assert_eq!(world.runs(&one).await.len(), 1);
    }

    async fn a_preview_shows_the_digest_and_leaves_nothing_behind(store: Store) {
        let world = World::new();
        let digest = world.replica(&store);
        world.dispatcher.emitted(world.team, "1", "atlas.alert.fired", at("2026-11-10T10:00:00Z"), &json!({"alert_id": "x"}), false);
        let request = wire::PreviewDigestRequest { team_id: world.team.to_string() };
        let preview = digest.preview_digest(internal_request(request)).await.unwrap().into_inner();
        assert_eq!(preview.subject, "The week of Acme: no audit delivered, 1 Atlas alert");
        assert_eq!(preview.recipients, ["owner@example.com"]);
        assert_eq!(preview.digest.unwrap().atlas_alerts.unwrap().current, 1.0);
        assert!(!preview.html.contains('%') || !preview.html.contains("%UNSUBSCRIBE"));
        assert_eq!(world.runs(&digest).await, []);
        assert_eq!(world.dispatcher.submitted().len(), 0);
    }

    async fn pages_of_many_events_are_read_and_shrink_when_they_do_not_fit(store: Store) {
        let world = World::new();
        let digest = world.replica(&store);
        for index in 0..1_700 {
            let when = at("2026-11-10T10:00:00Z") + TimeDelta::seconds(index);
            world.dispatcher.emitted(world.team, &index.to_string(), "audit.delivered", when, &json!({"credits_consumed": 0.1}), false);
        }
        world.dispatcher.no_more_than(70);
        let request = wire::PreviewDigestRequest { team_id: world.team.to_string() };
        let preview = digest.preview_digest(internal_request(request)).await.unwrap().into_inner();
        let figures = preview.digest.unwrap();
        assert_eq!(figures.audits_delivered.unwrap().current, 1_700.0);
        assert_eq!(figures.credits_consumed.unwrap().current, 170.0);
    }

    async fn a_team_that_config_does_not_know_is_not_found(store: Store) {
        let world = World::new();
        let digest = world.replica(&store);
        let stranger = TeamId::generate(at(MONDAY));
        let request = wire::PreviewDigestRequest { team_id: stranger.to_string() };
        assert_eq!(digest.preview_digest(internal_request(request)).await.unwrap_err().code(), Code::NotFound);
        world.config.edit(|snapshot| snapshot.digest.as_mut().unwrap().cron = "nonsense".to_owned());
        assert_eq!(world.send(&digest).await.unwrap_err().code(), Code::FailedPrecondition);
        digest.scheduler().tick(at(MONDAY) + TimeDelta::minutes(2)).await.unwrap();
        assert_eq!(world.runs(&digest).await, []);
    }

    async fn a_team_with_many_thousand_events_a_week_gets_its_digest_page_by_page(store: Store) {
        let world = World::new();
        world.dispatcher.flood(50_000);
        world.clock.set(at(MONDAY) + TimeDelta::minutes(1));
        assert!(world.send(&world.replica(&store)).await.unwrap().sent);
        let email = world.dispatcher.submitted().remove(0).email.unwrap();
        assert!(email.text.contains("Credits consumed: 5,000\n"), "{}", email.text);
        assert!(email.text.contains("person 0: 50 (before: 0)"), "{}", email.text);
    }
}
