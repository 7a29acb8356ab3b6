//! One client's conversation with the mail server, line by line.

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{AfterData, Mail, State};

/// Longer lines are not SMTP (RFC 5321 §4.5.3.1.6 allows 1,000; AUTH may be longer).
const MAX_LINE: u64 = 16 * 1024;
/// What `SIZE` announces.
const MAX_MESSAGE: usize = 25 * 1024 * 1024;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

type Wire = BufReader<Box<dyn Stream>>;

pub(super) struct Conversation {
    state: Arc<State>,
    hello: String,
    encrypted: bool,
    account: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

/// What to do after a command.
enum Next {
    Reply(u16, String),
    Lines(Vec<String>),
    StartTls,
    Auth(String),
    Data,
    Quit,
}

impl Conversation {
    pub(super) fn new(state: Arc<State>) -> Self {
        Self {
            state,
            hello: String::new(),
            encrypted: false,
            account: None,
            from: None,
            to: Vec::new(),
        }
    }

    pub(super) async fn run(mut self, stream: TcpStream) -> io::Result<()> {
        let stream: Box<dyn Stream> = match &self.state.acceptor {
            Some(acceptor) if self.state.implicit_tls => {
                self.encrypted = true;
                Box::new(acceptor.accept(stream).await?)
            }
            _ => Box::new(stream),
        };
        let mut wire = BufReader::new(stream);
        if !self.as_scripted(&mut wire, "").await? {
            reply(&mut wire, 220, "stand-in.watchbell ESMTP").await?;
        }
        while let Some(line) = read_line(&mut wire).await? {
            let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                // Goes on as it would after an answer of its own.
                "DATA" | "STARTTLS" => {}
                _ => {
                    if let Some(code) = self.scripted_code(&verb) {
                        if code < 400 {
                            drop(self.command(&line));
                        }
                        if code == 235 {
                            self.account = self.state.account.as_ref().map(|(user, _)| user.clone());
                        }
                        self.as_scripted(&mut wire, &verb).await?;
                        continue;
                    }
                }
            }
            match self.command(&line) {
                Next::Reply(code, text) => reply(&mut wire, code, &text).await?,
                Next::Lines(lines) => reply_lines(&mut wire, &lines).await?,
                Next::Auth(argument) => self.authenticate(&mut wire, &argument).await?,
                Next::Data => {
                    if !self.data(&mut wire).await? {
                        return Ok(());
                    }
                }
                Next::StartTls => wire = self.start_tls(wire).await?,
                Next::Quit => return reply(&mut wire, 221, "bye").await,
            }
        }
        Ok(())
    }

