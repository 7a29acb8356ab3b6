//! Two cells on one machine: two PostgreSQL databases, each with Dispatchers of its own. A team that moves between them under load loses
//! nothing and gets nothing twice, and others see nothing of it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt as _;
use parking_lot::Mutex;
use tonic::Code;
use tonic_types::StatusExt as _;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::{CellMove, CellMoveState, DeliveryPolicy};
use watchbell_contracts::digest::v1::{PreviewDigestRequest, SendDigestRequest};
use watchbell_contracts::dispatcher::v1::{
    Delivery, DeliveryState, ListEventsRequest, ListNotificationsRequest, ListNotificationsResponse,
    MarkReadRequest, ReplayRequest, StreamEventsRequest, StreamEventsResponse,
};
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::{Event, Severity};
use watchbell_model::clock::{Clock as _, SystemClock};
use watchbell_model::convert::timestamp;
use watchbell_model::ids::TeamId;
use watchbell_model::shard::ShardId;
use watchbell_testkit::{Behaviour, WebhookReceiver};

use crate::harness::database::on_cluster;
use crate::harness::{
    Client, Cluster, Database, Endpoint, Load, Ordeal, Platform, Rows, eventually, finding,
};
use crate::members::join;

/// Who is killed during a move.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Driver,
    OldOwner,
    NewOwner,
}

const VICTIMS: [Victim; 3] = [Victim::Driver, Victim::OldOwner, Victim::NewOwner];

const FINDING: &str = "finding.created";
/// In which a team's events are always accepted again.
const PROMISE: Duration = Duration::from_secs(5);

/// Runs `test` with two cells, of two Dispatchers each; the second is called `eu`.
fn on_two_cells(test: impl AsyncFnOnce(Platform, &Database, &Database)) {
    on_cluster(async |cluster, first| {
        let mut platform = platform(first, 2).await;
        let second = add_cell(&mut platform, cluster, first, "eu", 2).await;
        test(platform, first, &second).await;
    });
}

async fn platform(database: &Database, dispatchers: usize) -> Platform {
    let mut platform = Platform::split(database, 1, dispatchers, |_, serve| serve).await;
    platform.tell_config().await;
    platform
}

/// Adds a cell with a database of its own.
async fn add_cell(
    platform: &mut Platform,
    cluster: &Cluster,
    first: &Database,
    name: &str,
    dispatchers: usize,
) -> Database {
    let database = first.another(cluster, name).await;
    let addresses = platform.add_cell(&database, dispatchers).await;
    eventually("the cell can be added", || async {
        add(platform.admin(), name, &addresses).await.ok()
    })
    .await;
    database
}

async fn add(admin: &Client, name: &str, addresses: &[String]) -> Result<config::Cell, tonic::Status> {
    let request = config::AddCellRequest {
        cell: Some(config::Cell {
            name: name.to_owned(),
            addresses: addresses.to_vec(),
            ..Default::default()
        }),
        validate_only: false,
    };
    let answer = admin.cells().add_cell(request).await?;
    Ok(answer.into_inner().cell.unwrap())
}

/// Asks for a move; the same again goes on with it.
async fn ask_to_move(admin: &Client, team: &str, to: &str) -> Result<CellMove, tonic::Status> {
    let request = config::MoveTeamRequest {
        team_id: team.to_owned(),
        to_cell: to.to_owned(),
    };
    Ok(admin
        .cells()
        .move_team(request)
        .await?
        .into_inner()
        .r#move
        .unwrap())
}

/// Moves a team, and asks again and again until that is done, whatever dies meanwhile. Fails when it does not get on.
async fn move_team(admin: &Client, team: &str, to: &str) -> CellMove {
    let mut before = CellMove::default();
    while before.end_time.is_none() {
        before = eventually("the move gets on", || async {
            let moved = ask_to_move(admin, team, to).await.ok()?;
            (moved != before).then_some(moved)
        })
        .await;
    }
    assert_eq!(before.state(), CellMoveState::Done, "{before:?}");
    before
}

