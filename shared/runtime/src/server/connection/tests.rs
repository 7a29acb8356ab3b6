//! What clients may do with a connection of HTTP/2 without losing it, told in frames (RFC 9113 §6).

use axum::Router;
use axum::extract::Request as AnyRequest;
use axum::routing::post;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tower::Layer as _;

use super::*;
use crate::server::connections::Connections;
use crate::server::web::WebLayer;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// A client that writes frames, and reads what comes.
struct Wire {
    stream: TcpStream,
    /// Window of each stream, as the server has said.
    window: usize,
}

struct Frame {
    kind: u8,
    flags: u8,
    payload: Vec<u8>,
}

impl Wire {
    /// A connection to a server that answers `/now` without reading its body, and never reads or answers `/never`.
    async fn connect() -> Self {
        let routes = Router::new()
            .route("/now", post(|_: AnyRequest| async {}))
            .route("/never", post(|_: AnyRequest| std::future::pending::<()>()));
        let app = WebLayer::new(&[]).layer(Routes::from(routes));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, address) = listener.accept().await.unwrap();
        let connection = Connections::new(2).admit(address).unwrap();
        let protocol = Protocol::new(1_024, None, app);
        tokio::spawn(protocol.serve(accepted, connection, CancellationToken::new()));
        let mut wire = Self { stream, window: 0 };
        wire.stream
            .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            .await
            .unwrap();
        wire.write(SETTINGS, 0, 0, &[]).await;
        let settings = wire.read_until(SETTINGS, 0).await;
        wire.window = settings
            .payload
            .chunks_exact(6)
            .find(|setting| setting[..2] == INITIAL_WINDOW_SIZE.to_be_bytes())
            .map(|setting| u32::from_be_bytes(setting[2..].try_into().unwrap()) as usize)
            .unwrap();
        wire
    }

    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = length[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.stream.write_all(&frame).await.unwrap();
    }

    /// Opens a stream with a POST whose body is to come.
    async fn post(&mut self, stream: u32, path: &str) {
        // HPACK (RFC 7541): `:method POST`, `:scheme http`, and literals for `:path` and `:authority`.
        let mut fields = vec![0x83, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
        fields.extend(path.bytes());
        fields.extend([0x01, 1, b'x']);
        self.write(HEADERS, END_HEADERS, stream, &fields).await;
    }

    async fn read(&mut self) -> Frame {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.stream.read_exact(&mut payload).await.unwrap();
        Frame {
            kind: head[3],
            flags: head[4],
            payload,
        }
    }

    /// Reads up to a frame of this kind with these flags.
    async fn read_until(&mut self, kind: u8, flags: u8) -> Frame {
        loop {
            let frame = self.read().await;
            assert_ne!(
                frame.kind,
                GO_AWAY,
                "the server closes the connection: {}",
                String::from_utf8_lossy(&frame.payload)
            );
            if frame.kind == kind && frame.flags & flags == flags {
                return frame;
            }
        }
    }
}

#[tokio::test]
async fn bodies_that_come_after_their_answers_leave_the_connection_open() {
    let mut wire = Wire::connect().await;
    let mut streams = (1..).step_by(2);
    for _ in 0..3 {
        let some: Vec<u32> = streams.by_ref().take(500).collect();
        for stream in &some {
            wire.post(*stream, "/now").await;
        }
        for _ in &some {
            wire.read_until(HEADERS, END_STREAM).await;
        }
        for stream in &some {
            wire.write(DATA, END_STREAM, *stream, b"late").await;
        }
    }
    wire.post(streams.next().unwrap(), "/now").await;
    wire.read_until(HEADERS, END_STREAM).await;
}

#[tokio::test]
async fn small_frames_that_nobody_reads_yet_leave_the_connection_open() {
    let mut wire = Wire::connect().await;
    for stream in [1, 3] {
        wire.post(stream, "/never").await;
        for _ in 0..wire.window / 100 {
            wire.write(DATA, 0, stream, &[0; 100]).await;
        }
    }
    wire.post(5, "/now").await;
    wire.read_until(HEADERS, END_STREAM).await;
}
