//! Services in processes of their own, some of which stop.

use watchbell_testkit::WebhookReceiver;

use crate::harness::{Client, Process, Serve, eventually, finding, on_both_databases};

/// Config in one process; Router and Dispatcher in others, which know it by its address.
fn url(process: &Process) -> String {
    format!("http://{}", process.address)
}

on_both_databases! {
    async fn emitting_and_delivering_go_on_while_config_is_stopped(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        let config = Serve::only(&database, &["config"]).start().await;
        let config_url = url(&config);
        let dispatcher = Serve::only(&database, &["dispatcher"]).with("--config-url", &config_url).start().await;
        let router = Serve::only(&database, &["router"])
            .with("--config-url", &config_url)
            .with("--dispatcher-url", url(&dispatcher))
            .start()
            .await;
        let admin = Client::admin(&config);
        let team = admin.team("Outage").await;
        admin.webhook(&team, "siem", &receiver.url(), &["*"]).await;
        let client = admin.at(&router);
        client.emit(&team, finding("before")).await.unwrap();
        eventually("the first event arrives", || async { (receiver.arrivals_of("before") > 0).then_some(()) }).await;

        config.kill();
        for number in 0..50 {
            client.emit(&team, finding(&format!("during-{number}"))).await.unwrap();
        }
        eventually("what was emitted without Config arrives", || async {
            (0..50).all(|number| receiver.arrivals_of(&format!("during-{number}")) > 0).then_some(())
        })
        .await;
    }
}

/// Two Dispatchers need a database that two processes can share.
#[test]
fn stopping_one_of_two_dispatchers_loses_nothing() {
    crate::harness::database::on_postgres(|database| async move {
        let receiver = WebhookReceiver::start().await.unwrap();
        let config = Serve::only(&database, &["config"]).start().await;
        let config_url = url(&config);
        let one = Serve::only(&database, &["dispatcher"])
            .with("--config-url", &config_url)
            .start()
            .await;
        let other = Serve::only(&database, &["dispatcher"])
            .with("--config-url", &config_url)
            .start()
            .await;
        let router = Serve::only(&database, &["router"])
            .with("--config-url", &config_url)
            .with("--dispatcher-url", url(&one))
            .with("--dispatcher-url", url(&other))
            .start()
            .await;
        let admin = Client::admin(&config);
        let team = admin.team("Two").await;
        admin.webhook(&team, "siem", &receiver.url(), &["*"]).await;
        let client = admin.at(&router);

        let mut one = Some(one);
        for number in 0..600 {
            if number == 300 {
                one.take().unwrap().kill();
            }
            let id = format!("two-{number}");
            // A call that was with the Dispatcher that died is told so; the same call again is safe.
            eventually("the other Dispatcher takes the event", || async {
                client.emit(&team, finding(&id)).await.ok()
            })
            .await;
        }
        eventually("every event arrives", || async {
            (0..600)
                .all(|number| receiver.arrivals_of(&format!("two-{number}")) > 0)
                .then_some(())
        })
        .await;
    });
}
