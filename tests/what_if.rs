//! What a change of the configuration would have done, and why something went where it did.

use std::collections::BTreeSet;

use watchbell_contracts::config::v1 as config;
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::event::v1::{ChannelKind, Route};
use watchbell_contracts::router::v1::backtest_response::Step;
use watchbell_contracts::router::v1::{BacktestRequest, BacktestResult, ExplainRequest};
use watchbell_testkit::WebhookReceiver;

use crate::harness::{Client, Serve, finding, on_both_databases};

/// The channels of routes.
fn channels(routes: &[Route]) -> BTreeSet<String> {
    let channels = routes.iter().filter_map(|route| match &route.target {
        Some(Target::Channel(channel)) => Some(channel.channel_id.clone()),
        _ => None,
    });
    channels.collect()
}

pub(crate) async fn backtest(client: &Client, team: &str, document: &str) -> BacktestResult {
    let request = BacktestRequest {
        team_id: team.to_owned(),
        document: document.to_owned(),
        ..BacktestRequest::default()
    };
    let mut answers = client.router().backtest(request).await.unwrap().into_inner();
    let mut result = None;
    while let Some(answer) = answers.message().await.unwrap() {
        if let Some(Step::Result(last)) = answer.step {
            result = Some(last);
        }
    }
    result.unwrap()
}

on_both_databases! {
    async fn what_happened_is_explained_as_it_was_decided_and_as_it_would_be_today(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("What if").await;
        let (hook, _) = client.webhook(&team, "siem", &receiver.url(), &["finding.*"]).await;
        for id in ["first", "second"] {
            client.emit(&team, finding(id)).await.unwrap();
        }
        receiver.wait_for(2).await.unwrap();
        let before = backtest(&client, &team, "").await;
        assert_eq!((before.event_count, before.changed_count), (2, 0));
        let siem = before.targets.iter().find(|target| target.display_name == "siem").unwrap();
        assert_eq!((siem.before.unwrap().message_count, siem.after.unwrap().message_count), (2, 2));
        // A draft is laid over what there is, and changes nothing.
        let draft = backtest(&client, &team, "channels: []").await;
        assert_eq!((draft.changed_count, draft.unreached_before, draft.unreached_after), (2, 0, 2));
        assert_eq!(draft.changes.len(), 1);

        let request = config::DeleteChannelRequest { team_id: team.clone(), channel_id: hook.clone(), ..Default::default() };
        client.channels().delete_channel(request).await.unwrap();
        let explain = |as_of_then| {
            let request = ExplainRequest { team_id: team.clone(), event_id: "first".to_owned(), as_of_then, ..Default::default() };
            let client = client.clone();
            async move { client.router().explain(request).await.unwrap().into_inner() }
        };
        let then = explain(true).await;
        assert_eq!(then.routes, then.stored_routes);
        assert_eq!(channels(&then.routes), BTreeSet::from([hook.clone()]));
        let today = explain(false).await;
        assert!(channels(&today.routes).is_empty());
        assert_eq!(today.stored_routes, then.stored_routes);
        assert!(today.revision > then.revision);

        let request = config::ListConfigChangesRequest { team_id: team.clone(), ..Default::default() };
        let history = client.teams().list_config_changes(request).await.unwrap().into_inner().revisions;
        let said: Vec<_> = history.iter().map(|entry| (entry.method.as_str(), entry.address.as_str())).collect();
        assert_eq!(said, [("DeleteChannel", "127.0.0.1"), ("CreateChannel", "127.0.0.1"), ("CreateTeam", "127.0.0.1")]);
        assert_eq!(history[1].revision, then.revision);
        assert_eq!(siem.kind(), ChannelKind::Webhook);
    }
}
