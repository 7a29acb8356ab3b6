//! What was measured, as a table for people and as JSON for programs: each figure beside its goal.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::meter::Cpu;
use crate::text::{Style, Table};

/// Latencies are kept in microseconds, up to a minute, to three digits.
const LONGEST: u64 = 60_000_000;

/// One figure beside its goal.
#[derive(Debug, Serialize)]
pub(super) struct Figure {
    pub(super) what: String,
    pub(super) measured: String,
    /// Empty when there is none.
    pub(super) goal: String,
    /// Absent without a goal.
    pub(super) met: Option<bool>,
    pub(super) details: String,
    /// The same as numbers: rates per second, times in milliseconds, memory in MiB.
    pub(super) values: BTreeMap<&'static str, f64>,
    /// Memory over time, in seconds and MiB.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) memory_curve: Vec<(f64, f64)>,
}

/// All of them, and where they were measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) version: &'static str,
    pub(super) database: String,
    pub(super) file_system: String,
    pub(super) cores: usize,
    pub(super) sync_ms: f64,
    pub(super) optimized: bool,
    pub(super) figures: Vec<Figure>,
}

/// Latencies, in microseconds.
#[derive(Debug)]
pub(super) struct Latencies(Histogram<u64>);

// === impl Latencies ===

impl Latencies {
    /// None yet.
    #[expect(
        clippy::expect_used,
        reason = "the bounds are constants, and a test makes one"
    )]
    pub(super) fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST, 3).expect("bounds that a histogram takes"))
    }

    pub(super) fn record(&mut self, took: Duration) {
        self.0
            .saturating_record(u64::try_from(took.as_micros()).unwrap_or(LONGEST).max(1));
    }

    pub(super) fn add(&mut self, others: &Self) {
        // Both have the same bounds.
        let _ = self.0.add(&others.0);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// A quantile, in milliseconds.
    pub(super) fn ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// `p50 1.2 ms, p99 3.4 ms`
    pub(super) fn said(&self) -> String {
        format!("p50 {:.2} ms, p99 {:.2} ms", self.ms(0.5), self.ms(0.99))
    }
}

// === impl Figure ===

impl Figure {
    pub(super) fn new(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            measured: measured.into(),
            goal: String::new(),
            met: None,
            details: String::new(),
            values: BTreeMap::new(),
            memory_curve: Vec::new(),
        }
    }

    pub(super) fn goal(mut self, goal: impl Into<String>, met: bool) -> Self {
        self.goal = goal.into();
        self.met = Some(met);
        self
    }

    pub(super) fn details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }

    pub(super) fn value(mut self, name: &'static str, value: f64) -> Self {
        self.values.insert(name, (value * 1000.0).round() / 1000.0);
        self
    }

    /// What each of `n` things cost, all in all and Watchbell's own part.
    pub(super) fn cpu(self, cpu: &Cpu, n: u64) -> Self {
        let each = |seconds: f64| seconds * 1e6 / n.max(1) as f64;
        self.value("cpu_us", each(cpu.all))
            .value("cpu_us_own", each(cpu.own()))
            .value("cpu_us_callers", each(cpu.load))
            .value("cpu_us_endpoints", each(cpu.endpoints))
    }
}

// === impl Report ===

impl Report {
    /// For people.
    pub(super) fn table(&self, style: Style, width: Option<usize>) -> String {
        let mut table = Table::new(&["WHAT", "MEASURED", "GOAL", "", "CPU/EACH"]).keep(&[1, 2, 3, 4]);
        let mut details = String::new();
        for figure in &self.figures {
            let met = match figure.met {
                None => String::new(),
                Some(true) => style.good("met"),
                Some(false) => style.bad("missed"),
            };
            let cpu = figure.values.get("cpu_us").zip(figure.values.get("cpu_us_own"));
            let cpu = cpu
                .map(|(all, own)| format!("{all:.0} µs ({own:.0} own)"))
                .unwrap_or_default();
            table.row([
                figure.what.clone(),
                figure.measured.clone(),
                figure.goal.clone(),
                met,
                cpu,
            ]);
            if !figure.details.is_empty() {
                details += &format!("  {}: {}\n", figure.what, style.faint(&figure.details));
            }
        }
        let mut text = table.render(style, width, "nothing was measured");
        text += &format!("\n{details}");
        text += &format!(
            "\n{} cores; {} on {}, where 4 KiB are durable after {:.2} ms; callers and endpoints share the cores.\n\
             CPU/EACH is CPU time for each delivery (or call), and Watchbell's own part of it.\n",
            self.cores, self.database, self.file_system, self.sync_ms
        );
        if !self.optimized {
            text += &style.warn("This is a debug build: the figures say nothing about a release.\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_milliseconds_and_what_is_too_long_still_counts() {
        let mut times = Latencies::new();
        for ms in 1..=100 {
            times.record(Duration::from_millis(ms));
        }
        times.record(Duration::from_secs(3600));
        assert!((times.ms(0.5) - 51.0).abs() < 0.2, "{}", times.ms(0.5));
        assert_eq!(times.count(), 101);
    }

    #[test]
    fn a_table_says_which_goals_were_missed() {
        let report = Report {
            version: "0",
            database: "SQLite".to_owned(),
            file_system: "ext4".to_owned(),
            cores: 2,
            sync_ms: 0.2,
            optimized: true,
            figures: vec![
                Figure::new("a", "3/s").goal("≥ 2/s", true),
                Figure::new("b", "1/s")
                    .goal("≥ 2/s", false)
                    .value("cpu_us", 7.0)
                    .value("cpu_us_own", 3.0),
            ],
        };
        let text = report.table(Style::new(false), None);
        assert!(text.contains("a     3/s       ≥ 2/s  met"), "{text}");
        assert!(text.contains("missed  7 µs (3 own)"), "{text}");
    }
}
