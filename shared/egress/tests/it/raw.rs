//! A server that says exactly what it is told, byte by byte.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use watchbell_egress::{EgressPolicy, GuardedUrl};

/// What happens after a request was read.
#[derive(Clone)]
pub(crate) enum Action {
    /// These bytes.
    Say(Vec<u8>),
    /// These bytes, and the connection is closed.
    SayAndClose(Vec<u8>),
    /// These bytes again and again.
    Repeat(Vec<u8>),
    /// The server's half is closed; it goes on listening.
    HalfClose,
    /// Nothing.
    Hang,
}

/// The server, and what it saw.
pub(crate) struct RawServer {
    pub(crate) url: GuardedUrl,
    seen: Arc<Mutex<Vec<(usize, String)>>>,
    ended: watch::Receiver<usize>,
}

impl RawServer {
    /// A server that asks `script` what to do, by the numbers of the connection and of the request on it.
    pub(crate) async fn start(script: impl Fn(usize, usize) -> Action + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (ending, ended) = watch::channel(0);
        let (script, requests) = (Arc::new(script), Arc::clone(&seen));
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, requests, ending) = (Arc::clone(&script), Arc::clone(&requests), ending.clone());
                tokio::spawn(async move {
                    converse(stream, |request, text| {
                        requests.lock().unwrap().push((connection, text));
                        script(connection, request)
                    })
                    .await;
                    ending.send_modify(|ended| *ended += 1);
                });
            }
        });
        Self {
            url: EgressPolicy::allowing_loopback().check_url(&url).unwrap(),
            seen,
            ended,
        }
    }

    /// The connections that the requests came over, in order.
    pub(crate) fn connections(&self) -> Vec<usize> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|(connection, _)| *connection).collect()
    }

    /// The requests, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|(_, text)| text.clone()).collect()
    }

    /// Waits until `n` connections have ended, whoever closed them.
    pub(crate) async fn until_ended(&self, n: usize) {
        let mut ended = self.ended.clone();
        let waiting = ended.wait_for(|ended| *ended >= n);
        let seen = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        assert!(seen.is_ok(), "connections stay open that should have ended");
    }
}

async fn converse(mut stream: TcpStream, mut action: impl FnMut(usize, String) -> Action) {
    for number in 0.. {
        let Some(request) = read_request(&mut stream).await else {
            return;
        };
        let (words, times, close) = match action(number, request) {
            Action::Say(words) => (words, 1, false),
            Action::SayAndClose(words) => (words, 1, true),
            Action::Repeat(words) => (words, usize::MAX, false),
            Action::HalfClose => {
                stream.shutdown().await.unwrap();
                continue;
            }
            Action::Hang => continue,
        };
        for _ in 0..times {
            if stream.write_all(&words).await.is_err() {
                return;
            }
        }
        if close {
            return;
        }
    }
}

/// One request; nothing when the client has hung up.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let head = text.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(head) = head {
            let said = String::from_utf8_lossy(&text[..head]).to_lowercase();
            let length: usize = said
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if text.len() >= head + 4 + length {
                return Some(String::from_utf8(text).unwrap());
            }
        }
        if stream.read_buf(&mut text).await.ok()? == 0 {
            return None;
        }
    }
}
