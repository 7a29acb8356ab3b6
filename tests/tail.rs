//! `tail` goes on when the server comes again.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use watchbell_testkit::WebhookReceiver;

use crate::harness::{Client, Process, Serve, binary, eventually, finding};

/// A running `tail`, and what it says.
struct Tail {
    child: Child,
    changes: Arc<Mutex<Vec<String>>>,
    remarks: Arc<Mutex<Vec<String>>>,
}

fn lines(stream: impl Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            heard.lock().unwrap().push(line);
        }
    });
    lines
}

impl Tail {
    fn start(process: &Process, team: &str) -> Self {
        let mut child = Command::new(binary())
            .args(["tail", "--json", "--team", team])
            .args(["--server", &format!("http://{}", process.address)])
            .env("WATCHBELL_KEY", process.admin_key())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        Self {
            changes: lines(child.stdout.take().expect("it is piped")),
            remarks: lines(child.stderr.take().expect("it is piped")),
            child,
        }
    }

    /// Emits until a change of one of these events is shown.
    async fn shows(&self, client: &Client, team: &str, what: &str) {
        let mut number = 0;
        eventually("a change is shown", || {
            number += 1;
            let id = format!("{what}-{number}");
            async move {
                let _ = client.emit(team, finding(&id)).await;
                let changes = self.changes.lock().unwrap();
                changes.iter().any(|line| line.contains(what)).then_some(())
            }
        })
        .await;
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn tail_connects_again_and_says_so() {
    crate::harness::database::on_sqlite(|database| async move {
        let receiver = WebhookReceiver::start().await.unwrap();
        let serve = Serve::all(&database);
        let process = serve.start().await;
        let client = Client::admin(&process);
        let team = client.team("Tail").await;
        client.webhook(&team, "hook", &receiver.url(), &["*"]).await;
        let tail = Tail::start(&process, &team);
        tail.shows(&client, &team, "before").await;

        process.terminate().await;
        let process = serve.start().await;
        tail.shows(&client.at(&process), &team, "after").await;
        let remarks = tail.remarks.lock().unwrap().join("\n");
        assert!(
            remarks.contains("connecting again") && remarks.contains("connected again"),
            "{remarks}"
        );
    });
}
