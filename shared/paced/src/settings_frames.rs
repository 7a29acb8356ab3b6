//! A bound on SETTINGS frames of an HTTP/2 connection (RFC 9113 §6.5). Each may change the window of every open stream, so that frames of
//! fifteen bytes would cost a server a thousand steps. A client sends one, and a few more when it learns how fast the network is.

use std::time::Duration;

use tokio::time::Instant;

/// What an HTTP/2 connection begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Length, type, flags and stream.
const HEADER: usize = 9;
const SETTINGS: u8 = 4;
const ACK: u8 = 1;
/// Frames at once.
const BURST: u32 = 64;
/// Time for one more.
const EACH: Duration = Duration::from_millis(250);

/// Counts the frames in what a client sends.
#[derive(Debug)]
pub(crate) struct SettingsFrames {
    at: At,
    left: u32,
    counted: Option<Instant>,
}

#[derive(Debug)]
enum At {
    /// So many bytes of the preface have come.
    Preface(usize),
    /// So many bytes of a frame's header have come.
    Header([u8; HEADER], usize),
    /// So many bytes of a frame's payload are still to come.
    Payload(usize),
    /// In another protocol.
    Elsewhere,
}

// === impl SettingsFrames ===

impl SettingsFrames {
    pub(crate) fn new() -> Self {
        Self {
            at: At::Preface(0),
            left: BURST,
            counted: None,
        }
    }

    /// Whether there are few enough with these bytes, which come next.
    pub(crate) fn take(&mut self, mut bytes: &[u8], now: impl Fn() -> Instant) -> bool {
        while !bytes.is_empty() {
            match &mut self.at {
                At::Elsewhere => return true,
                At::Preface(seen) => {
                    let length = bytes.len().min(PREFACE.len() - *seen);
                    let (some, rest) = bytes.split_at(length);
                    if PREFACE[*seen..*seen + length] != *some {
                        self.at = At::Elsewhere;
                        return true;
                    }
                    *seen += length;
                    bytes = rest;
                    if *seen == PREFACE.len() {
                        self.at = At::Header([0; HEADER], 0);
                    }
                }
                At::Payload(left) => {
                    let length = bytes.len().min(*left);
                    bytes = &bytes[length..];
                    *left -= length;
                    if *left == 0 {
                        self.at = At::Header([0; HEADER], 0);
                    }
                }
                At::Header(header, seen) => {
                    let length = bytes.len().min(HEADER - *seen);
                    header[*seen..*seen + length].copy_from_slice(&bytes[..length]);
                    *seen += length;
                    bytes = &bytes[length..];
                    if *seen < HEADER {
                        return true;
                    }
                    let [high, middle, low, kind, flags, ..] = *header;
                    let payload = u32::from_be_bytes([0, high, middle, low]) as usize;
                    self.at = match payload {
                        0 => At::Header([0; HEADER], 0),
                        _ => At::Payload(payload),
                    };
                    if kind == SETTINGS && flags & ACK == 0 && !self.one_more(now()) {
                        return false;
                    }
                }
            }
        }
        true
    }

    fn one_more(&mut self, now: Instant) -> bool {
        let before = *self.counted.get_or_insert(now);
        let more = now.saturating_duration_since(before).as_millis() / EACH.as_millis();
        if more > 0 {
            self.counted = Some(now);
            self.left = u32::try_from(more)
                .unwrap_or(BURST)
                .saturating_add(self.left)
                .min(BURST);
        }
        let enough = self.left > 0;
        self.left = self.left.saturating_sub(1);
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, 0], payload].concat()
    }

    /// Takes bytes in pieces of a size; whether all were taken.
    fn all(frames: &mut SettingsFrames, bytes: &[u8], size: usize, now: Instant) -> bool {
        bytes.chunks(size).all(|some| frames.take(some, || now))
    }

    #[tokio::test]
    async fn a_flood_of_settings_is_refused_and_a_few_a_second_are_not() {
        let settings = frame(SETTINGS, 0, &[0, 4, 0, 0, 3, 232]);
        let others = [
            frame(SETTINGS, ACK, &[]),
            frame(0, 0, b"data"),
            frame(6, 0, &[0; 8]),
        ]
        .concat();
        for size in [1, 7, 1024] {
            let (mut frames, mut now) = (SettingsFrames::new(), now());
            assert!(all(&mut frames, PREFACE, size, now));
            assert!(all(&mut frames, &settings.repeat(BURST as usize), size, now));
            assert!(all(&mut frames, &others.repeat(1000), size, now));
            now += EACH;
            assert!(all(&mut frames, &settings, size, now));
            assert!(!all(&mut frames, &settings, size, now), "{size}");

            let mut frames = SettingsFrames::new();
            assert!(all(
                &mut frames,
                &[&PREFACE[..], &settings.repeat(10)].concat(),
                size,
                now
            ));
            now += 1000 * EACH;
            assert!(all(&mut frames, &settings.repeat(BURST as usize), size, now));
            assert!(!all(&mut frames, &settings, size, now), "{size}");
        }
    }

    #[tokio::test]
    async fn other_protocols_are_not_looked_at() {
        let now = now();
        let mut frames = SettingsFrames::new();
        let request = b"PRI * HTTP/1.1\r\n\r\n".repeat(1000);
        assert!(all(&mut frames, &request, 100, now));
        assert!(all(&mut frames, &frame(SETTINGS, 0, &[]).repeat(1000), 100, now));
    }
}
