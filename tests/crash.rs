//! What was accepted is delivered, whatever dies when.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use watchbell_testkit::WebhookReceiver;

use crate::harness::{Client, Serve, eventually, finding, on_both_databases};

/// More than are emitted until then, on the fastest machine.
const EVENTS: usize = 50_000;
const CALLERS: usize = 32;
/// Deliveries that have arrived when the process is killed, so that it dies in the middle of emitting and delivering.
const KILL_AFTER: usize = 1_000;
/// After the restart, until the last accepted event has arrived.
const WHOLE_AGAIN: Duration = Duration::from_secs(15);

on_both_databases! {
    async fn every_answered_event_arrives_after_a_kill(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        let serve = Serve::all(&database);
        let process = serve.start().await;
        let client = Client::admin(&process);
        let team = client.team("Crash").await;
        client.webhook(&team, "siem", &receiver.url(), &["*"]).await;

        let answered = Arc::new(Mutex::new(HashSet::new()));
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (client, team, answered) = (client.clone(), team.clone(), answered.clone());
                tokio::spawn(async move {
                    for number in (caller..EVENTS).step_by(CALLERS) {
                        let id = format!("crash-{number}");
                        match client.emit(&team, finding(&id)).await {
                            Ok(_) => answered.lock().await.insert(id),
                            // The process is gone; the caller does not know what became of this one.
                            Err(_) => return,
                        };
                    }
                })
            })
            .collect();
        eventually("deliveries are under way", || async { (receiver.count() >= KILL_AFTER).then_some(()) }).await;
        process.kill();
        for caller in callers {
            caller.await.unwrap();
        }
        let answered = std::mem::take(&mut *answered.lock().await);
        assert!(answered.len() < EVENTS, "the kill came too late to be one in the middle");

        let _process = serve.start().await;
        let missing = || answered.iter().filter(|id| receiver.arrivals_of(id) == 0).count();
        let whole = async {
            while missing() > 0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let outcome = tokio::time::timeout(WHOLE_AGAIN, whole).await;
        assert!(outcome.is_ok(), "{} of {} answered events did not arrive", missing(), answered.len());
    }
}