async fn cell_counts(admin: &Client) -> Vec<(String, i64, bool)> {
    let cells = admin.cells().list_cells(config::ListCellsRequest {}).await;
    let cells = cells.unwrap().into_inner().cells.into_iter();
    cells
        .map(|cell| (cell.name, cell.team_count, cell.reachable))
        .collect()
}

#[test]
fn a_team_moves_under_load_and_back_and_nothing_is_lost_or_comes_twice() {
    on_two_cells(async |platform, first, second| {
        let admin = platform.admin().clone();
        let ordeal = Ordeal::paced(first, platform, Duration::from_millis(80)).await;
        let team = ordeal.team().to_owned();
        // A team beside it, of the other cell, and one that stays where it was.
        let mut others = Vec::new();
        for name in ["New", "Newer"] {
            let team = admin.team(name).await;
            let endpoint = Endpoint::start().await;
            endpoint.subscribe(&admin, &team, "siem").await;
            let load = Load::start(&ordeal.platform.clients("router"), &team, Duration::from_secs(1));
            others.push((load, endpoint));
        }
        assert_eq!(
            cell_counts(&admin).await,
            [("main".to_owned(), 2, true), ("eu".to_owned(), 1, true)],
            "new teams go to the emptiest cell"
        );
        for (load, _) in &others {
            load.proceeds(20).await;
        }
        ordeal.proceeds(200).await;
        for to in ["eu", "main"] {
            let moved = move_team(&admin, &team, to).await;
            assert!(moved.copied_rows > 0, "{moved:?}");
            ordeal.proceeds(100).await;
            let (gap, rows) = (ordeal.load.gap(), moved.copied_rows);
            let _ = writeln!(
                std::io::stderr(),
                "{rows} rows moved; nothing was accepted for {gap:?} at most"
            );
            assert!(gap < PROMISE, "nothing was accepted for {gap:?}");
        }
        assert_eq!(rows_of(second, &team).await, 0, "nothing is left where it was");
        for (load, endpoint) in &mut others {
            let heard = load.end().await;
            assert_eq!(
                (heard.refused, heard.broken, heard.wrong.len()),
                (0, 0, 0),
                "{:?}",
                heard.wrong
            );
            let accepted = heard.accepted.len();
            eventually("the others' events arrive", || async {
                (endpoint.distinct() == accepted).then_some(())
            })
            .await;
            assert!(endpoint.arrivals().values().all(|arrivals| arrivals.len() == 1));
        }
        let outcome = ordeal.end("a move there and back").await;
        assert_eq!(outcome.again, 0, "nothing comes twice");
    });
}

#[test]
fn a_move_goes_on_whoever_dies_and_nothing_is_lost() {
    on_two_cells(async |platform, first, second| {
        let admin = platform.admin().clone();
        let mut ordeal = Ordeal::paced(first, platform, Duration::from_millis(400)).await;
        let team = ordeal.team().to_owned();
        ordeal.proceeds(100).await;
        // Whoever drives the move, the old owner and the new one, early and late.
        for (after, victim) in [0, 20, 60]
            .into_iter()
            .flat_map(|after| VICTIMS.map(|victim| (after, victim)))
        {
            let (to, old, new) = match lives_in_eu(&admin, &team).await {
                false => ("eu", first, second),
                true => ("main", second, first),
            };
            ordeal
                .fault(async |ordeal| {
                    eventually("the move begins", || async {
                        ask_to_move(&admin, &team, to).await.ok()
                    })
                    .await;
                    ordeal.proceeds(after).await;
                    let index = match victim {
                        Victim::Driver => 0,
                        Victim::OldOwner => owner(&ordeal.platform, old, &team).await,
                        Victim::NewOwner => owner(&ordeal.platform, new, &team).await,
                    };
                    ordeal.platform.kill(index);
                    ordeal.platform.ready().await;
                    move_team(&admin, &team, to).await;
                    ordeal.proceeds(20).await;
                })
                .await;
        }
        if lives_in_eu(&admin, &team).await {
            ordeal
                .fault(async |_| {
                    move_team(&admin, &team, "main").await;
                })
                .await;
        }
        ordeal.end("moves with kills").await;
    });
}

