//! A terminal: runs the binary as a person would, in an empty directory, and keeps what was said.

use std::fmt::Write as _;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::masks::Masks;
use crate::harness::{Process, binary};

pub(super) struct Terminal {
    directory: TempDir,
    variables: Vec<(&'static str, String)>,
    masks: Masks,
    /// Commands and what they said since the last snapshot.
    said: String,
    /// What the last command said, without masks.
    last: String,
}

impl Terminal {
    /// Without a server to talk to.
    pub(super) fn without_server() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a directory"),
            variables: Vec::new(),
            masks: Masks::default(),
            said: String::new(),
            last: String::new(),
        }
    }

    /// With the admin's key to a server.
    pub(super) fn at(process: &Process) -> Self {
        Self {
            variables: vec![
                ("WATCHBELL_SERVER", format!("http://{}", process.address)),
                ("WATCHBELL_KEY", process.admin_key()),
            ],
            ..Self::without_server()
        }
    }

    /// For this team from now on.
    pub(super) fn team(&mut self, name: &str) {
        self.variables.push(("WATCHBELL_TEAM", name.to_owned()));
    }

    /// Runs a command and keeps what it said. Words are parted by spaces; `~` is a space within a word.
    pub(super) fn run(&mut self, line: &str) {
        let words: Vec<_> = line
            .split_whitespace()
            .map(|word| word.replace('~', " "))
            .collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let output = self.output(&words);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let mut said = format!("$ watchbell {line}\n{stdout}");
        if !stderr.is_empty() {
            let _ = write!(said, "[standard error]\n{stderr}");
        }
        let _ = writeln!(said, "[exit code {}]\n", output.status.code().unwrap_or(-1));
        self.said.push_str(&self.masks.apply(&said));
        self.last = stdout;
    }

    /// The standard output of a command that succeeds.
    pub(super) fn text(&self, words: &[&str]) -> String {
        let output = self.output(words);
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The last id with this prefix in what the last command said.
    pub(super) fn last_id(&self, prefix: &str) -> String {
        let start = self.last.rfind(&format!("{prefix}_")).expect("an id");
        let id = self.last[start..].split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        id.take(1).collect()
    }

    /// What was said since this was asked last.
    pub(super) fn said(&mut self) -> String {
        std::mem::take(&mut self.said)
    }

    fn output(&self, words: &[&str]) -> Output {
        let mut command = Command::new(binary());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("WATCHBELL")) {
            command.env_remove(name);
        }
        command
            .args(words)
            .current_dir(self.directory.path())
            .env("TZ", "UTC")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
