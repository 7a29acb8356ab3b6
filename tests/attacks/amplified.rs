//! Few bytes that ask for much: requests of very many small parts, events that go everywhere, frames that touch every stream.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use watchbell_contracts::config::v1::Channel;

use super::siege::{Attacker, at_once, withstands, withstands_on_postgres};
use super::{emit_batch, filtered, nothing};

/// The largest request, in bytes.
const LARGEST: usize = 5 * 1024 * 1024;
/// A team's channels that take every event.
const CHANNELS: usize = 60;
/// Streams that are open on a connection, and their last number.
const STREAMS: u32 = 900;

/// Posts a message as protobuf; the status of the answer.
async fn post(attacker: &Attacker, rpc: &str, body: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect(attacker.process.address).await.ok()?;
    let head = format!(
        "POST /{rpc} HTTP/1.1\r\nhost: watchbell\r\nauthorization: Bearer {}\r\ncontent-type: application/proto\r\n\
         content-length: {}\r\n\r\n",
        attacker.client.secret(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(body).await.ok()?;
    let mut answer = [0; 64];
    let read = stream.read(&mut answer).await.ok()?;
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    answer.split(' ').nth(1).map(ToOwned::to_owned)
}

#[test]
fn requests_of_very_many_parts_take_no_memory() {
    withstands(nothing, async |attacker| {
        for (rpc, part) in [
            ("watchbell.router.v1.RouterService/EmitBatch", b"\x12\x00"),
            ("watchbell.router.v1.RouterService/Backtest", b"\x32\x00"),
            ("watchbell.config.v1.PreferenceService/Unsubscribe", b"\x22\x00"),
        ] {
            let body = part.repeat(LARGEST / 2 - 100);
            let answers = at_once(4, async |_| post(attacker, rpc, &body).await).await;
            for answer in answers.into_iter().flatten() {
                assert!(
                    ["400", "429", "415"].contains(&answer.as_str()),
                    "{rpc}: {answer}"
                );
            }
        }
    });
}

async fn channels_for_everything(attacker: &Attacker) {
    for number in 0..CHANNELS {
        let channel = Channel {
            display_name: format!("everything {number}"),
            ..filtered("true")
        };
        let made = attacker.client.channel(&attacker.team, channel).await;
        made.expect("a team has so many channels");
    }
}

async fn batches(attacker: &Attacker) {
    at_once(8, async |_| emit_batch(attacker, 500).await).await;
}

#[test]
fn batches_of_events_that_go_everywhere_delay_nobody_else() {
    withstands(channels_for_everything, batches);
}

#[test]
fn batches_of_events_that_go_everywhere_delay_nobody_else_on_postgres() {
    withstands_on_postgres(channels_for_everything, batches);
}

/// A frame of HTTP/2 (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A connection with many streams that have begun and do not end.
fn opened() -> Vec<u8> {
    let (headers_frame, end_headers, settings_frame) = (1, 4, 4);
    // `:method POST`, `:scheme http`, `:path` and `:authority` (RFC 7541, appendix A), none of them indexed.
    let headers = b"\x83\x86\x04\x06/x.Y/Z\x01\x01x";
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(settings_frame, 0, 0, &[]));
    for stream in 0..STREAMS {
        bytes.extend(frame(headers_frame, end_headers, 2 * stream + 1, headers));
    }
    bytes
}

/// Changes the window of every stream, and changes it back.
fn toggles() -> Vec<u8> {
    let window = |size: u16| {
        let [high, low] = size.to_be_bytes();
        frame(4, 0, 0, &[0, 4, 0, 0, high, low])
    };
    [window(1000), window(1001)].concat().repeat(500)
}

#[test]
fn settings_that_change_every_stream_again_and_again_stop_nobody() {
    withstands(nothing, async |attacker| {
        at_once(4, async |_| {
            let mut stream = TcpStream::connect(attacker.process.address).await.ok()?;
            stream.write_all(&opened()).await.ok()?;
            let toggles = toggles();
            let mut answers = vec![0; 64 * 1024];
            while stream.write_all(&toggles).await.is_ok() {
                // Answers are read, so that the connection is not closed for that.
                while stream.try_read(&mut answers).is_ok_and(|read| read > 0) {}
            }
            Some(())
        })
        .await;
    });
}
