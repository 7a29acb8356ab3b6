//! Bounds repeated warnings. Of each place in the program that warns, so many lines a minute are written; then it is said
//! that further ones are left out, and how many there were once the next one is written. An outage is told, and does not
//! fill a disk.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;
use tracing::callsite::Identifier;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{Compact, Format, FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;
use watchbell_model::clock::SharedClock;

/// Warnings and errors of one place in a minute.
const MAX_LINES: u32 = 20;
const WINDOW: Duration = Duration::from_secs(60);

/// Formats events as `F` does, unless there were too many of them.
pub(super) struct Bounded<F> {
    lines: F,
    clock: SharedClock,
    places: Mutex<HashMap<Identifier, Window>>,
}

/// A format that can also write a line of its own.
pub(super) trait Remark {
    fn remark(&self, writer: Writer<'_>, metadata: &Metadata<'_>, text: &str) -> fmt::Result;
}

/// Lines as people read them.
pub(super) struct TextLines(Format<Compact>);

/// The last minute of one place.
struct Window {
    began: Duration,
    written: u32,
    left_out: u32,
}

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Write,
    /// And say that these were left out before.
    WriteAfter(u32),
    /// And say that those to come are left out.
    WriteLast,
    LeaveOut,
}

// === impl Bounded ===

impl<F> Bounded<F> {
    pub(super) fn new(lines: F, clock: SharedClock) -> Self {
        Self {
            lines,
            clock,
            places: Mutex::default(),
        }
    }

    fn judge(&self, metadata: &Metadata<'_>) -> Verdict {
        if *metadata.level() > Level::WARN {
            return Verdict::Write;
        }
        let now = self.clock.monotonic();
        let mut places = self.places.lock();
        let window = places
            .entry(metadata.callsite())
            .or_insert_with(|| Window::new(now));
        window.judge(now)
    }
}

impl<S, N, F> FormatEvent<S, N> for Bounded<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
    F: FormatEvent<S, N> + Remark,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        match self.judge(metadata) {
            Verdict::LeaveOut => Ok(()),
            Verdict::Write => self.lines.format_event(ctx, writer, event),
            Verdict::WriteAfter(count) => {
                let text = format!("{count} more lines like the next one were left out");
                self.lines.remark(writer.by_ref(), metadata, &text)?;
                self.lines.format_event(ctx, writer, event)
            }
            Verdict::WriteLast => {
                self.lines.format_event(ctx, writer.by_ref(), event)?;
                let text = "further lines like the last one are left out for up to a minute";
                self.lines.remark(writer, metadata, text)
            }
        }
    }
}

// === impl Window ===

impl Window {
    const fn new(began: Duration) -> Self {
        Self {
            began,
            written: 0,
            left_out: 0,
        }
    }

    fn judge(&mut self, now: Duration) -> Verdict {
        if now >= self.began + WINDOW {
            let left_out = self.left_out;
            *self = Self::new(now);
            self.written = 1;
            return match left_out {
                0 => Verdict::Write,
                count => Verdict::WriteAfter(count),
            };
        }
        self.written += 1;
        match self.written.cmp(&MAX_LINES) {
            std::cmp::Ordering::Less => Verdict::Write,
            std::cmp::Ordering::Equal => Verdict::WriteLast,
            std::cmp::Ordering::Greater => {
                self.written = MAX_LINES;
                self.left_out += 1;
                Verdict::LeaveOut
            }
        }
    }
}

// === impl TextLines ===

impl TextLines {
    pub(super) fn new() -> Self {
        Self(tracing_subscriber::fmt::format().compact())
    }
}

impl<S, N> FormatEvent<S, N> for TextLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        self.0.format_event(ctx, writer, event)
    }
}

impl Remark for TextLines {
    fn remark(&self, mut writer: Writer<'_>, metadata: &Metadata<'_>, text: &str) -> fmt::Result {
        writeln!(writer, "… {}: {text}", metadata.target())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_writes_so_many_lines_a_minute_and_says_what_it_left_out() {
        let mut window = Window::new(Duration::ZERO);
        let verdicts: Vec<_> = (0..MAX_LINES + 5)
            .map(|_| window.judge(Duration::from_secs(1)))
            .collect();
        let last = MAX_LINES as usize - 1;
        assert!(verdicts[..last].iter().all(|verdict| *verdict == Verdict::Write));
        assert_eq!(verdicts[last], Verdict::WriteLast);
        assert!(
            verdicts[last + 1..]
                .iter()
                .all(|verdict| *verdict == Verdict::LeaveOut)
        );
        assert_eq!(window.judge(WINDOW), Verdict::WriteAfter(5));
        assert_eq!(window.judge(WINDOW), Verdict::Write);
        assert_eq!(window.judge(WINDOW * 3), Verdict::Write, "nothing was left out");
    }
}
