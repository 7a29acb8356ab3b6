//! A full disk under SQLite. Nothing is accepted that is not on it, nothing that was accepted is lost, and when there is
//! room again everything goes on by itself.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use watchbell_contracts::dispatcher::v1::{DeliveryState, GetEventRequest, ListDeliveriesRequest};
use watchbell_testkit::WebhookReceiver;

use crate::harness::{Client, Faults, Serve, eventually, finding, is_told_to_come_again};

const CALLERS: usize = 8;
/// Deliveries that have arrived when the disk fills up, so that it does in the middle of emitting and delivering.
const FULL_AFTER: usize = 300;

/// Whether any delivery of the team is not told to be over.
async fn is_anything_pending(client: &Client, team: &str) -> bool {
    let request = ListDeliveriesRequest {
        team_id: team.to_owned(),
        states: vec![DeliveryState::Pending.into()],
        ..Default::default()
    };
    let listed = client.dispatcher().list_deliveries(request).await;
    !listed
        .expect("reading needs no room")
        .into_inner()
        .deliveries
        .is_empty()
}

/// Emits until it is refused; the ids that were accepted.
async fn emit_until_refused(client: Client, team: String, caller: usize) -> HashSet<String> {
    let mut accepted = HashSet::new();
    loop {
        let id = format!("disk-{caller}-{}", accepted.len());
        match client.emit(&team, finding(&id)).await {
            Ok(_) => accepted.insert(id),
            Err(status) => {
                assert!(is_told_to_come_again(&status), "{status:?}");
                return accepted;
            }
        };
    }
}

#[test]
fn a_full_disk_accepts_nothing_and_loses_nothing() {
    crate::harness::database::on_sqlite(|database| async move {
        let faults = Arc::new(Faults::new(database.directory()));
        let (filling, arrived) = (Arc::clone(&faults), AtomicUsize::new(0));
        let receiver = WebhookReceiver::builder().on_arrival(move |_| {
            if arrived.fetch_add(1, Ordering::Relaxed) == FULL_AFTER {
                filling.fill_disk();
            }
        });
        let receiver = receiver.start().await.unwrap();
        let serve = faults.under(Serve::all(&database));
        let process = serve.start().await;
        let client = Client::admin(&process);
        let team = client.team("Disk").await;
        client.webhook(&team, "siem", &receiver.url(), &["*"]).await;

        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| tokio::spawn(emit_until_refused(client.clone(), team.clone(), caller)))
            .collect();
        let mut accepted = HashSet::new();
        for caller in callers {
            accepted.extend(caller.await.unwrap());
        }
        let bitten = faults.writes_refused();
        assert!(bitten > 0, "no write was refused: the fault does not bite");
        assert!(accepted.len() >= FULL_AFTER);
        assert!(
            is_anything_pending(&client, &team).await,
            "outcomes wait for room"
        );
        eventually("it goes on trying", || async {
            let refused = client
                .emit(&team, finding("while-full"))
                .await
                .expect_err("there is no room");
            assert!(is_told_to_come_again(&refused), "{refused:?}");
            (faults.writes_refused() > bitten + 10).then_some(())
        })
        .await;

        faults.free_disk();
        eventually("it accepts again", || async {
            client.emit(&team, finding("while-full")).await.ok()
        })
        .await;
        accepted.insert("while-full".to_owned());
        eventually("every accepted event arrives", || async {
            accepted
                .iter()
                .all(|id| receiver.arrivals_of(id) > 0)
                .then_some(())
        })
        .await;
        eventually("nothing is stuck", || async {
            (!is_anything_pending(&client, &team).await).then_some(())
        })
        .await;
        assert_eq!(
            receiver.duplicates(),
            [],
            "the outcomes were kept in memory until there was room"
        );

        process.kill();
        let process = serve.start().await;
        let client = client.at(&process);
        for id in &accepted {
            let request = GetEventRequest {
                team_id: team.clone(),
                event_id: id.clone(),
            };
            client
                .dispatcher()
                .get_event(request)
                .await
                .expect("what was accepted is on disk");
        }
    });
}

#[test]
fn on_a_full_disk_a_first_start_says_what_is_wrong() {
    crate::harness::database::on_sqlite(|database| async move {
        let faults = Faults::new(database.directory());
        faults.fill_disk();
        let said = faults.under(Serve::all(&database)).fail().await;
        assert!(faults.writes_refused() > 0, "the fault does not bite");
        assert!(said.contains("No space left") || said.contains("full"), "{said}");
    });
}

#[test]
fn on_a_disk_that_has_filled_up_a_later_start_says_what_is_wrong() {
    crate::harness::database::on_sqlite(|database| async move {
        let faults = Faults::new(database.directory());
        let serve = faults.under(Serve::all(&database));
        serve.start().await.kill();
        faults.fill_disk();
        let said = serve.fail().await;
        assert!(faults.writes_refused() > 0, "the fault does not bite");
        assert!(said.contains("full"), "{said}");
        faults.free_disk();
        serve.start().await;
    });
}
