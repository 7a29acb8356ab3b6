//! A PostgreSQL of a test's own, which it may stop as it likes.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sea_orm::{ConnectionTrait as _, DatabaseConnection};
use tempfile::TempDir;

use super::process::free_address;

/// The server and its files. Both are gone with this value.
pub(crate) struct Cluster {
    programs: PathBuf,
    directory: TempDir,
    port: u16,
}

impl Cluster {
    /// A new one, or `None` after saying that PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            let required = std::env::var("WATCHBELL_REQUIRE_POSTGRES").is_ok_and(|flag| flag == "1");
            assert!(!required, "PostgreSQL is required and not installed");
            // Past the capture of what passing tests print.
            let _ = writeln!(
                std::io::stderr(),
                "NOT RUN: PostgreSQL is not installed below /usr/lib/postgresql"
            );
            return None;
        };
        let cluster = Self::empty(programs);
        let data = cluster.data();
        done(
            cluster
                .command("initdb")
                .args(["-U", "postgres", "-A", "trust", "--no-sync", "-D"])
                .arg(data),
        );
        cluster.up();
        Some(cluster)
    }

    /// A standby of this one, which follows it.
    pub(crate) fn standby(&self) -> Self {
        let standby = Self::empty(self.programs.clone());
        let mut copy = standby.command("pg_basebackup");
        copy.args(["-U", "postgres", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["--checkpoint=fast", "--no-sync", "--write-recovery-conf", "-D"])
            .arg(standby.data());
        done(&mut copy);
        standby.up();
        standby
    }

    fn empty(programs: PathBuf) -> Self {
        let cluster = Self {
            programs,
            directory: tempfile::Builder::new()
                .prefix("watchbell-postgres-")
                .tempdir()
                .expect("a directory"),
            port: free_address().port(),
        };
        if cluster.is_root() {
            done(
                Command::new("chown")
                    .arg("postgres")
                    .arg(cluster.directory.path()),
            );
        }
        cluster
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same when reached by another port.
    pub(crate) fn url_at(&self, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts the server, and waits until it answers.
    pub(crate) fn up(&self) {
        let directory = self.directory.path().display();
        let options = format!("-p {} -c listen_addresses=127.0.0.1 -k {directory}", self.port);
        let mut command = self.command("pg_ctl");
        command
            .args(["-w", "-o", &options, "-l"])
            .arg(self.directory.path().join("log"));
        done(command.arg("-D").arg(self.data()).arg("start"));
    }

    /// Stops it: `fast` ends connections in order, `immediate` leaves it to recover as after a crash.
    pub(crate) fn down(&self, mode: &str) {
        done(
            self.command("pg_ctl")
                .args(["-w", "-m", mode, "-D"])
                .arg(self.data())
                .arg("stop"),
        );
    }

    /// `kill -9` of the server, which nobody starts again.
    pub(crate) fn kill(&self) {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).expect("the server runs");
        let pid = file.lines().next().expect("its process");
        signal("KILL", pid);
    }

    /// Makes a primary of a standby.
    pub(crate) fn promote(&self) {
        done(
            self.command("pg_ctl")
                .args(["-w", "-D"])
                .arg(self.data())
                .arg("promote"),
        );
    }

    /// A connection that is not cut with the others.
    pub(crate) async fn administrator(&self) -> DatabaseConnection {
        let mut options = sea_orm::ConnectOptions::new(self.url());
        options.max_connections(1).sqlx_logging(false);
        sea_orm::Database::connect(options)
            .await
            .expect("PostgreSQL answers")
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// PostgreSQL refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if self.is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/");
        command
    }

    fn is_root(&self) -> bool {
        Path::new("/proc/self")
            .metadata()
            .is_ok_and(|this| this.uid() == 0)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut command = self.command("pg_ctl");
        command
            .args(["-m", "immediate", "-D"])
            .arg(self.data())
            .arg("stop");
        let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// Ends all connections but the administrator's.
pub(crate) async fn cut_connections(administrator: &DatabaseConnection) {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    administrator
        .execute_unprepared(sql)
        .await
        .expect("connections can be cut");
}

/// Sends a signal to a process.
pub(crate) fn signal(name: &str, pid: &str) {
    done(Command::new("kill").arg(format!("-{name}")).arg(pid));
}

/// Where the newest of the installed ones has its programs.
fn programs() -> Option<PathBuf> {
    let installed = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = installed.map(|entry| entry.path()).max_by_key(version)?;
    Some(newest.join("bin"))
}

/// Runs a program, which must succeed.
fn done(command: &mut Command) {
    // Not by a pipe: the server would inherit it, and the end of the program would not be its end.
    let said = tempfile::tempfile().expect("a temporary file");
    command
        .stdin(Stdio::null())
        .stdout(said.try_clone().expect("the same file"))
        .stderr(said);
    let status = command.status().expect("PostgreSQL's programs can be run");
    assert!(status.success(), "{command:?}: {status}");
}
