//! Who reads: long filters, large events on many streams, and readers that do not read on.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use watchbell_contracts::config::v1::{CreateRuleRequest, Group, Rule};
use watchbell_contracts::dispatcher::v1::{
    AlertState, ListAlertsRequest, ListDeliveriesRequest, ListEventsRequest, StreamEventsRequest,
};

use super::siege::{Attacker, at_once, withstands, withstands_on_postgres};
use super::{event, inputs, nothing};

/// Events that the attacker's streams begin with.
const EVENTS: usize = 30;

async fn long_filters(attacker: &Attacker) {
    let team_id = || attacker.team.clone();
    at_once(4, async |_| {
        let client = &attacker.client;
        let alerts = ListAlertsRequest {
            team_id: team_id(),
            states: vec![AlertState::Open.into(); 200_000],
            ..Default::default()
        };
        attacker.note(client.alerts().list_alerts(alerts).await);
        let types = vec!["finding.*".to_owned(); 60_000];
        let deliveries = ListDeliveriesRequest {
            team_id: team_id(),
            types: types.clone(),
            ..Default::default()
        };
        attacker.note(client.dispatcher().list_deliveries(deliveries).await);
        let events = ListEventsRequest {
            team_id: team_id(),
            types,
            ..Default::default()
        };
        attacker.note(client.dispatcher().list_events(events).await);
        let rule = Rule {
            display_name: "gathers".to_owned(),
            group: Some(Group {
                by: (0..150_000).map(|number| format!("data.n{number}")).collect(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let create = CreateRuleRequest {
            team_id: team_id(),
            rule: Some(rule),
            ..Default::default()
        };
        attacker.note(client.routing().create_rule(create).await);
    })
    .await;
}

#[test]
fn long_filters_take_no_threads_that_serve_others() {
    withstands(nothing, long_filters);
}

#[test]
fn long_filters_take_no_threads_on_postgres_either() {
    withstands_on_postgres(nothing, long_filters);
}

/// Events whose data has as many values as can be.
async fn emit_large(attacker: &Attacker) {
    for _ in 0..EVENTS {
        let large = event("scan.started", inputs::zeros(120_000));
        attacker.note(attacker.client.emit(&attacker.team, large).await);
    }
}

#[test]
fn fast_readers_of_large_events_slow_nobody_elses() {
    withstands(emit_large, async |attacker| {
        at_once(4, async |_| {
            let client = attacker.client.at(&attacker.process);
            let request = StreamEventsRequest {
                team_id: attacker.team.clone(),
                from_beginning: true,
                ..Default::default()
            };
            let Ok(answer) = client.dispatcher().stream_events(request).await else {
                return;
            };
            let mut events = answer.into_inner();
            for _ in 0..EVENTS {
                if !matches!(events.message().await, Ok(Some(_))) {
                    return;
                }
            }
        })
        .await;
    });
}

/// Opens a stream of server-sent events from the beginning.
async fn server_sent(attacker: &Attacker) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(attacker.process.address).await.ok()?;
    let request = format!(
        "GET /events/stream?from_beginning=true HTTP/1.1\r\nhost: watchbell\r\nauthorization: Bearer {}\r\n\r\n",
        attacker.client.secret()
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    Some(stream)
}

#[test]
fn fast_readers_of_large_server_sent_events_slow_nobody_elses() {
    withstands(emit_large, async |attacker| {
        at_once(4, async |_| {
            let mut stream = server_sent(attacker).await?;
            let (mut read, mut buffer) = (0, vec![0; 64 * 1024]);
            while read < EVENTS * 240_000 {
                match stream.read(&mut buffer).await.ok()? {
                    0 => return None,
                    count => read += count,
                }
            }
            Some(())
        })
        .await;
    });
}

#[test]
fn readers_that_do_not_read_on_take_no_memory() {
    withstands(emit_large, async |attacker| {
        let open = at_once(1_000, async |_| {
            let mut stream = server_sent(attacker).await?;
            let mut beginning = [0; 60];
            stream.read_exact(&mut beginning).await.ok()?;
            Some(stream)
        })
        .await;
        let open: Vec<_> = open.into_iter().flatten().collect();
        assert!(open.len() > 100, "{} streams were answered", open.len());
    });
}
