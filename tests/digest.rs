//! Exactly one digest for each team and week, whatever dies when, however many replicas make digests and however their
//! clocks differ by up to a minute.
//!
//! All processes live in a time of the test's own. The digests of every team come due at one moment; from before that
//! moment on, processes are killed and started again at random until all digests are there.

mod world;

use std::collections::BTreeSet;
use std::io::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use futures::{StreamExt as _, stream};
use watchbell_contracts::config::v1::{
    CreateMemberRequest, CreateTeamRequest, DigestSettings, Member, Role, Team, UpdateDigestSettingsRequest,
};
use watchbell_contracts::digest::v1::{DigestRunState, ListDigestRunsRequest};
use watchbell_contracts::dispatcher::v1::{DeliveryState, ListDeliveriesRequest, ListEventsRequest};

use crate::harness::{Client, Serve, eventually};
use world::{Mortal, World, monday};

const TEAMS: usize = 60;
const WEEKS: usize = 2;
/// Of each team: its Owner, and somebody outside.
const RECIPIENTS: usize = 2;
/// Schedules that fire at the same moment in January.
const SCHEDULES: [(&str, &str); 4] = [
    ("UTC", ""),
    ("America/New_York", "0 4 * * MON"),
    ("Asia/Kathmandu", "45 14 * * MON"),
    ("Europe/Berlin", "0 10 * * 1"),
];
/// Mails that may come before a process dies: a replica, and one that others need.
const FEW: usize = 12;
const SOME: usize = 60;
const EVENT_TYPE: &str = "digest.weekly";

fn recipients(team: usize) -> [String; RECIPIENTS] {
    [
        format!("owner-{team}@example.com"),
        format!("board-{team}@elsewhere.example"),
    ]
}

/// A team whose digest goes out at the moment when all do.
async fn team(client: &Client, number: usize) -> String {
    let (zone, cron) = SCHEDULES[number % SCHEDULES.len()];
    let team = Team {
        display_name: format!("Team {number}"),
        time_zone: zone.to_owned(),
        ..Default::default()
    };
    let request = CreateTeamRequest {
        team: Some(team),
        validate_only: false,
    };
    let made = client.teams().create_team(request).await.unwrap().into_inner();
    let id = made.team.unwrap().id;
    let recipients = recipients(number);
    let member = Member {
        email: recipients[0].clone(),
        role: Role::Owner.into(),
        ..Default::default()
    };
    let request = CreateMemberRequest {
        team_id: id.clone(),
        member: Some(member),
        ..Default::default()
    };
    client.teams().create_member(request).await.unwrap();
    let settings = DigestSettings {
        cron: cron.to_owned(),
        recipients: recipients.into(),
        ..Default::default()
    };
    let request = UpdateDigestSettingsRequest {
        team_id: id.clone(),
        settings: Some(settings),
        update_mask: None,
    };
    client
        .preferences()
        .update_digest_settings(request)
        .await
        .unwrap();
    id
}

async fn teams(client: &Client) -> Vec<String> {
    stream::iter(0..TEAMS)
        .map(|number| team(client, number))
        .buffered(8)
        .collect()
        .await
}

/// The ends of a team's periods, newest first, with the events that carry the digests; once all are submitted.
async fn submitted_runs(digest: &Client, team: &str) -> Option<Vec<(DateTime<Utc>, String)>> {
    let request = ListDigestRunsRequest {
        team_id: team.to_owned(),
        ..Default::default()
    };
    let listed = digest
        .digest()
        .list_digest_runs(request)
        .await
        .unwrap()
        .into_inner();
    let runs = listed.digest_runs.into_iter().map(|run| {
        let end = DateTime::from_timestamp(run.period_end.unwrap().seconds, 0).unwrap();
        (run.state() == DigestRunState::Submitted).then_some((end, run.event_id))
    });
    runs.collect()
}

/// The ids of the events that carry a team's digests, in their own order.
async fn events(client: &Client, team: &str) -> Vec<String> {
    let request = ListEventsRequest {
        team_id: team.to_owned(),
        types: vec![EVENT_TYPE.to_owned()],
        ..Default::default()
    };
    let listed = client
        .dispatcher()
        .list_events(request)
        .await
        .unwrap()
        .into_inner();
    let mut ids: Vec<_> = listed
        .events
        .into_iter()
        .map(|event| event.event.unwrap().id)
        .collect();
    ids.sort();
    ids
}