/// Whether a team lives in the second cell.
async fn lives_in_eu(admin: &Client, team: &str) -> bool {
    let request = config::GetCellMoveRequest {
        team_id: team.to_owned(),
    };
    let last = admin.cells().get_cell_move(request).await.ok();
    last.and_then(|last| last.into_inner().r#move)
        .is_some_and(|last| last.to_cell == "eu")
}

/// The process that owns a team's shard in a cell.
async fn owner(platform: &Platform, database: &Database, team: &str) -> usize {
    let team: TeamId = team.parse().unwrap();
    let address = Rows::of_dispatcher(database).await.owner(ShardId::of(team)).await;
    let mut all = 0..platform.len();
    let owner = all.find(|index| address.ends_with(&platform.address(*index).to_string()));
    owner.expect("it is one of the platform's")
}

/// Rows of a team's deliveries.
async fn rows_of(database: &Database, team: &str) -> i64 {
    let team: TeamId = team.parse().unwrap();
    Rows::of_dispatcher(database).await.deliveries_of(team).await
}

#[test]
fn what_is_held_parked_or_retried_moves_and_keeps_its_order() {
    on_two_cells(async |platform, first, second| {
        let admin = platform.admin();
        let team = &admin.team("Acme").await;
        let endpoints = [receiver().await, receiver().await, receiver().await];
        let [(held, held_at), (parked, parked_at), (retried, retried_at)] = &endpoints;
        let ordered = DeliveryPolicy {
            max_concurrency: 1,
            retry_delays: vec![seconds(5); 10],
            ..Default::default()
        };
        let mut channels = Vec::new();
        for (name, receiver) in [("held", held), ("parked", parked), ("retried", retried)] {
            channels.push(
                admin
                    .subscribe(team, name, &receiver.url(), ordered.clone())
                    .await,
            );
        }
        let always = config::QuietHours {
            time_zone: "UTC".to_owned(),
            windows: vec![config::QuietWindow {
                weekdays: vec![],
                start: "00:00".to_owned(),
                end: "23:59".to_owned(),
            }],
            ..Default::default()
        };
        change(admin, team, &channels[0], "quiet_hours", |channel| {
            channel.quiet_hours = Some(always);
        })
        .await;
        // One is under way, so that the others wait when the channel is paused.
        parked.behave(Behaviour::delayed(Duration::from_secs(3)));
        retried.behave(Behaviour::status(503));
        let router = &platform.clients("router")[0];
        let mut ids = Vec::new();
        for number in 0..40 {
            let id = format!("before-{number:02}");
            router.emit(team, high(&id)).await.unwrap();
            ids.push(id);
        }
        change(admin, team, &channels[1], "paused", |channel| {
            channel.paused = true;
        })
        .await;
        let dispatcher = &platform.clients("dispatcher")[0];
        let ada = &join(admin, team, "ada@acme.example", config::Role::Member).await;
        let read = inbox_page(dispatcher, team, ada, "").await.notifications[0]
            .id
            .clone();
        let request = MarkReadRequest {
            team_id: team.clone(),
            member_id: ada.clone(),
            notification_ids: vec![read.clone()],
        };
        dispatcher.inbox().mark_read(request).await.unwrap();
        let first_page = inbox_page(dispatcher, team, ada, "").await;
        for (channel, state) in channels.iter().zip([DeliveryState::Held, DeliveryState::Parked]) {
            eventually(&format!("all are {state:?}"), || async {
                let deliveries = dispatcher.deliveries_of(team, channel).await;
                let waits = |one: &&Delivery| one.state() == state;
                let has_come = |one: &&Delivery| one.state() == DeliveryState::Delivered;
                let (waiting, come) = (
                    deliveries.iter().filter(waits).count(),
                    deliveries.iter().filter(has_come).count(),
                );
                (waiting > 0 && waiting + come == 40).then_some(())
            })
            .await;
        }
        eventually("what is retried was tried", || async {
            (!retried_at.lock().is_empty()).then_some(())
        })
        .await;
        let cursor = newest_cursor(dispatcher, team).await;

        move_team(admin, team, "eu").await;

        // Anybody can be asked, and a position is good in the new cell.
        let events = ask_events(dispatcher, team, FINDING).await;
        assert_eq!(events, Some(40), "the log has moved, too");
        ids.push("after".to_owned());
        router.emit(team, high("after")).await.unwrap();
        assert_eq!(next_event(dispatcher, team, &cursor).await, "after");
        let second_time = router.emit(team, high("before-07")).await.unwrap();
        assert!(second_time.duplicate, "ids are known in the new cell");
        assert!(rows_of(second, team).await > 0);
        assert_eq!(rows_of(first, team).await, 0);
        let second_page = inbox_page(dispatcher, team, ada, &first_page.next_page_token).await;
        let both = first_page.notifications.iter().chain(&second_page.notifications);
        let (distinct, unread): (BTreeSet<_>, Vec<_>) = both.map(|one| (&one.id, !one.read)).unzip();
        assert_eq!(distinct.len(), 40, "a page token is good in the new cell");
        assert_eq!(
            unread.iter().filter(|unread| **unread).count(),
            39,
            "what was read stays read"
        );
        let newest = eventually("what is new is in the inbox", || async {
            let page = inbox_page(dispatcher, team, ada, "").await.notifications;
            (page[0].event_id == "after").then_some(!page[0].read)
        });
        assert!(newest.await);

        change(admin, team, &channels[0], "quiet_hours", |channel| {
            channel.quiet_hours = None;
        })
        .await;
        change(admin, team, &channels[1], "paused", |channel| {
            channel.paused = false;
        })
        .await;
        parked.behave(Behaviour::ok());
        retried.behave(Behaviour::ok());
        // A paused channel gets nothing new.
        for (name, arrivals, expected) in [("held", held_at, &ids[..]), ("parked", parked_at, &ids[..40])] {
            eventually(&format!("all of {name} arrive"), || async {
                (arrivals.lock().len() >= expected.len()).then_some(())
            })
            .await;
            assert_eq!(*arrivals.lock(), expected, "{name}: once, and in order");
        }
        let is_there = |id: &String| retried_at.lock().iter().any(|arrived| arrived == id);
        eventually("what was retried arrives", || async {
            let deliveries = dispatcher.deliveries_of(team, &channels[2]).await;
            let delivered = deliveries
                .iter()
                .filter(|one| one.state() == DeliveryState::Delivered);
            (delivered.count() == ids.len() && ids.iter().all(is_there)).then_some(())
        })
        .await;
        // Writes are passed on, too.
        let delivered = dispatcher.deliveries_of(team, &channels[0]).await;
        let request = ReplayRequest {
            team_id: team.clone(),
            delivery_id: delivered[0].id.clone(),
            ..Default::default()
        };
        dispatcher.dispatcher().replay(request).await.unwrap();
        eventually("the replay arrives", || async {
            (held_at.lock().len() == ids.len() + 1).then_some(())
        })
        .await;
    });
}

#[test]
fn cells_are_added_and_teams_are_moved_as_far_as_that_makes_sense() {
    on_two_cells(async |platform, _, _| {
        let admin = platform.admin();
        let reason = |status: tonic::Status| {
            let details = status.get_error_details();
            let reason = details.error_info().map(|info| info.reason.clone());
            (status.code(), reason.unwrap_or_default())
        };
        let refused = |code, reason: &str| (code, reason.to_owned());
        let main = format!("http://{}", platform.address(platform.indices("dispatcher")[0]));
        let add = |name: &'static str, address: String| async move {
            reason(add(admin, name, &[address]).await.unwrap_err())
        };
        assert_eq!(
            add("us", main.clone()).await,
            refused(Code::FailedPrecondition, "CELL_KNOWN")
        );
        assert_eq!(
            add("eu", main.clone()).await,
            refused(Code::AlreadyExists, "ALREADY_EXISTS")
        );
        assert_eq!(
            add("us", "http://127.0.0.1:1".to_owned()).await,
            refused(Code::FailedPrecondition, "CELL_UNREACHABLE")
        );
        assert_eq!(
            add("Us", main).await,
            refused(Code::InvalidArgument, "INVALID_REQUEST")
        );
        let team = &admin.team("Acme").await;
        let again = ask_to_move(admin, team, "main").await.unwrap_err();
        assert_eq!(reason(again), refused(Code::FailedPrecondition, "LIVES_THERE"));
        let nowhere = ask_to_move(admin, team, "us").await.unwrap_err();
        assert_eq!(reason(nowhere), refused(Code::NotFound, "NOT_FOUND"));
        let moved = move_team(admin, team, "eu").await;
        assert_eq!(
            ask_to_move(admin, team, "eu").await.unwrap(),
            moved,
            "the same call again says what came of it"
        );
    });
}

