//! Faults of the machine under one process: a wall clock that is wrong, a disk that is full. `fault.c` does it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::Serve;

/// Steers the faults of the processes that were started with it.
pub(crate) struct Faults {
    control: File,
    disk: PathBuf,
    /// Of the library and the control file, which are not on the disk that fills up.
    directory: TempDir,
}

/// Where the control file has what.
const CLOCK_AHEAD: u64 = 0;
const DISK_FULL: u64 = 8;
const WRITES_REFUSED: u64 = 16;

impl Faults {
    /// None yet. The disk that may fill up is everything below `disk`.
    pub(crate) fn new(disk: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let built = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .arg(library(&directory))
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../tests/harness/fault.c"
            ))
            .status()
            .expect("there is a C compiler");
        assert!(built.success(), "fault.c does not compile");
        let control = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(control(&directory))
            .expect("a control file");
        control.set_len(4096).expect("a control file");
        Self {
            control,
            disk: disk.to_owned(),
            directory,
        }
    }

    /// Puts them under a process.
    pub(crate) fn under(&self, serve: Serve) -> Serve {
        serve
            .env("LD_PRELOAD", library(&self.directory).display().to_string())
            .env("WATCHBELL_FAULTS", control(&self.directory).display().to_string())
            .env("WATCHBELL_FAULTS_DISK", self.disk.display().to_string())
    }

    /// Sets the wall clock so many seconds ahead of the machine's; negative for behind.
    pub(crate) fn set_clock_ahead(&self, seconds: i64) {
        self.set(CLOCK_AHEAD, seconds);
    }

    /// From now on nothing more fits on the disk.
    pub(crate) fn fill_disk(&self) {
        self.set(DISK_FULL, 1);
    }

    /// From now on there is room again.
    pub(crate) fn free_disk(&self) {
        self.set(DISK_FULL, 0);
    }

    /// How many writes the full disk has refused.
    pub(crate) fn writes_refused(&self) -> i64 {
        let mut value = [0; 8];
        self.control
            .read_exact_at(&mut value, WRITES_REFUSED)
            .expect("the control file can be read");
        i64::from_ne_bytes(value)
    }

    fn set(&self, at: u64, value: i64) {
        self.control
            .write_all_at(&value.to_ne_bytes(), at)
            .expect("the control file can be written");
    }
}

fn library(directory: &TempDir) -> PathBuf {
    directory.path().join("fault.so")
}

fn control(directory: &TempDir) -> PathBuf {
    directory.path().join("control")
}