/// The ids of the deliveries of a team's digests; once all are delivered.
async fn delivered(client: &Client, team: &str) -> Option<BTreeSet<String>> {
    let request = ListDeliveriesRequest {
        team_id: team.to_owned(),
        event_type: EVENT_TYPE.to_owned(),
        ..Default::default()
    };
    let listed = client
        .dispatcher()
        .list_deliveries(request)
        .await
        .unwrap()
        .into_inner();
    let ids = listed
        .deliveries
        .into_iter()
        .map(|delivery| (delivery.state() == DeliveryState::Delivered).then_some(delivery.id));
    ids.collect()
}

/// All processes live again, and tell what came of the weeks: a run, an event and a delivery for each mail.
async fn end(world: World, digest: usize, client: &Client, teams: &[String]) {
    assert!(
        world.cut_short.get() >= WEEKS,
        "nobody died in the middle of making digests"
    );
    // Makers that died after they had submitted a digest left its run unfinished until their lease ends.
    world.pass(TimeDelta::minutes(15));
    let lives = world.mortals.iter().map(|mortal| mortal.serve.start());
    let lives = join_all(lives).await;
    let digest = client.at(&lives[digest]);
    let messages = world.messages();
    for (number, team) in teams.iter().enumerate() {
        let runs = eventually("every run ends", || submitted_runs(&digest, team)).await;
        let (weeks, ids): (Vec<_>, BTreeSet<_>) = runs.into_iter().unzip();
        assert_eq!(
            weeks,
            (0..WEEKS).rev().map(monday).collect::<Vec<_>>(),
            "{team}: one run a week"
        );
        assert_eq!(
            events(client, team).await,
            ids.into_iter().collect::<Vec<_>>(),
            "{team}: one event a run"
        );
        let deliveries = eventually("every delivery ends", || delivered(client, team)).await;
        assert_eq!(
            deliveries.len(),
            WEEKS * RECIPIENTS,
            "{team}: one delivery a week and recipient"
        );
        let came = recipients(number)
            .into_iter()
            .flat_map(|address| messages[&address].clone());
        assert_eq!(
            came.collect::<BTreeSet<_>>(),
            deliveries,
            "{team}: one message a delivery"
        );
    }
    let again = world.smtp.received().len() - messages.values().map(BTreeSet::len).sum::<usize>();
    let cut_short = world.cut_short.get();
    let _ = writeln!(
        std::io::stderr(),
        "digest: {cut_short} lives cut short, {again} mails sent again"
    );
}

/// Replicas need a database that several processes can share.
#[test]
fn replicas_that_die_and_disagree_about_the_time_make_one_digest_a_week() {
    crate::harness::database::on_postgres(|database| async move {
        let core = Serve::only(&database, &["config", "router", "dispatcher"]);
        let url = format!("http://{}", core.address());
        let mut world = World::new("replicas on PostgreSQL", |mailing| {
            let replicas = [0, -60, 60].map(|skew| {
                let serve = Serve::only(&database, &["digest"])
                    .with("--config-url", &url)
                    .with("--dispatcher-url", &url);
                Mortal::new(&database, serve, skew, FEW)
            });
            let core = Mortal::new(&database, mailing(core), 0, SOME);
            std::iter::once(core).chain(replicas).collect()
        })
        .await;
        let core = world.mortals[0].serve.start().await;
        let client = Client::admin(&core);
        let teams = teams(&client).await;

        world.monday(0, TEAMS * RECIPIENTS, 1..4).await;
        assert_eq!(
            world.smtp.received().len(),
            TEAMS * RECIPIENTS,
            "while the Dispatcher lives no mail comes twice"
        );
        core.kill();
        for week in 1..WEEKS {
            world.monday(week, TEAMS * RECIPIENTS, 0..4).await;
        }
        end(world, 1, &client, &teams).await;
    });
}

#[test]
fn one_process_that_dies_makes_one_digest_a_week() {
    crate::harness::database::on_sqlite(|database| async move {
        let mut world = World::new("one process on SQLite", |mailing| {
            vec![Mortal::new(&database, mailing(Serve::all(&database)), 0, SOME)]
        })
        .await;
        let process = world.mortals[0].serve.start().await;
        let client = Client::admin(&process);
        let teams = teams(&client).await;
        process.kill();
        for week in 0..WEEKS {
            world.monday(week, TEAMS * RECIPIENTS, 0..1).await;
        }
        end(world, 0, &client, &teams).await;
    });
}
