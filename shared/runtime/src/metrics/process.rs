//! Metrics of the process itself, under the names that Prometheus' client libraries give them. They are read from `/proc`
//! whenever they are collected; where there is none, they are left out.

use std::fs;

use opentelemetry::metrics::Meter;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

/// What `/proc/self/stat` says, in the kernel's units.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// Time in user and kernel mode, in clock ticks.
    cpu: u64,
    /// Start after the boot, in clock ticks.
    started: u64,
    /// Virtual memory, in bytes.
    virtual_memory: u64,
    /// Resident memory, in pages.
    resident: u64,
}

/// Observes the process from now on.
pub(super) fn observe(meter: &Meter) {
    meter
        .f64_observable_counter("process.cpu")
        .with_unit("s")
        .with_description("Time in user and kernel mode")
        .with_callback(|observer| {
            if let Some(stat) = Stat::read() {
                observer.observe(seconds(stat.cpu), &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge("process.resident_memory")
        .with_unit("By")
        .with_description("Memory in use")
        .with_callback(|observer| {
            if let Some(stat) = Stat::read() {
                observer.observe(stat.resident * page_size() as u64, &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge("process.virtual_memory")
        .with_unit("By")
        .with_description("Memory that is mapped")
        .with_callback(|observer| {
            if let Some(stat) = Stat::read() {
                observer.observe(stat.virtual_memory, &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge("process.open_fds")
        .with_description("Open files and sockets")
        .with_callback(|observer| {
            if let Ok(open) = fs::read_dir("/proc/self/fd") {
                observer.observe(open.count() as u64, &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge("process.max_fds")
        .with_description("Files and sockets that may be open")
        .with_callback(|observer| {
            if let Some(most) = getrlimit(Resource::Nofile).current {
                observer.observe(most, &[]);
            }
        })
        .build();
    // It never changes, and is not read again.
    let started = Stat::read()
        .zip(booted())
        .map(|(stat, booted)| booted + seconds(stat.started));
    if let Some(started) = started {
        meter
            .f64_observable_gauge("process.start_time")
            .with_unit("s")
            .with_description("When the process started, since the epoch")
            .with_callback(move |observer| observer.observe(started, &[]))
            .build();
    }
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / clock_ticks_per_second() as f64
}

/// When the machine started, in seconds since the epoch.
fn booted() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .parse()
        .ok()
}

// === impl Stat ===

impl Stat {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    /// proc_pid_stat(5): the second field is the name in parentheses, which may have anything within it.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // Numbered from 1 as in the manual; the first after the name is the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu: field(14)? + field(15)?,
            started: field(22)?,
            virtual_memory: field(23)?,
            resident: field(24)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_fields() {
        let text = "42 (a) R 1 (b)) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 8 0 777 1048576 33 18446744073709551615 1";
        let stat = Stat {
            cpu: 300,
            started: 777,
            virtual_memory: 1_048_576,
            resident: 33,
        };
        assert_eq!(Stat::parse(text), Some(stat));
        assert_eq!(Stat::parse("42 (a) S 1"), None);
    }
}
