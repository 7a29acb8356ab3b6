//! The stream of a team's events: by gRPC, as server-sent events and by the command line, while events are accepted; and the operational
//! events among them.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use tonic::Code;
use watchbell_contracts::dispatcher::v1::{StreamEventsRequest, StreamEventsResponse};
use watchbell_contracts::event::v1::Event;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_testkit::{Behaviour, WebhookReceiver};

use crate::harness::{Client, Process, Serve, binary, finding, on_both_databases};

const CALLERS: usize = 8;
const EACH: usize = 40;

/// The ids of events until so many have come, and the cursor after each.
async fn read(client: &Client, request: StreamEventsRequest, count: usize) -> Vec<(String, String)> {
    let mut events = client
        .dispatcher()
        .stream_events(request)
        .await
        .unwrap()
        .into_inner();
    let mut read = Vec::new();
    while read.len() < count {
        let StreamEventsResponse { event, cursor } =
            events.message().await.unwrap().expect("the stream goes on");
        let event = event.map(|accepted| accepted.event.unwrap());
        // Watchbell's own come when they may.
        let event = event.filter(|event| event.r#type == "finding.created");
        read.extend(event.map(|event| (event.id, cursor)));
    }
    read
}

/// The ids and cursors of the lines of the command.
fn lines(process: &Process, team: &str, more: &[&str], count: usize) -> Vec<(String, String)> {
    let mut child = Command::new(binary())
        .args([
            "events",
            "stream",
            "--json",
            "--type",
            "finding.*",
            "--team",
            team,
        ])
        .args(["--server", &format!("http://{}", process.address)])
        .args(more)
        .env("WATCHBELL_KEY", process.admin_key())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let read = output.lines().take(count).map(|line| {
        let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        (text(&line["event"]["event"]["id"]), text(&line["cursor"]))
    });
    let read = read.collect();
    child.kill().unwrap();
    child.wait().unwrap();
    read
}

on_both_databases! {
    async fn no_event_is_left_out_and_none_comes_twice_while_others_are_accepted(database: Database) {
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Stream").await;
        let from_beginning = StreamEventsRequest {
            team_id: team.clone(),
            from_beginning: true,
            ..Default::default()
        };
        let (all, from) = (CALLERS * EACH, from_beginning.clone());
        let reader = client.clone();
        let live = tokio::spawn(async move { read(&reader, from, all).await });
        let callers = (0..CALLERS).map(|caller| {
            let (client, team) = (client.clone(), team.clone());
            async move {
                for number in 0..EACH {
                    client.emit(&team, finding(&format!("{caller}-{number:02}"))).await.unwrap();
                }
            }
        });
        futures::future::join_all(callers).await;
        let live = live.await.unwrap();
        let ids: BTreeSet<_> = live.iter().map(|(id, _)| id).collect();
        assert_eq!((live.len(), ids.len()), (all, all), "each once");
        // A caller's events are in the order in which it emitted them.
        for caller in 0..CALLERS {
            let prefix = format!("{caller}-");
            let of_caller: Vec<_> = live.iter().map(|(id, _)| id).filter(|id| id.starts_with(&prefix)).collect();
            assert!(of_caller.is_sorted(), "{of_caller:?}");
        }
        assert_eq!(read(&client, from_beginning, all).await, live, "the same order, whenever it is read");
        let middle = &live[all / 2];
        let rest = StreamEventsRequest { team_id: team.clone(), cursor: middle.1.clone(), ..Default::default() };
        assert_eq!(read(&client, rest.clone(), all / 2 - 1).await, live[all / 2 + 1..]);
        let another = client.team("Another").await;
        let refused = client.dispatcher().stream_events(StreamEventsRequest { team_id: another, ..rest }).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument, "a cursor is of its team");

        let shown = lines(&process, &team, &["--from-beginning"], 3);
        assert_eq!(shown, live[..3]);
        assert_eq!(lines(&process, &team, &["--from", &shown[2].1], 2), live[3..5]);
    }

    async fn what_watchbell_does_for_a_team_is_told_where_it_is_named(database: Database) {
        let (operations, everything) = (WebhookReceiver::start().await.unwrap(), WebhookReceiver::start().await.unwrap());
        let gone = WebhookReceiver::start().await.unwrap();
        gone.behave(Behaviour::status(410));
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Operations").await;
        client.webhook(&team, "operations", &operations.url(), &["delivery.failed", "config.*"]).await;
        client.webhook(&team, "everything", &everything.url(), &["*"]).await;
        client.webhook(&team, "gone", &gone.url(), &["finding.*"]).await;
        client.emit(&team, finding("f1")).await.unwrap();
        let mut types = BTreeSet::new();
        let mut stream = client.dispatcher().stream_events(StreamEventsRequest {
            team_id: team.clone(),
            from_beginning: true,
            ..Default::default()
        }).await.unwrap().into_inner();
        while types.len() < 4 {
            let response = stream.message().await.unwrap().expect("the stream goes on");
            types.extend(response.event.map(|accepted| accepted.event.unwrap().r#type));
        }
        let expected = ["channel.unhealthy", "config.changed", "delivery.failed", "finding.created"];
        assert_eq!(types, expected.map(str::to_owned).into());
        let told = operations.wait_for(2).await.unwrap();
        let bodies: Vec<serde_json::Value> = told.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
        let types: BTreeSet<_> = bodies.iter().map(|body| body["event"]["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["config.changed", "delivery.failed"].into());
        let failed = bodies.iter().find(|body| body["event"]["type"] == "delivery.failed").unwrap();
        assert_eq!((&failed["data"]["channel"], &failed["data"]["count"]), (&"gone".into(), &1.into()));
        everything.wait_for(1).await.unwrap();
        assert_eq!(everything.count(), 1, "only the finding");
        let forged = Event {
            r#type: "delivery.failed".to_owned(),
            payload: Some(Payload::DataJson(r#"{"kind":"WEBHOOK","count":1}"#.into())),
            ..finding("forged")
        };
        let refused = client.emit(&team, forged).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("event.type"), "{}", refused.message());
    }
}
