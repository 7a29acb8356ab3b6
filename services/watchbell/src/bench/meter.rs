//! What a run costs, as the kernel counts it: CPU time by role, memory now and at its highest. Linux only; elsewhere
//! everything reads as zero.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use watchbell_model::clock::SharedClock;

use super::lab::{ENDPOINT_THREADS, LOAD_THREADS};

/// `/proc` counts CPU time in these, whatever the kernel's own tick (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;
/// Between two samples of memory.
const SAMPLE: Duration = Duration::from_millis(500);
const KIB_PER_MIB: f64 = 1024.0;

/// CPU time in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cpu {
    /// Of the process.
    pub(super) all: f64,
    /// Of the callers.
    pub(super) load: f64,
    /// Of the endpoints.
    pub(super) endpoints: f64,
}

/// Memory over time: seconds since the start, and MiB.
#[derive(Debug, Clone, Default)]
pub(super) struct Curve(Vec<(f64, f64)>);

/// Samples memory until dropped.
pub(super) struct Sampler {
    samples: Arc<Mutex<Curve>>,
    task: AbortHandle,
}

// === impl Cpu ===

impl Cpu {
    /// Up to now.
    pub(super) fn now() -> Self {
        let mut cpu = Self {
            all: fs::read_to_string("/proc/self/stat").map_or(0.0, |stat| seconds(&stat).unwrap_or(0.0)),
            ..Self::default()
        };
        let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        for thread in threads {
            let Ok(stat) = fs::read_to_string(thread.path().join("stat")) else {
                continue;
            };
            let name = stat
                .split_once('(')
                .and_then(|(_, rest)| rest.rsplit_once(')'))
                .map(|(name, _)| name);
            match name {
                Some(LOAD_THREADS) => cpu.load += seconds(&stat).unwrap_or(0.0),
                Some(ENDPOINT_THREADS) => cpu.endpoints += seconds(&stat).unwrap_or(0.0),
                _ => {}
            }
        }
        cpu
    }

    /// Since an earlier reading.
    pub(super) fn since(earlier: &Self) -> Self {
        let now = Self::now();
        Self {
            all: now.all - earlier.all,
            load: now.load - earlier.load,
            endpoints: now.endpoints - earlier.endpoints,
        }
    }

    /// Of Watchbell itself.
    pub(super) fn own(&self) -> f64 {
        (self.all - self.load - self.endpoints).max(0.0)
    }
}

/// User and system time of a `stat` line (proc(5): fields 14 and 15, counted behind the name, which may hold spaces).
fn seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// Resident memory in MiB.
pub(super) fn resident() -> f64 {
    status("VmRSS:")
}

/// The most that was resident since [`forget_peak`], in MiB.
pub(super) fn peak() -> f64 {
    status("VmHWM:")
}

/// Begins a new peak, where the kernel lets us.
pub(super) fn forget_peak() {
    // proc(5): 5 resets the peak resident set size. Without it the peak is that of the whole run.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn status(field: &str) -> f64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / KIB_PER_MIB
}

/// Bytes that reached the disk, and system calls that wrote, since the process began.
pub(super) fn written() -> BTreeMap<String, f64> {
    let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let fields = text.lines().filter_map(|line| line.split_once(": "));
    fields
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

/// What the disk under `path` is mounted as, such as `ext4`; empty when nobody knows.
pub(super) fn file_system(path: &std::path::Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let under = mounted
        .filter(|(at, _)| path.starts_with(at))
        .max_by_key(|(at, _)| at.len());
    under.map(|(_, kind)| kind.to_owned()).unwrap_or_default()
}

/// How long the disk under `directory` takes to make 4 KiB durable: the median of a hundred.
pub(super) fn sync_time(directory: &std::path::Path, clock: &SharedClock) -> std::io::Result<Duration> {
    use std::io::Write as _;
    let mut file = tempfile::tempfile_in(directory)?;
    let mut times = Vec::with_capacity(100);
    for _ in 0..100 {
        file.write_all(&[1; 4096])?;
        let began = clock.monotonic();
        file.sync_data()?;
        times.push(clock.monotonic().saturating_sub(began));
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

// === impl Sampler ===

impl Sampler {
    /// Samples from now on.
    pub(super) fn start(clock: SharedClock) -> Self {
        let samples = Arc::<Mutex<Curve>>::default();
        let kept = Arc::clone(&samples);
        let began = clock.monotonic();
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(SAMPLE);
            loop {
                ticks.tick().await;
                let at = clock.monotonic().saturating_sub(began).as_secs_f64();
                kept.lock().0.push((at, resident()));
            }
        });
        Self {
            samples,
            task: task.abort_handle(),
        }
    }

    /// So far.
    pub(super) fn curve(&self) -> Curve {
        self.samples.lock().clone()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Curve ===

impl Curve {
    /// About `n` of its points, the last one included.
    pub(super) fn thinned(&self, n: usize) -> Vec<(f64, f64)> {
        let step = self.0.len().div_ceil(n.max(1)).max(1);
        let mut points: Vec<_> = self.0.iter().copied().step_by(step).collect();
        if let (Some(last), Some(kept)) = (self.0.last(), points.last())
            && last != kept
        {
            points.push(*last);
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_spaces_and_brackets() {
        let stat = "7 (a (b) c) S 1 1 1 0 -1 4194560 10 0 0 0 250 50 0 0 20 0 4 0 100 1 1";
        assert_eq!(seconds(stat), Some(3.0));
        assert_eq!(seconds("7 (a) S 1"), None);
    }

    #[test]
    fn a_thinned_curve_keeps_its_ends() {
        let curve = Curve((0..100).map(|at| (f64::from(at), 1.0)).collect());
        let points = curve.thinned(10);
        assert_eq!((points.len(), points[0].0, points[10].0), (11, 0.0, 99.0));
    }
}