#[test]
fn a_teams_digest_counts_what_was_there_before_it_moved_and_goes_out_of_its_new_cell() {
    on_two_cells(async |mut platform, first, second| {
        platform.add_digest(first).await;
        let admin = platform.admin();
        let team = &admin.team("Acme").await;
        join(admin, team, "ada@acme.example", config::Role::Owner).await;
        let router = &platform.clients("router")[0];
        let last_week = SystemClock::new().now() - TimeDelta::days(7);
        for id in ["before", "before-too"] {
            router.emit(team, audit(id, last_week)).await.unwrap();
        }
        move_team(admin, team, "eu").await;
        router.emit(team, audit("after", last_week)).await.unwrap();

        let digest = &platform.clients("digest")[0];
        let request = PreviewDigestRequest {
            team_id: team.clone(),
        };
        let preview = digest
            .digest()
            .preview_digest(request)
            .await
            .unwrap()
            .into_inner();
        let audits = preview.digest.unwrap().audits_delivered.unwrap();
        assert_eq!(audits.current, 3.0, "{audits:?}");
        let request = SendDigestRequest {
            team_id: team.clone(),
        };
        let sent = digest.digest().send_digest(request).await.unwrap().into_inner();
        assert!(sent.sent, "{sent:?}");
        let dispatcher = &platform.clients("dispatcher")[0];
        assert_eq!(
            ask_events(dispatcher, team, "digest.weekly").await,
            Some(1),
            "it is an event of the team"
        );
        assert_eq!(rows_of(first, team).await, 0);
        assert!(rows_of(second, team).await > 0);
    });
}

