//! A DNS server that answers for addresses of IPv4, or not at all.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;

/// A name server on a free UDP port of loopback, with a thread of its own. Dropping it stops it.
#[derive(Debug)]
pub struct NameServer {
    socket: UdpSocket,
    address: SocketAddr,
}

// === impl NameServer ===

impl NameServer {
    /// Serves the A records that `answer` has for a name in lower case. `None` is silence; an empty list, no such name.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(answer: impl Fn(&str) -> Option<Vec<Ipv4Addr>> + Send + 'static) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = socket.local_addr()?;
        let serving = socket.try_clone()?;
        thread::Builder::new()
            .name("name-server".to_owned())
            .spawn(move || {
                let mut query = [0; 1500];
                while let Ok((length, from)) = serving.recv_from(&mut query) {
                    if length == 0 {
                        return;
                    }
                    if let Some(reply) = reply(&query[..length], &answer) {
                        // Who asked may have gone.
                        let _ = serving.send_to(&reply, from);
                    }
                }
            })?;
        Ok(Self { socket, address })
    }

    /// Where it is asked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        // An empty datagram ends the thread.
        let _ = self.socket.send_to(&[], self.address);
    }
}

/// The answer to a query (RFC 1035 §4), if there is to be one.
fn reply(query: &[u8], answer: impl Fn(&str) -> Option<Vec<Ipv4Addr>>) -> Option<Vec<u8>> {
    let (name, question) = question(query)?;
    let addresses = answer(&name)?;
    let code = if addresses.is_empty() { 3 } else { 0 };
    let is_a = question.ends_with(&[0, 1, 0, 1]);
    let addresses = if is_a { addresses } else { Vec::new() };
    let mut reply = query.get(..2)?.to_vec();
    let count = u8::try_from(addresses.len()).ok()?;
    reply.extend([0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
    reply.extend(question);
    for address in addresses {
        // The name of the question, A, IN, a minute, four octets.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        reply.extend(address.octets());
    }
    Some(reply)
}

/// The name that is asked for, and the question as it came.
fn question(query: &[u8]) -> Option<(String, &[u8])> {
    let (mut labels, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    Some((labels.join("."), query.get(12..at + 4)?))
}
