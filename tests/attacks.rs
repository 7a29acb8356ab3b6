//! One team's worst calls, repeated, while another team's events go on being accepted. By itself each attack is brief and
//! nothing is timed; with `WATCHBELL_TEST_ATTACK_SECONDS`, and `WATCHBELL_TEST_BINARY` for a release binary, the victim's
//! latency is bounded, too.

mod amplified;
mod inputs;
mod readers;
mod siege;

use std::sync::OnceLock;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    CreateChannelRequest, CreateEventTypeRequest, EventFilter, UnsubscribeRequest, WebhookDestination,
};
use watchbell_contracts::dispatcher::v1::{
    GetEventRequest, ListDeliveriesRequest, ListEventsRequest, WatchDeliveriesRequest, WatchRequest,
};
use watchbell_contracts::event::v1::Event;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::router::v1::{EmitBatchRequest, EmitRequest, EmitResponse, EmitStreamRequest};
use watchbell_model::convert;

use self::siege::{Attacker, SILENT_ZONE, at_once, many, withstands, withstands_on_postgres};
use crate::harness::{Client, finding};

async fn nothing(_: &Attacker) {}

fn event(r#type: &str, data: String) -> Event {
    Event {
        id: String::new(),
        r#type: r#type.to_owned(),
        payload: Some(Payload::DataJson(data.into())),
        ..finding("x")
    }
}

