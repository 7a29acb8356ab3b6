//! What an operator reads: that it starts and with what, that deliveries fail and channels are given up, each bounded, and
//! no secret.

use serde_json::Value;
use watchbell_testkit::{Behaviour, WebhookReceiver};

use crate::harness::{Client, Serve, eventually, finding};

/// Failures that are written out in a minute.
const MAX_LINES: usize = 20;

#[test]
fn an_operator_reads_what_matters_a_bounded_number_of_times_and_no_secret() {
    crate::harness::database::on_sqlite(|database| async move {
        let log = database.directory().join("log");
        let receiver = WebhookReceiver::start().await.unwrap();
        receiver.behave_at("/refusing-secret", Behaviour::status(401));
        receiver.behave_at("/gone-secret", Behaviour::status(410));
        let process = Serve::all(&database)
            .log_to(&log)
            .env("RUST_LOG", "info")
            .start()
            .await;
        let client = Client::admin(&process);
        let team = client.team("Logs").await;
        client
            .webhook(&team, "refusing", &receiver.url_at("/refusing-secret"), &["*"])
            .await;
        for number in 0..3 * MAX_LINES {
            client
                .emit(&team, finding(&format!("fails-{number}")))
                .await
                .unwrap();
        }
        receiver.wait_for(3 * MAX_LINES).await.unwrap();
        let (gone, secret) = client
            .webhook(&team, "gone", &receiver.url_at("/gone-secret"), &["*"])
            .await;
        client.emit(&team, finding("the-last")).await.unwrap();

        let read = || {
            let text = std::fs::read_to_string(&log).unwrap();
            let lines: Vec<Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
            (text, lines)
        };
        let about = |lines: &[Value], words: &str| {
            let is = |line: &&Value| line["message"].as_str().unwrap().contains(words);
            lines.iter().filter(is).cloned().collect::<Vec<_>>()
        };
        let (text, lines) = eventually("the channel is given up", || {
            let (text, lines) = read();
            let given_up = !about(&lines, "a channel is unhealthy").is_empty();
            std::future::ready(given_up.then_some((text, lines)))
        })
        .await;
        let start = &about(&lines, "starting")[0]["fields"];
        assert_eq!(start["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(start["data_dir"], database.directory().to_str().unwrap());
        let failures = about(&lines, "a delivery has failed");
        assert_eq!(failures.len(), MAX_LINES, "{text}");
        assert_eq!(failures[0]["level"], "WARN");
        assert_eq!(failures[0]["fields"]["team"], team);
        assert_eq!(failures[0]["fields"]["error"], "webhook.http_401");
        assert_eq!(
            about(&lines, "further lines like the last one are left out").len(),
            1
        );
        let unhealthy = &about(&lines, "a channel is unhealthy")[0]["fields"];
        assert_eq!(
            (&unhealthy["channel"], &unhealthy["error"]),
            (&gone.into(), &"webhook.http_410".into())
        );
        for secret in [
            secret.as_str(),
            "refusing-secret",
            "gone-secret",
            &process.admin_key(),
        ] {
            assert!(!text.contains(secret), "{text}");
        }
    });
}