/// An audit that was delivered then.
fn audit(id: &str, at: DateTime<Utc>) -> Event {
    Event {
        id: id.to_owned(),
        r#type: "audit.delivered".to_owned(),
        occurred_at: Some(timestamp(at)),
        payload: Some(Payload::DataJson(
            serde_json::json!({"audit_id": id}).to_string().into(),
        )),
        ..Default::default()
    }
}

#[test]
fn a_team_that_moved_on_is_found_from_where_it_was_before() {
    on_cluster(async |cluster, first| {
        let mut platform = platform(first, 1).await;
        let second = add_cell(&mut platform, cluster, first, "eu", 1).await;
        let third = add_cell(&mut platform, cluster, first, "us", 1).await;
        let admin = platform.admin();
        let team = &admin.team("Acme").await;
        let router = &platform.clients("router")[0];
        router.emit(team, finding("in-main")).await.unwrap();
        for (number, to) in ["eu", "us"].into_iter().enumerate() {
            move_team(admin, team, to).await;
            router.emit(team, finding(&format!("in-{to}"))).await.unwrap();
            for service in ["dispatcher", "cell dispatcher"] {
                for dispatcher in platform.clients(service) {
                    eventually(&format!("a {service} finds the team in {to}"), || async {
                        (ask_events(&dispatcher, team, FINDING).await? == number + 2).then_some(())
                    })
                    .await;
                }
            }
        }
        assert_eq!((rows_of(first, team).await, rows_of(&second, team).await), (0, 0));
        assert!(rows_of(&third, team).await > 0);
    });
}