/// A webhook with a CEL filter, which is evaluated for every event.
fn filtered(expression: &str) -> config::Channel {
    config::Channel {
        display_name: "filtered".to_owned(),
        destination: Some(Destination::Webhook(WebhookDestination {
            url: "http://127.0.0.1:9/".to_owned(),
            filter: Some(EventFilter {
                types: vec!["*".to_owned()],
                expression: expression.to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        })),
        ..Default::default()
    }
}

async fn custom_type(attacker: &Attacker, name: &str, schema: &Value) {
    let request = CreateEventTypeRequest {
        team_id: attacker.team.clone(),
        event_type: Some(config::EventType {
            name: name.to_owned(),
            data_schema: schema.as_object().map(convert::structure),
            ..Default::default()
        }),
        validate_only: false,
    };
    // Refused is as good as harmless.
    attacker.note(attacker.client.catalog().create_event_type(request).await);
}

#[test]
fn nesting_behind_a_magic_key_ends_no_process() {
    let prepare = async |attacker: &Attacker| {
        let made = attacker
            .client
            .channel(&attacker.team, filtered("has(event.data.a)"))
            .await;
        attacker.note(made);
    };
    withstands(prepare, async |attacker| {
        for key in ["$serde_json", "\\\\u0024serde_json"] {
            let data = inputs::magic_nesting().replace("$serde_json", key);
            let emitted = attacker
                .client
                .emit(&attacker.team, event("finding.created", data))
                .await;
            assert!(emitted.is_err(), "nothing nests so deep");
            attacker.note(emitted);
        }
        // In a struct it is text, however deep it would be for a parser.
        for text in ["[1]", &"[".repeat(20_000)] {
            let data =
                json!({"finding_id": "x", "title": "x", "resource": "x", "b": {inputs::MAGIC_KEY: text}});
            let event = Event {
                payload: data.as_object().map(convert::structure).map(Payload::Data),
                ..event("finding.created", String::new())
            };
            let emitted = attacker.client.emit(&attacker.team, event).await;
            let refused = emitted.as_ref().err().map(Status::code);
            assert!(
                matches!(refused, None | Some(Code::ResourceExhausted)),
                "{refused:?}"
            );
            attacker.note(emitted);
        }
    });
}

#[test]
fn a_schema_with_many_alternatives_takes_no_memory() {
    let prepare =
        async |attacker: &Attacker| custom_type(attacker, "acme.many", &inputs::alternatives()).await;
    withstands(prepare, async |attacker| {
        for count in [1_000, 100_000] {
            let emitted = attacker
                .client
                .emit(&attacker.team, event("acme.many", inputs::zeros(count)))
                .await;
            attacker.note(emitted);
        }
        let example = serde_json::from_str::<Value>(&inputs::zeros(1_000)).unwrap();
        let request = CreateEventTypeRequest {
            team_id: attacker.team.clone(),
            event_type: Some(config::EventType {
                name: "acme.example".to_owned(),
                data_schema: inputs::alternatives().as_object().map(convert::structure),
                example: example.as_object().map(convert::structure),
                ..Default::default()
            }),
            validate_only: true,
        };
        attacker.note(attacker.client.catalog().create_event_type(request).await);
    });
}

#[test]
fn patterns_and_expressions_take_no_threads_that_serve_others() {
    let prepare = async |attacker: &Attacker| {
        custom_type(attacker, "acme.slow", &inputs::slow_pattern()).await;
        for expression in inputs::slow_expressions() {
            let made = attacker
                .client
                .channel(&attacker.team, filtered(&expression))
                .await;
            attacker.note(made);
        }
    };
    withstands(prepare, async |attacker| {
        at_once(8, async |_| {
            for r#type in ["acme.slow", "scan.started"] {
                let emitted = attacker
                    .client
                    .emit(&attacker.team, event(r#type, inputs::letters(250_000)))
                    .await;
                attacker.note(emitted);
            }
        })
        .await;
    });
}

/// Opens calls of this path whose bodies never end, on connections of their own.
async fn endless_bodies(attacker: &Attacker, path: &'static str, key: Option<&str>) {
    at_once(9, async |_| {
        let endpoint = Endpoint::from_shared(format!("http://{}", attacker.process.address)).unwrap();
        let channel = endpoint.connect_lazy();
        let answers = at_once(many(1_000), async |_| {
            let mut grpc = Grpc::new(channel.clone());
            grpc.ready()
                .await
                .map_err(|error| Status::unknown(error.to_string()))?;
            let mut request = Request::new(futures::stream::pending::<UnsubscribeRequest>());
            if let Some(key) = key {
                request.metadata_mut().insert("x-api-key", key.parse().unwrap());
            }
            let codec = ProstCodec::<UnsubscribeRequest, config::UnsubscribeResponse>::default();
            grpc.client_streaming(request, path.parse().unwrap(), codec).await
        })
        .await;
        answers.into_iter().for_each(|answer| attacker.note(answer));
    })
    .await;
}

#[test]
fn public_calls_with_endless_bodies_keep_nobody_out() {
    withstands(nothing, async |attacker| {
        endless_bodies(
            attacker,
            "/watchbell.config.v1.PreferenceService/Unsubscribe",
            None,
        )
        .await;
    });
}

#[test]
fn one_keys_calls_with_endless_bodies_keep_nobody_else_out() {
    withstands(nothing, async |attacker| {
        let key = attacker.client.secret();
        endless_bodies(attacker, "/watchbell.router.v1.RouterService/Emit", Some(&key)).await;
    });
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    withstands(nothing, async |attacker| {
        let open = at_once(300, async |number| {
            let mut stream = TcpStream::connect(attacker.process.address).await.ok()?;
            let said = if number % 2 == 0 {
                &b""[..]
            } else {
                b"PRI * HTTP/2.0\r\n"
            };
            stream.write_all(said).await.ok()?;
            Some(stream)
        })
        .await;
        std::mem::forget(open);
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    });
}

#[test]
fn names_of_a_silent_zone_delay_nobody_elses_look_ups() {
    withstands(nothing, async |attacker| {
        at_once(700, async |number| {
            let request = CreateChannelRequest {
                team_id: attacker.team.clone(),
                channel: Some(config::Channel {
                    display_name: "silent".to_owned(),
                    destination: Some(Destination::Webhook(WebhookDestination {
                        url: format!("https://n{number}.{SILENT_ZONE}/"),
                        ..Default::default()
                    })),
                    ..Default::default()
                }),
                validate_only: true,
            };
            attacker.note(attacker.client.channels().create_channel(request).await);
        })
        .await;
    });
}

/// Opens streams of one key on connections of its own, so many of them as a connection may have each, while `busy` goes on.
async fn hold_streams<T>(
    attacker: &Attacker,
    open: impl AsyncFn(&Client) -> Result<T, Status>,
    busy: impl AsyncFn(&Attacker),
) {
    let opened = at_once(12, async |_| {
        let client = attacker.client.at(&attacker.process);
        at_once(many(1_000), async |_| open(&client).await).await
    })
    .await;
    busy(attacker).await;
    for stream in opened.into_iter().flatten() {
        attacker.note(stream);
    }
}

async fn emit_some(attacker: &Attacker) {
    at_once(100, async |_| {
        let event = Event {
            id: String::new(),
            ..finding("x")
        };
        attacker.note(attacker.client.emit(&attacker.team, event).await);
    })
    .await;
}

#[test]
fn one_keys_watched_deliveries_keep_nobody_else_out() {
    let watched = async |attacker: &Attacker| {
        let made = attacker.client.channel(&attacker.team, filtered("true")).await;
        attacker.note(made);
    };
    withstands(watched, async |attacker| {
        let open = async |client: &Client| {
            let request = WatchDeliveriesRequest {
                team_id: attacker.team.clone(),
                ..Default::default()
            };
            client.dispatcher().watch_deliveries(request).await
        };
        hold_streams(attacker, open, emit_some).await;
    });
}

#[test]
fn one_keys_watched_inboxes_keep_nobody_else_out() {
    let member = OnceLock::new();
    let prepare = async |attacker: &Attacker| {
        let request = config::CreateMemberRequest {
            team_id: attacker.team.clone(),
            member: Some(config::Member {
                display_name: "Ann".to_owned(),
                email: "ann@loud.example".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let made = attacker.client.teams().create_member(request).await.unwrap();
        member.set(made.into_inner().member.unwrap().id).unwrap();
    };
    withstands(prepare, async |attacker| {
        let open = async |client: &Client| {
            let request = WatchRequest {
                team_id: attacker.team.clone(),
                member_id: member.get().unwrap().clone(),
                ..Default::default()
            };
            client.inbox().watch(request).await
        };
        hold_streams(attacker, open, emit_some).await;
    });
}

/// Streams of events that come much faster than their key may emit, on connections of their own.
#[test]
fn one_keys_streams_of_events_keep_nobody_else_out() {
    withstands(nothing, async |attacker| {
        let large = EmitStreamRequest {
            team_id: attacker.team.clone(),
            event: Some(event("scan.started", inputs::letters(200_000))),
        };
        let opened = at_once(many(400), async |_| {
            let client = attacker.client.at(&attacker.process);
            let requests = futures::stream::iter(std::iter::repeat_n(large.clone(), 1_000));
            client.router().emit_stream(requests).await
        })
        .await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        for stream in opened {
            attacker.note(stream);
        }
    });
}

async fn emit_batch(attacker: &Attacker, count: usize) {
    let event = Event {
        id: String::new(),
        ..finding("x")
    };
    let request = EmitBatchRequest {
        team_id: attacker.team.clone(),
        events: vec![event; count],
    };
    attacker.note(attacker.client.router().emit_batch(request).await);
}

#[test]
fn large_batches_delay_nobody_else() {
    withstands(nothing, async |attacker| {
        at_once(30, async |_| emit_batch(attacker, 1_000).await).await;
    });
}

#[test]
fn large_batches_with_deliveries_delay_nobody_else() {
    let prepare = async |attacker: &Attacker| {
        for _ in 0..3 {
            let made = attacker.client.channel(&attacker.team, filtered("true")).await;
            attacker.note(made);
        }
    };
    withstands(prepare, async |attacker| {
        at_once(30, async |_| emit_batch(attacker, 1_000).await).await;
    });
}

#[test]
fn large_reads_delay_nobody_else() {
    let prepare = async |attacker: &Attacker| {
        let made = attacker.client.channel(&attacker.team, filtered("true")).await;
        attacker.note(made);
        for _ in 0..5 {
            emit_batch(attacker, many(1_000)).await;
        }
    };
    withstands(prepare, async |attacker| {
        at_once(100, async |number| {
            let team_id = attacker.team.clone();
            if number % 2 == 0 {
                let request = ListEventsRequest {
                    team_id,
                    page_size: 1_000,
                    ..Default::default()
                };
                attacker.note(attacker.client.dispatcher().list_events(request).await);
            } else {
                let request = ListDeliveriesRequest {
                    team_id,
                    page_size: 1_000,
                    ..Default::default()
                };
                attacker.note(attacker.client.dispatcher().list_deliveries(request).await);
            }
        })
        .await;
    });
}

/// What decodes to nothing, and what decodes and cannot be kept.
async fn nonsense(attacker: &Attacker) {
    let nul = "a\0b".to_owned();
    let team_id = attacker.team.clone();
    let member = config::Member {
        display_name: nul.clone(),
        email: "a@b.example".to_owned(),
        ..Default::default()
    };
    let request = config::CreateMemberRequest {
        team_id: team_id.clone(),
        member: Some(member),
        ..Default::default()
    };
    let made = attacker.client.teams().create_member(request).await;
    assert_eq!(made.as_ref().unwrap_err().code(), Code::InvalidArgument);
    attacker.note(made);
    let request = GetEventRequest {
        team_id: team_id.clone(),
        event_id: nul.clone(),
    };
    let got = attacker.client.dispatcher().get_event(request).await;
    assert!(got.is_err());
    attacker.note(got);
    let request = ListDeliveriesRequest {
        team_id: team_id.clone(),
        event_type: nul.clone(),
        ..Default::default()
    };
    attacker.note(attacker.client.dispatcher().list_deliveries(request).await);
    let request = ListEventsRequest {
        team_id: team_id.clone(),
        types: vec![nul],
        ..Default::default()
    };
    attacker.note(attacker.client.dispatcher().list_events(request).await);
    let garbage = EmitRequest {
        team_id,
        event: Some(event("finding.created", "{\0".to_owned())),
    };
    attacker.note(attacker.client.router().emit(garbage).await);

    // A number where the message has a text.
    let path = "/watchbell.router.v1.RouterService/Emit";
    let number = attacker.client.raw::<bool, EmitResponse>(path, true).await;
    assert_eq!(number.as_ref().unwrap_err().code(), Code::InvalidArgument);
    attacker.note(number);
    let nested = Event {
        payload: Some(Payload::Data(inputs::nested(60))),
        ..event("finding.created", String::new())
    };
    let nested = attacker.client.emit(&attacker.team, nested).await;
    assert_eq!(nested.as_ref().unwrap_err().code(), Code::InvalidArgument);
    attacker.note(nested);
}

#[test]
fn what_no_parser_takes_is_the_callers_fault() {
    withstands(nothing, nonsense);
}

#[test]
fn what_postgres_does_not_take_is_the_callers_fault() {
    withstands_on_postgres(nothing, nonsense);
}
