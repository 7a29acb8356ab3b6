//! What an SMTP server says: its greeting and all of its replies at once, whatever it is asked. The codes decide what
//! becomes of the message, and nothing is said to be delivered that no reply has taken.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{LazyLock, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use watchbell_egress::{EgressPolicy, Guard, Security, SmtpAnswer, SmtpError, SmtpSender, SmtpServer};

/// The longest text that is kept of a reply, in characters.
const MAX_TEXT: usize = 1000;
/// The replies before the one to the message itself: to the connection, EHLO, MAIL, RCPT and DATA.
const BEFORE: usize = 5;

static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(|| Mutex::new(Stage::new()));

struct Stage {
    runtime: Runtime,
    listener: TcpListener,
    guard: Guard,
}

pub(super) fn run(input: &[u8]) {
    let stage = STAGE.lock().unwrap();
    let outcome = stage.runtime.block_on(stage.send(input));
    let codes = codes(input);
    match outcome {
        Ok(answer) => {
            assert!(
                (200..300).contains(&answer.code) && codes[0] / 100 == 2,
                "{answer:?}"
            );
            assert!(
                codes.len() > BEFORE && codes[BEFORE..].contains(&answer.code),
                "{answer:?}"
            );
            assert_eq!(
                codes[BEFORE - 1] / 100,
                3,
                "the message follows a 3xx answer to DATA alone: {answer:?}"
            );
            assert!(answer.text.chars().count() <= MAX_TEXT);
        }
        Err(error) => {
            if error.is_ambiguous() {
                assert!(codes.len() >= BEFORE, "{error}");
            }
            let (range, code, text) = match error {
                SmtpError::Permanent { code, text } => (500..600, code, text),
                SmtpError::Transient { code, text } => (400..500, code, text),
                _ => return,
            };
            assert!(range.contains(&code) && codes.contains(&code), "{code} {text}");
            assert!(text.chars().count() <= MAX_TEXT, "{text}");
        }
    }
}

/// The codes of what looks like the last line of a reply.
fn codes(input: &[u8]) -> Vec<u16> {
    let lines = input.split(|byte| *byte == b'\n');
    let codes = lines.filter_map(|line| {
        let line = line.trim_ascii();
        let code = str::from_utf8(line.get(..3)?).ok()?.parse().ok()?;
        (line.get(3) != Some(&b'-')).then_some(code)
    });
    codes.collect()
}

impl Stage {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
        let guard = Guard::new(EgressPolicy::allowing_loopback());
        Self {
            runtime,
            listener,
            guard,
        }
    }

    async fn send(&self, says: &[u8]) -> Result<SmtpAnswer, SmtpError> {
        let address = self.listener.local_addr().unwrap();
        let server = SmtpServer {
            host: address.ip().to_string(),
            port: address.port(),
            username: None,
            password: None,
            security: Security::None,
        };
        let sender = SmtpSender::new(self.guard.clone());
        let message = b"Subject: x\r\n\r\nx\r\n".to_vec();
        let sending = sender.send(&server, "from@example.com", "to@example.com", message);
        let serving = async {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            // Reset in the end: a closed connection would keep its port for a minute.
            stream.set_zero_linger().unwrap();
            let _ = stream.write_all(says).await;
            let _ = stream.shutdown().await;
            while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
            std::future::pending::<()>().await;
        };
        tokio::select! {
            outcome = sending => outcome,
            () = serving => unreachable!("it never ends"),
        }
    }
}
