//! Gzip, bounded by what it decompresses to.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::{GzDecoder, GzEncoder};
use watchbell_contracts::api::MAX_MESSAGE_BYTES;
use watchbell_model::violation::reason as field;

use crate::problem::Problem;

/// Decompresses a body as it comes.
pub(super) struct Decompressor(GzDecoder<Bounded>);

/// Collects up to a bound.
struct Bounded {
    collected: Vec<u8>,
    /// Bytes that may still come.
    left: usize,
    exceeded: bool,
}

// === impl Decompressor ===

impl Decompressor {
    pub(super) fn new() -> Self {
        Self(GzDecoder::new(Bounded {
            collected: Vec::new(),
            left: MAX_MESSAGE_BYTES,
            exceeded: false,
        }))
    }

    /// Decompresses more.
    pub(super) fn push(&mut self, compressed: &[u8]) -> Result<(), Problem> {
        let pushed = self.0.write_all(compressed);
        pushed.map_err(|error| self.problem(&error))
    }

    /// Ends the body; fails when it is incomplete.
    pub(super) fn finish(&mut self) -> Result<(), Problem> {
        let finished = self.0.try_finish();
        finished.map_err(|error| self.problem(&error))
    }

    /// Takes what has been decompressed so far.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0.get_mut().collected)
    }

    fn problem(&self, error: &io::Error) -> Problem {
        if self.0.get_ref().exceeded {
            return Problem::TooLarge {
                message: format!("the decompressed request is larger than {MAX_MESSAGE_BYTES} bytes"),
            };
        }
        Problem::invalid("", field::MALFORMED, format!("the request is not gzip: {error}"))
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.left {
            self.exceeded = true;
            return Err(io::Error::other("too large"));
        }
        self.left -= bytes.len();
        self.collected.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A text, compressed.
pub(crate) fn compressed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(text);
    encoder.finish().unwrap_or_default()
}