    fn scripted_code(&self, verb: &str) -> Option<u16> {
        let rules = self.state.rules();
        let digits = rules.words.get(verb)?.get(..3)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// Says what was scripted for a command. Answers whether anything was.
    async fn as_scripted(&self, wire: &mut Wire, verb: &str) -> io::Result<bool> {
        let words = self.state.rules().words.get(verb).cloned();
        let step = if self.state.slow { 1 } else { usize::MAX };
        for octets in words.iter().flat_map(|words| words.chunks(step)) {
            wire.write_all(octets).await?;
            wire.flush().await?;
            tokio::task::yield_now().await;
        }
        Ok(words.is_some())
    }

    fn command(&mut self, line: &str) -> Next {
        let say = |code, text: &str| Next::Reply(code, text.to_owned());
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                argument.clone_into(&mut self.hello);
                Next::Lines(self.greeting())
            }
            "HELO" => {
                argument.clone_into(&mut self.hello);
                say(250, "stand-in.watchbell")
            }
            "NOOP" => say(250, "fine"),
            "RSET" => {
                self.forget_envelope();
                say(250, "forgotten")
            }
            "QUIT" => Next::Quit,
            "STARTTLS" if self.offers_starttls() => Next::StartTls,
            "AUTH" if self.offers_auth() => Next::Auth(argument.to_owned()),
            "MAIL" => self.mail(argument),
            "RCPT" => self.recipient(argument),
            "DATA" if self.from.is_none() || self.to.is_empty() => say(503, "no valid recipients"),
            "DATA" => Next::Data,
            _ => say(500, "what?"),
        }
    }

    fn greeting(&self) -> Vec<String> {
        let mut lines = vec![
            "stand-in.watchbell".to_owned(),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
        ];
        lines.push(format!("SIZE {MAX_MESSAGE}"));
        if self.offers_starttls() {
            lines.push("STARTTLS".to_owned());
        }
        if self.offers_auth() {
            lines.push("AUTH PLAIN LOGIN".to_owned());
        }
        lines
    }

    fn offers_starttls(&self) -> bool {
        self.state.acceptor.is_some() && !self.encrypted
    }

    fn offers_auth(&self) -> bool {
        // With TLS at hand no password is taken in the clear (RFC 4954 §4).
        self.state.account.is_some() && !self.offers_starttls()
    }

    fn mail(&mut self, argument: &str) -> Next {
        if self.state.account.is_some() && self.account.is_none() {
            return Next::Reply(530, "5.7.0 authentication required".to_owned());
        }
        match path(argument, "FROM:") {
            Some(from) => {
                self.forget_envelope();
                self.from = Some(from);
                Next::Reply(250, "2.1.0 sender fine".to_owned())
            }
            None => Next::Reply(501, "5.5.4 MAIL FROM:<address>".to_owned()),
        }
    }

    fn recipient(&mut self, argument: &str) -> Next {
        if self.from.is_none() {
            return Next::Reply(503, "5.5.1 MAIL first".to_owned());
        }
        let Some(to) = path(argument, "TO:").filter(|to| !to.is_empty()) else {
            return Next::Reply(501, "5.5.4 RCPT TO:<address>".to_owned());
        };
        match self.state.reply_to_recipient(&to) {
            Some((code, text)) => Next::Reply(code, text),
            None => {
                self.to.push(to);
                Next::Reply(250, "2.1.5 recipient fine".to_owned())
            }
        }
    }

    /// Reads a message and does as scripted. Says whether the conversation goes on.
    async fn data(&mut self, wire: &mut Wire) -> io::Result<bool> {
        let refused = self.scripted_code("DATA").is_some_and(|code| code >= 400);
        if !self.as_scripted(wire, "DATA").await? {
            reply(wire, 354, "end with a dot").await?;
        }
        if refused {
            return Ok(true);
        }
        let Some(raw) = read_message(wire).await? else {
            self.forget_envelope();
            reply(wire, 552, "5.3.4 message too big").await?;
            return Ok(true);
        };
        let scripted = self.state.rules().after_data.pop_front();
        if let Some(AfterData::Answer(code, text)) = scripted {
            self.forget_envelope();
            reply(wire, code, &text).await?;
            return Ok(true);
        }
        self.state.mails.push(Mail {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            raw,
            encrypted: self.encrypted,
            account: self.account.clone(),
            hello: self.hello.clone(),
        });
        match scripted {
            Some(AfterData::Close) => Ok(false),
            Some(AfterData::Hang) => std::future::pending().await,
            _ if self.as_scripted(wire, ".").await? => Ok(true),
            _ => {
                let queued = self.state.mails.count();
                reply(wire, 250, &format!("2.0.0 queued as {queued}")).await?;
                Ok(true)
            }
        }
    }

    async fn start_tls(&mut self, mut wire: Wire) -> io::Result<Wire> {
        let Some(acceptor) = self.state.acceptor.clone() else {
            reply(&mut wire, 454, "TLS not available").await?;
            return Ok(wire);
        };
        if self.as_scripted(&mut wire, "STARTTLS").await?
            && self.scripted_code("STARTTLS").is_some_and(|code| code >= 400)
        {
            return Ok(wire);
        }
        if self.scripted_code("STARTTLS").is_none() {
            reply(&mut wire, 220, "go ahead").await?;
        }
        // What a client sent before the handshake is dropped with the buffer, or it could be injected (RFC 3207 §4.2).
        let stream = acceptor.accept(wire.into_inner()).await?;
        self.encrypted = true;
        self.account = None;
        self.forget_envelope();
        Ok(BufReader::new(Box::new(stream)))
    }

    async fn authenticate(&mut self, wire: &mut Wire, argument: &str) -> io::Result<()> {
        let (mechanism, initial) = argument.split_once(' ').unwrap_or((argument, ""));
        let given = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let response = if initial.is_empty() {
                    ask(wire, "").await?
                } else {
                    decode(initial)
                };
                response.and_then(|text| {
                    let mut parts = text.split('\0').skip(1).map(str::to_owned);
                    Some((parts.next()?, parts.next()?))
                })
            }
            "LOGIN" => {
                let username = if initial.is_empty() {
                    ask(wire, "Username:").await?
                } else {
                    decode(initial)
                };
                let password = ask(wire, "Password:").await?;
                username.zip(password)
            }
            _ => return reply(wire, 504, "5.5.4 mechanism unknown").await,
        };
        if given.is_some() && given == self.state.account {
            self.account = given.map(|(username, _)| username);
            reply(wire, 235, "2.7.0 welcome").await
        } else {
            reply(wire, 535, "5.7.8 username and password not accepted").await
        }
    }

    fn forget_envelope(&mut self) {
        self.from = None;
        self.to.clear();
    }
}

/// The address in `FROM:<…>` or `TO:<…>`; parameters after it are ignored.
fn path(argument: &str, keyword: &str) -> Option<String> {
    let rest = argument.get(keyword.len()..)?;
    if !argument.get(..keyword.len())?.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (address, _) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    Some(address.to_owned())
}

fn decode(text: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

async fn ask(wire: &mut Wire, challenge: &str) -> io::Result<Option<String>> {
    reply(wire, 334, &STANDARD.encode(challenge)).await?;
    Ok(read_line(wire).await?.and_then(|line| decode(&line)))
}

async fn reply(wire: &mut Wire, code: u16, text: &str) -> io::Result<()> {
    wire.write_all(format!("{code} {text}\r\n").as_bytes()).await?;
    wire.flush().await
}

async fn reply_lines(wire: &mut Wire, lines: &[String]) -> io::Result<()> {
    let last = lines.len().saturating_sub(1);
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        let separator = if index == last { ' ' } else { '-' };
        text.push_str(&format!("250{separator}{line}\r\n"));
    }
    wire.write_all(text.as_bytes()).await?;
    wire.flush().await
}

/// A line without its end, or `None` when the client has gone.
async fn read_line(wire: &mut Wire) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    wire.take(MAX_LINE).read_until(b'\n', &mut line).await?;
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// Everything up to the line with one dot, leading dots unstuffed (RFC 5321 §4.5.2). `None` when it is too long.
async fn read_message(wire: &mut Wire) -> io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    let mut too_long = false;
    let mut line = Vec::new();
    loop {
        line.clear();
        if wire.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok((!too_long).then_some(message));
        }
        let kept = line.strip_prefix(b".").unwrap_or(&line);
        too_long |= message.len() + kept.len() > MAX_MESSAGE;
        if !too_long {
            message.extend_from_slice(kept);
        }
    }
}
