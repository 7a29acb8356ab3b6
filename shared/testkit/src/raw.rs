//! An HTTP endpoint made of raw bytes, for what no honest server does: it says what its script says, whatever HTTP makes
//! of it. Each script is for one connection; connections beyond the last script are served as HTTP wants it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::journal::Journal;
use crate::loopback::Loopback;

/// What a polite connection says to each request.
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
/// Nobody sends longer requests to a test.
const MAX_REQUEST: usize = 8 * 1024 * 1024;

/// One thing that a connection does. After the last it is closed as TCP wants it.
#[derive(Debug, Clone)]
pub enum Step {
    /// Reads a whole request, and keeps it.
    Take,
    /// Reads so many bytes of a request and no more.
    TakePart(usize),
    /// Says this.
    Say(Bytes),
    /// Says this byte by byte.
    Drip(Bytes, Duration),
    /// Says this again and again, as fast as the other side takes it, until that has enough.
    SayForEver(Bytes),
    /// Says nothing until the other side has enough.
    Stall,
    /// Ends the connection by a reset.
    Reset,
}

/// The endpoint.
#[derive(Debug)]
pub struct RawEndpoint {
    server: Loopback,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    scripts: Mutex<std::vec::IntoIter<Vec<Step>>>,
    taken: Journal<Bytes>,
    open: AtomicUsize,
}

/// The other side is gone.
struct Gone;

/// One connection.
struct Conversation {
    stream: TcpStream,
    state: Arc<State>,
    read: BytesMut,
}

// === impl Step ===

impl Step {
    /// Says this.
    #[must_use]
    pub fn say(text: &'static str) -> Self {
        Self::Say(Bytes::from_static(text.as_bytes()))
    }

    /// Says this byte by byte.
    #[must_use]
    pub fn drip(text: &'static str, every: Duration) -> Self {
        Self::Drip(Bytes::from_static(text.as_bytes()), every)
    }
}

// === impl RawEndpoint ===

impl RawEndpoint {
    /// Starts an endpoint whose first connections follow these scripts, one each.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(scripts: Vec<Vec<Step>>) -> io::Result<Self> {
        let (listener, address) = Loopback::bind().await?;
        let state = Arc::new(State {
            scripts: Mutex::new(scripts.into_iter()),
            taken: Journal::new("requests"),
            open: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&state);
        let server = Loopback::accept(listener, address, move |stream| {
            let state = Arc::clone(&serving);
            async move {
                let script = state.scripts.lock().next();
                let mut conversation = Conversation::new(stream, state);
                // Either way it is over.
                let _ = match script {
                    Some(script) => conversation.follow(script).await,
                    None => conversation.be_polite().await,
                };
            }
        });
        Ok(Self { server, state })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/hook", self.server.http_url())
    }

    /// The requests that were read whole, heads and all.
    #[must_use]
    pub fn taken(&self) -> Vec<Bytes> {
        self.state.taken.all()
    }

    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.state.open.load(Ordering::Acquire)
    }
}

// === impl Conversation ===

impl Conversation {
    fn new(stream: TcpStream, state: Arc<State>) -> Self {
        state.open.fetch_add(1, Ordering::AcqRel);
        Self {
            stream,
            state,
            read: BytesMut::new(),
        }
    }

    async fn be_polite(&mut self) -> Result<(), Gone> {
        loop {
            self.take().await?;
            self.say(OK).await?;
        }
    }

    async fn follow(&mut self, script: Vec<Step>) -> Result<(), Gone> {
        for step in script {
            match step {
                Step::Take => self.take().await?,
                Step::TakePart(bytes) => {
                    self.stream
                        .read_exact(&mut vec![0; bytes])
                        .await
                        .map_err(|_| Gone)?;
                }
                Step::Say(text) => self.say(&text).await?,
                Step::Drip(text, every) => {
                    for byte in text {
                        self.say(&[byte]).await?;
                        tokio::time::sleep(every).await;
                    }
                }
                Step::SayForEver(text) => loop {
                    self.say(&text).await?;
                },
                Step::Stall => while self.read_some().await? {},
                Step::Reset => {
                    // Closing at once, with nothing lingering, is what makes it a reset.
                    drop(self.stream.set_zero_linger());
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    async fn say(&mut self, text: &[u8]) -> Result<(), Gone> {
        self.stream.write_all(text).await.map_err(|_| Gone)
    }

    /// Reads one request to its end and keeps it.
    async fn take(&mut self) -> Result<(), Gone> {
        loop {
            if let Some(length) = request_length(&self.read).filter(|length| *length <= self.read.len()) {
                self.state.taken.push(self.read.split_to(length).freeze());
                return Ok(());
            }
            if self.read.len() > MAX_REQUEST || !self.read_some().await? {
                return Err(Gone);
            }
        }
    }

    /// Whether there was anything; false at the end.
    async fn read_some(&mut self) -> Result<bool, Gone> {
        let read = self.stream.read_buf(&mut self.read).await;
        read.map(|bytes| bytes > 0).map_err(|_| Gone)
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.state.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How long the request is that these bytes begin with, once its head is there. Watchbell frames by `content-length`.
fn request_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let body: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    Some(head + body)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn converse(scripts: Vec<Vec<Step>>, requests: &[&str]) -> (RawEndpoint, Vec<String>) {
        let endpoint = RawEndpoint::start(scripts).await.unwrap();
        let mut answers = Vec::new();
        for request in requests {
            let mut stream = TcpStream::connect(endpoint.server.address()).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = Vec::new();
            let end = stream.read_to_end(&mut answer).await;
            answers.push(end.map_or_else(
                |error| error.kind().to_string(),
                |_| String::from_utf8(answer).unwrap(),
            ));
        }
        (endpoint, answers)
    }

    const POST: &str = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";

    #[tokio::test]
    async fn connections_follow_their_scripts_and_are_polite_afterwards() {
        let scripts = vec![
            vec![Step::Take, Step::say("HTTP/1.1 2"), Step::Reset],
            vec![Step::TakePart(4), Step::drip("no HTTP", Duration::ZERO)],
        ];
        let two = format!("{POST}{POST}");
        let (endpoint, answers) = converse(scripts, &[POST, "POST", &two]).await;
        assert_eq!(answers[0], "connection reset");
        assert_eq!(answers[1], "no HTTP");
        assert_eq!(answers[2].matches("200 OK").count(), 2);
        assert_eq!(endpoint.taken(), [POST, POST, POST]);
    }

    #[tokio::test]
    async fn whoever_has_enough_ends_it() {
        let endpoint = RawEndpoint::start(vec![vec![Step::SayForEver(Bytes::from_static(b"x"))]])
            .await
            .unwrap();
        let mut stream = TcpStream::connect(endpoint.server.address()).await.unwrap();
        stream.read_exact(&mut [0; 100]).await.unwrap();
        assert_eq!(endpoint.open(), 1);
        drop(stream);
        while endpoint.open() > 0 {
            tokio::task::yield_now().await;
        }
    }
}
