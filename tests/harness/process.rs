//! A `watchbell serve` in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::{Database, eventually};

/// What to serve, and how.
pub(crate) struct Serve {
    services: Vec<&'static str>,
    flags: Vec<String>,
    variables: Vec<(&'static str, String)>,
    directory: PathBuf,
    address: SocketAddr,
    operators: SocketAddr,
    /// Memory that it may write, in bytes.
    memory: Option<u64>,
    /// Where its log goes; the test's own output without.
    log: Option<PathBuf>,
}

/// A process that serves. Dies with its value.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Where operators find metrics and the causes of readiness.
    pub(crate) operators: SocketAddr,
    directory: PathBuf,
}

/// What services of one test show one another.
pub(crate) const SERVICE_TOKEN: &str = "a-token-of-these-tests-alone";

// === impl Serve ===

impl Serve {
    /// Everything in one process.
    pub(crate) fn all(database: &Database) -> Self {
        Self {
            services: Vec::new(),
            flags: database.flags(),
            variables: Vec::new(),
            directory: database.directory().to_owned(),
            address: free_address(),
            operators: free_address(),
            memory: None,
            log: None,
        }
    }

    /// Everything in one process, on SQLite files in the data directory whatever else the database is.
    pub(crate) fn on_files(database: &Database) -> Self {
        let directory = database.directory().display().to_string();
        Self {
            flags: vec!["--data-dir".to_owned(), directory],
            ..Self::all(database)
        }
    }

    /// Some services only.
    pub(crate) fn only(database: &Database, services: &[&'static str]) -> Self {
        Self {
            services: services.to_vec(),
            ..Self::all(database)
        }
    }

    /// Where it will listen.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same, from the next start on.
    pub(crate) fn add(&mut self, flag: &str, value: impl Into<String>) {
        self.flags.extend([flag.to_owned(), value.into()]);
    }

    /// One more flag and its value.
    pub(crate) fn with(mut self, flag: &str, value: impl Into<String>) -> Self {
        self.flags.extend([flag.to_owned(), value.into()]);
        self
    }

    /// One more environment variable.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Its log goes into this file.
    pub(crate) fn log_to(mut self, file: &Path) -> Self {
        self.log = Some(file.to_owned());
        self
    }

    /// Bounds the memory that it may write, in bytes; an allocation beyond it fails, which ends the process. What the
    /// allocator reserves and does not use yet does not count.
    pub(crate) fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self.env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
    }

    /// Starts the process, and waits until it is ready.
    pub(crate) async fn start(&self) -> Process {
        let mut process = self.launch();
        process.wait_until_ready().await;
        process
    }

    /// Starts the process and reads what it says on standard output, up to a line with these words.
    pub(crate) fn start_and_hear(&self, last: &str) -> (Process, String) {
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("standard output is piped");
        let mut said = String::new();
        for line in BufReader::new(stdout).lines() {
            let line = line.expect("it says something in UTF-8");
            said.push_str(&line);
            said.push('\n');
            if line.contains(last) {
                break;
            }
        }
        let process = Process {
            child,
            address: self.address,
            operators: self.operators,
            directory: self.directory.clone(),
        };
        (process, said)
    }

    /// Starts the process, which is not ready yet.
    pub(crate) fn launch(&self) -> Process {
        Process {
            child: self.command().spawn().expect("the binary starts"),
            address: self.address,
            operators: self.operators,
            directory: self.directory.clone(),
        }
    }

    /// Starts the process, which ends by itself because it cannot serve; what it said on standard error.
    pub(crate) async fn fail(&self) -> String {
        let mut child = self
            .command()
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let ended = eventually("the process ends by itself", || {
            std::future::ready(child.try_wait().expect("the process can be asked"))
        });
        assert!(
            !ended.await.success(),
            "the process failed and says that it did not"
        );
        let mut said = String::new();
        let mut stderr = child.stderr.take().expect("standard error is piped");
        stderr
            .read_to_string(&mut said)
            .expect("it says something in UTF-8");
        said
    }

    fn command(&self) -> Command {
        let binary = binary();
        let mut command = match self.memory {
            None => Command::new(binary),
            Some(bytes) => {
                let limited = format!("ulimit -d {} && exec \"$0\" \"$@\"", bytes / 1024);
                let mut shell = Command::new("sh");
                shell.args(["-c", &limited, &binary]);
                shell
            }
        };
        command
            .arg("serve")
            .args(&self.services)
            .args(&self.flags)
            .args([
                "--listen",
                &self.address.to_string(),
                "--egress-allow",
                "127.0.0.0/8",
            ])
            .env("WATCHBELL__SERVER__ADMIN_ADDRESS", self.operators.to_string())
            .env("WATCHBELL__AUTH__SERVICE_TOKEN", SERVICE_TOKEN)
            .env(
                "RUST_LOG",
                std::env::var("WATCHBELL_TEST_LOG").unwrap_or_else(|_| "warn".to_owned()),
            )
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some(log) = &self.log {
            command.stderr(std::fs::File::create(log).expect("the log can be written"));
        }
        command
    }
}

/// The binary that is tested: another build of it may be, such as a release.
pub(crate) fn binary() -> String {
    std::env::var("WATCHBELL_TEST_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_watchbell").to_owned())
}

/// Below the ports that systems give to outgoing connections, one of which could have it while a process is away.
pub(super) fn free_address() -> SocketAddr {
    let candidates =
        std::iter::repeat_with(|| SocketAddr::from(([127, 0, 0, 1], rand::random_range(10_000..32_000))));
    candidates
        .take(1_000)
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("a free port")
}

async fn has_status(address: SocketAddr, wanted: ServingStatus) -> Option<()> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let mut health = HealthClient::new(endpoint.connect_lazy());
    let checked = health.check(HealthCheckRequest::default()).await.ok()?;
    (checked.into_inner().status() == wanted).then_some(())
}

// === impl Process ===

impl Process {
    /// Waits until it serves.
    pub(crate) async fn wait_until_ready(&mut self) {
        let address = self.address;
        eventually("the process is ready", || {
            let ended = self.child.try_wait().expect("the process can be asked");
            assert!(ended.is_none(), "the process ended by itself: {ended:?}");
            has_status(address, ServingStatus::Serving)
        })
        .await;
    }

    /// Waits until it answers that it is not ready.
    pub(crate) async fn wait_until_not_ready(&self) {
        eventually("the process says that it is not ready", || {
            has_status(self.address, ServingStatus::NotServing)
        })
        .await;
    }

    /// The key that the first start made.
    pub(crate) fn admin_key(&self) -> String {
        let key =
            std::fs::read_to_string(self.directory.join("admin.key")).expect("the first start wrote a key");
        key.trim().to_owned()
    }

    /// Lets it stand still, as if it got no processor any more.
    pub(crate) fn stop(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        let sent = Command::new("sh").args(["-c", &command]).status();
        assert!(sent.expect("there is a shell").success(), "{command}");
    }

    /// The most memory that it ever had, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the process is there");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        kilobytes.expect("a peak in kB").parse::<u64>().expect("a number") * 1024
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn terminate(mut self) {
        self.signal("TERM");
        eventually("the process stops", || {
            std::future::ready(self.child.try_wait().expect("the process can be asked"))
        })
        .await;
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
