//! A server's replies (RFC 5321 §4.2): the code decides, the text is only text.
//!
//! Text may be missing, may span many lines and need not be UTF-8; lines may end without a carriage return and be
//! longer than the 512 octets of §4.5.3.1.5. What one reply may cost is bounded.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The longest reply that is read, in bytes.
const MAX_REPLY: usize = 64 * 1024;
/// How much text of a reply is kept, in characters.
const MAX_TEXT: usize = 1000;

/// One reply of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// 200 to 599.
    pub(super) code: u16,
    /// The text of each line, without control characters; often empty.
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// Reads one reply.
    ///
    /// # Errors
    /// The connection ended, or what came is no reply.
    pub(super) async fn read(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Self> {
        let mut lines = Vec::new();
        let mut left = MAX_REPLY;
        let mut line = Vec::new();
        loop {
            line.clear();
            left -= reader.take(left as u64).read_until(b'\n', &mut line).await?;
            if line.last() != Some(&b'\n') {
                return Err(if left == 0 {
                    io::Error::other(format!("the server's answer is longer than {MAX_REPLY} bytes"))
                } else {
                    io::Error::new(io::ErrorKind::UnexpectedEof, "the server hung up")
                });
            }
            let (code, last, text) = parse(&line).ok_or_else(|| {
                let line: String = readable(&line).chars().take(80).collect();
                io::Error::new(io::ErrorKind::InvalidData, format!("{line:?} is no SMTP answer"))
            })?;
            lines.push(text);
            if last {
                return Ok(Self { code, lines });
            }
        }
    }

    /// Whether the code begins with `digit`.
    pub(super) fn is(&self, digit: u16) -> bool {
        self.code / 100 == digit
    }

    /// The text on one line, bounded. An enhanced status code (RFC 2034 §4) that every line repeats is there once.
    pub(super) fn text(&self) -> String {
        let status = self.lines.first().and_then(|line| enhanced_status(line));
        let lines = self.lines.iter().enumerate().map(|(index, line)| match status {
            Some(status) if index > 0 => line.strip_prefix(status).unwrap_or(line).trim_start(),
            _ => line.as_str(),
        });
        let text: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
        text.join(" ").chars().take(MAX_TEXT).collect()
    }
}

/// Code, whether the line is the reply's last, and text. Where lines differ in their codes, the last one counts.
fn parse(line: &[u8]) -> Option<(u16, bool, String)> {
    let line = line.trim_ascii_end();
    let (digits, rest) = line.split_at_checked(3)?;
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let (last, text) = match rest {
        [] => (true, rest),
        [b'-', text @ ..] => (false, text),
        [b' ' | b'\t', text @ ..] => (true, text),
        _ => return None,
    };
    (200..600).contains(&code).then(|| (code, last, readable(text)))
}

fn readable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.trim()
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

fn enhanced_status(line: &str) -> Option<&str> {
    let word = line.split(' ').next()?;
    let numbers: Vec<_> = word.split('.').collect();
    let is_number =
        |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    (numbers.len() == 3 && numbers.iter().all(is_number)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    async fn read(said: &[u8]) -> io::Result<Reply> {
        Reply::read(&mut &*said).await
    }

    #[tokio::test]
    async fn the_code_decides_and_the_text_is_only_text() {
        let long = format!("250 {}\r\n", "x".repeat(5000));
        for (said, code, lines) in [
            (&b"250 fine\r\n"[..], 250, &["fine"][..]),
            (b"250\r\n", 250, &[""]),
            (b"354 \r\n", 354, &[""]),
            (b"250 \xc4\xe3\r\n", 250, &["\u{fffd}\u{fffd}"]),
            (b"550 refus\xe9\r\n", 550, &["refus\u{fffd}"]),
            (b"220-one\r\n220-\r\n220 three\r\n", 220, &["one", "", "three"]),
            (b"250-one\r\n250\r\n", 250, &["one", ""]),
            (b"250 a bare line feed\n", 250, &["a bare line feed"]),
            (b"250-as a warning\r\n550 no\r\n", 550, &["as a warning", "no"]),
            (b"421 4.3.2 \x1b[31mred\x00\r\n", 421, &["4.3.2  [31mred "]),
            (long.as_bytes(), 250, &[&long[4..5004]]),
        ] {
            let reply = read(said).await.unwrap();
            assert_eq!(
                (reply.code, reply.lines),
                (code, lines.iter().map(ToString::to_string).collect())
            );
        }
    }

    #[tokio::test]
    async fn what_is_no_reply_is_an_error_and_costs_a_bounded_amount() {
        for (said, why) in [
            (&b""[..], "the server hung up"),
            (b"250 half a li", "the server hung up"),
            (b"250-and\r\n", "the server hung up"),
            (
                b"HTTP/1.1 400 Bad Request\r\n",
                "\"HTTP/1.1 400 Bad Request\" is no SMTP answer",
            ),
            (b"2500 bytes\r\n", "\"2500 bytes\" is no SMTP answer"),
            (b"99 bottles\r\n", "\"99 bottles\" is no SMTP answer"),
            (b"150 later\r\n", "\"150 later\" is no SMTP answer"),
            (b"\r\n", "\"\" is no SMTP answer"),
            (
                &b"250-more\r\n".repeat(10_000),
                "the server's answer is longer than 65536 bytes",
            ),
            (
                &vec![b'2'; 100_000],
                "the server's answer is longer than 65536 bytes",
            ),
        ] {
            assert_eq!(read(said).await.unwrap_err().to_string(), why);
        }
    }

    #[tokio::test]
    async fn a_status_that_every_line_repeats_is_shown_once() {
        let reply = read(b"550-5.1.1 no such user\r\n550-\r\n550 5.1.1 here\r\n")
            .await
            .unwrap();
        assert_eq!(reply.text(), "5.1.1 no such user here");
        let reply = read(b"550-10.0.0.1 is listed\r\n550 10.0.0.1\r\n").await.unwrap();
        assert_eq!(reply.text(), "10.0.0.1 is listed 10.0.0.1");
        let long = b"250-many words on a line\r\n".repeat(100);
        let reply = read(&[&long[..], b"250 \r\n"].concat()).await.unwrap();
        assert_eq!(reply.text().len(), MAX_TEXT);
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_a_reply_or_an_error(said in proptest::collection::vec(any::<u8>(), 0..200)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            if let Ok(reply) = runtime.block_on(read(&said)) {
                prop_assert!((200..600).contains(&reply.code));
                prop_assert!(!reply.text().chars().any(char::is_control));
            }
        }
    }
}