/// A webhook endpoint, and the ids of what arrives there.
async fn receiver() -> (WebhookReceiver, Arc<Mutex<Vec<String>>>) {
    let arrivals: Arc<Mutex<Vec<String>>> = Arc::default();
    let noting = arrivals.clone();
    let receiver = WebhookReceiver::builder()
        .on_arrival(move |arrival| {
            let id = arrival.headers["webhook-id"].to_str().expect("ids are ASCII");
            noting.lock().push(id.to_owned());
        })
        .start()
        .await
        .expect("an endpoint");
    (receiver, arrivals)
}

/// A page of 30 of a member's inbox.
async fn inbox_page(client: &Client, team: &str, member: &str, token: &str) -> ListNotificationsResponse {
    let request = ListNotificationsRequest {
        team_id: team.to_owned(),
        member_id: member.to_owned(),
        page_size: 30,
        page_token: token.to_owned(),
        ..Default::default()
    };
    client
        .inbox()
        .list_notifications(request)
        .await
        .unwrap()
        .into_inner()
}

/// How many events of a type a team has, if somebody answers.
async fn ask_events(client: &Client, team: &str, event_type: &str) -> Option<usize> {
    let request = ListEventsRequest {
        team_id: team.to_owned(),
        types: vec![event_type.to_owned()],
        page_size: 1_000,
        ..Default::default()
    };
    let listed = client.dispatcher().list_events(request).await.ok()?;
    Some(listed.into_inner().events.len())
}

/// Where a team's feed stands.
async fn newest_cursor(client: &Client, team: &str) -> String {
    let request = StreamEventsRequest {
        team_id: team.to_owned(),
        ..Default::default()
    };
    let mut stream = client
        .dispatcher()
        .stream_events(request)
        .await
        .unwrap()
        .into_inner();
    let first: StreamEventsResponse = stream.next().await.unwrap().unwrap();
    first.cursor
}

/// The first event after a cursor.
async fn next_event(client: &Client, team: &str, cursor: &str) -> String {
    let request = StreamEventsRequest {
        team_id: team.to_owned(),
        cursor: cursor.to_owned(),
        // Changes of channels are events, too.
        types: vec![FINDING.to_owned()],
        ..Default::default()
    };
    let mut stream = client
        .dispatcher()
        .stream_events(request)
        .await
        .unwrap()
        .into_inner();
    loop {
        let answer = stream.next().await.unwrap().unwrap();
        if let Some(event) = answer.event.and_then(|accepted| accepted.event) {
            return event.id;
        }
    }
}

async fn change(admin: &Client, team: &str, id: &str, path: &str, change: impl FnOnce(&mut config::Channel)) {
    let request = config::GetChannelRequest {
        team_id: team.to_owned(),
        channel_id: id.to_owned(),
    };
    let channel = admin.channels().get_channel(request).await.unwrap();
    let mut channel = channel.into_inner().channel.unwrap();
    change(&mut channel);
    let request = config::UpdateChannelRequest {
        team_id: team.to_owned(),
        channel: Some(channel),
        update_mask: Some(prost_types::FieldMask {
            paths: vec![path.to_owned()],
        }),
        ..Default::default()
    };
    admin.channels().update_channel(request).await.unwrap();
}

fn high(id: &str) -> Event {
    Event {
        severity: Severity::High.into(),
        ..finding(id)
    }
}

const fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}
