//! What was never sent is sent once: events from before there was anybody to tell, by today's rules, however often and whatever dies.

use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};

use tonic::{Code, Streaming};
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::dispatcher::v1::{
    AddDeliveriesRequest, CancelDeliveriesRequest, Delivery, DeliveryFilter, DeliveryState,
    ListDeliveriesRequest, RecoverRequest, ReplayRequest,
};
use watchbell_contracts::router::v1::reroute_response::Step;
use watchbell_contracts::router::v1::{
    EmitBatchRequest, RerouteRequest, RerouteResponse, RerouteResult, RerouteTarget,
};
use watchbell_testkit::{SlackStandIn, WebhookReceiver};

use crate::harness::database::on_postgres;
use crate::harness::{
    Client, Platform, Process, SERVICE_TOKEN, Serve, binary, eventually, finding, is_told_to_come_again,
    on_both_databases,
};

/// Events from before there was anybody to tell.
const EARLY: usize = 50;
/// More than a page, so that a reroute of them has a middle.
const MANY: usize = 1_300;

async fn reroute(client: &Client, request: RerouteRequest) -> RerouteResult {
    let answers = client.router().reroute(request).await;
    result(answers.unwrap().into_inner()).await
}

async fn result(mut answers: Streaming<RerouteResponse>) -> RerouteResult {
    let mut result = None;
    while let Some(answer) = answers.message().await.unwrap() {
        if let Some(Step::Result(last)) = answer.step {
            result = Some(last);
        }
    }
    result.unwrap()
}

fn of(team: &str) -> RerouteRequest {
    RerouteRequest {
        team_id: team.to_owned(),
        per_second: 1_000,
        ..Default::default()
    }
}

fn target<'r>(result: &'r RerouteResult, name: &str) -> &'r RerouteTarget {
    let mut targets = result.targets.iter();
    targets.find(|target| target.display_name == name).unwrap()
}

/// There already, missing, made.
fn counts(target: &RerouteTarget) -> (i64, i64, i64) {
    (target.existing_count, target.missing_count, target.rerouted_count)
}

async fn emit_many(client: &Client, team: &str, ids: impl Iterator<Item = String>) {
    let events: Vec<_> = ids.map(|id| finding(&id)).collect();
    for events in events.chunks(1_000) {
        let request = EmitBatchRequest {
            team_id: team.to_owned(),
            events: events.to_vec(),
        };
        client.router().emit_batch(request).await.unwrap();
    }
}

async fn slack_channel(client: &Client, team: &str, slack: &SlackStandIn) -> String {
    let destination = config::SlackDestination {
        webhook_url: slack.any_webhook_url(),
        ..Default::default()
    };
    let channel = config::Channel {
        display_name: "#security".to_owned(),
        delivery: Some(config::DeliveryPolicy {
            max_per_second: 50.0,
            ..Default::default()
        }),
        destination: Some(config::channel::Destination::Slack(destination)),
        ..Default::default()
    };
    let (id, _) = client.channel(team, channel).await.unwrap();
    let rule = config::Rule {
        display_name: "findings".to_owned(),
        r#match: Some(config::EventFilter {
            types: vec!["finding.*".to_owned()],
            ..Default::default()
        }),
        action: Some(config::rule::Action::Send(config::SendAction {
            channel_ids: vec![id.clone()],
        })),
        ..Default::default()
    };
    let request = config::CreateRuleRequest {
        team_id: team.to_owned(),
        rule: Some(rule),
        ..Default::default()
    };
    client.routing().create_rule(request).await.unwrap();
    id
}

/// All deliveries of a channel.
async fn deliveries(client: &Client, team: &str, channel: &str) -> Vec<Delivery> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListDeliveriesRequest {
            team_id: team.to_owned(),
            channel_id: channel.to_owned(),
            page_size: 1_000,
            page_token,
            ..Default::default()
        };
        let page = client
            .dispatcher()
            .list_deliveries(request)
            .await
            .unwrap()
            .into_inner();
        all.extend(page.deliveries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

fn command(process: &Process, team: &str, words: &[&str]) -> Output {
    let output = Command::new(binary())
        .args(words)
        .args(["--team", team, "--server", &format!("http://{}", process.address)])
        .env("WATCHBELL_KEY", process.admin_key())
        .stdin(Stdio::null())
        .output();
    output.expect("the binary starts")
}

#[test]
fn the_owner_of_a_team_adds_and_replays_whichever_dispatcher_is_asked() {
    on_postgres(|database| async move {
        let platform = Platform::split(&database, 1, 2, |_, serve| serve).await;
        let (admin, router) = (platform.admin(), &platform.clients("router")[0]);
        // Of several teams, so that either owns one.
        for number in 0..4 {
            let receiver = WebhookReceiver::start().await.unwrap();
            let team = admin.team(&format!("Team {number}")).await;
            emit_many(router, &team, (0..EARLY).map(|event| format!("early-{event}"))).await;
            let (siem, _) = admin
                .webhook(&team, "siem", &receiver.url(), &["finding.*"])
                .await;
            let sent = reroute(router, of(&team)).await;
            assert_eq!(counts(target(&sent, "siem")), (0, EARLY as i64, EARLY as i64));
            assert_eq!(reroute(router, of(&team)).await.missing_count, 0);
            let dispatchers = platform.clients("dispatcher");
            eventually("the log says so", || async {
                let all = deliveries(&dispatchers[0], &team, &siem).await;
                let delivered = all.iter().filter(|of| of.state() == DeliveryState::Delivered);
                (delivered.count() == EARLY).then_some(())
            })
            .await;
            let mut replayed = Vec::new();
            for dispatcher in &dispatchers {
                let request = ReplayRequest {
                    team_id: team.clone(),
                    filter: Some(DeliveryFilter {
                        channel_id: siem.clone(),
                        ..Default::default()
                    }),
                    start_time: Some(prost_types::Timestamp::default()),
                    per_second: 1_000,
                    ..Default::default()
                };
                // The team's shard may still be on its way to another owner.
                let answer = eventually("they are replayed", || async {
                    match dispatcher.dispatcher().replay(request.clone()).await {
                        Ok(answer) => Some(answer.into_inner()),
                        Err(status) if is_told_to_come_again(&status) => None,
                        Err(status) => panic!("{status:?}"),
                    }
                })
                .await;
                replayed.push(answer.replayed_count);
            }
            assert_eq!(replayed, [EARLY as i64, 0], "each once");
            receiver.wait_for(2 * EARLY).await.unwrap();
        }
    });
}

on_both_databases! {
    async fn events_from_before_there_was_anybody_to_tell_arrive_once(database: Database) {
        let (receiver, slack) = (WebhookReceiver::start().await.unwrap(), SlackStandIn::start().await.unwrap());
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Reroute").await;
        emit_many(&client, &team, (0..EARLY).map(|number| format!("early-{number}"))).await;
        let (siem, _) = client.webhook(&team, "siem", &receiver.url(), &["finding.*"]).await;
        client.emit(&team, finding("later")).await.unwrap();
        receiver.wait_for(1).await.unwrap();
        let chat = slack_channel(&client, &team, &slack).await;

        let all = EARLY as i64 + 1;
        let counted = reroute(&client, RerouteRequest { validate_only: true, ..of(&team) }).await;
        assert_eq!(counted.event_count, all);
        assert_eq!(counts(target(&counted, "siem")), (1, all - 1, 0));
        assert_eq!(counts(target(&counted, "#security")), (0, all, 0));
        assert_eq!(deliveries(&client, &team, &siem).await.len(), 1, "it was only counted");

        let only = RerouteRequest { channel_ids: vec![siem.clone()], ..of(&team) };
        let sent = reroute(&client, only).await;
        assert_eq!((sent.targets.len(), counts(target(&sent, "siem"))), (1, (1, all - 1, all - 1)));
        receiver.wait_for(EARLY + 1).await.unwrap();
        let rest = reroute(&client, of(&team)).await;
        assert_eq!(counts(target(&rest, "siem")), (all, 0, 0));
        assert_eq!(counts(target(&rest, "#security")), (0, all, all));
        let again = reroute(&client, of(&team)).await;
        assert_eq!((again.missing_count, again.rerouted_count), (0, 0));
        assert_eq!(again.existing_count, 3 * all, "the inbox has them, too");
        assert_eq!((receiver.count(), receiver.distinct_events()), (EARLY + 1, EARLY + 1));
        let replays = deliveries(&client, &team, &chat).await;
        assert_eq!(replays.len(), EARLY + 1);
        assert!(replays.iter().all(|delivery| delivery.replay_of == delivery.id));
        slack.wait_for(EARLY + 1).await.unwrap();

        let other = client.team("Other").await;
        let of_other = RerouteRequest { channel_ids: vec![siem], ..of(&other) };
        let refused = client.router().reroute(of_other).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("channel_ids[0]"), "{}", refused.message());
        assert_eq!(reroute(&client, of(&other)).await.event_count, 0);
    }

    async fn a_reroute_whose_process_is_killed_is_run_again_and_doubles_nothing(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        let serve = Serve::all(&database);
        let process = serve.start().await;
        let client = Client::admin(&process);
        let team = client.team("Reroute").await;
        emit_many(&client, &team, (0..MANY).map(|number| format!("early-{number}"))).await;
        let (siem, _) = client.webhook(&team, "siem", &receiver.url(), &["finding.*"]).await;
        let mut answers = client.router().reroute(of(&team)).await.unwrap().into_inner();
        let Some(Step::Progress(progress)) = answers.message().await.unwrap().unwrap().step else {
            panic!("it has more than one page");
        };
        let begun = progress.event_count;
        assert!(begun > 0);
        process.kill();

        let process = serve.start().await;
        let client = client.at(&process);
        // Another process owns the team's shard once the former one has been silent for a while.
        let again = || async { client.router().reroute(of(&team)).await.ok() };
        let rest = result(eventually("it begins", again).await.into_inner()).await;
        let (existing, missing, made) = counts(target(&rest, "siem"));
        assert!(existing >= begun && missing == made, "{rest:?}");
        assert_eq!(existing + made, MANY as i64);
        eventually("all arrive", || async { (receiver.distinct_events() == MANY).then_some(()) }).await;
        let all = deliveries(&client, &team, &siem).await;
        let events: BTreeSet<_> = all.iter().map(|delivery| &delivery.event_id).collect();
        assert_eq!((all.len(), events.len()), (MANY, MANY), "one delivery of each");
    }

    async fn a_team_sends_again_by_one_call_at_a_time(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Reroute").await;
        let (siem, _) = client.webhook(&team, "siem", &receiver.url(), &["finding.*"]).await;
        client.emit(&team, finding("f-1")).await.unwrap();
        receiver.wait_for(1).await.unwrap();
        // What a Router asks that has not read all events yet.
        let router = Client::new(&process, SERVICE_TOKEN);
        let ask = |is_last| {
            let request = AddDeliveriesRequest { team_id: team.clone(), run_id: "a run".to_owned(), is_last, ..Default::default() };
            let router = router.clone();
            async move { router.dispatcher().add_deliveries(request).await }
        };
        ask(false).await.unwrap();
        let recover = RecoverRequest {
            team_id: team.clone(),
            channel_id: siem,
            start_time: Some(prost_types::Timestamp::default()),
            ..Default::default()
        };
        let start_time = recover.start_time;
        let filter = Some(DeliveryFilter::default());
        let replay = ReplayRequest { team_id: team.clone(), filter: filter.clone(), start_time, ..Default::default() };
        let cancel = CancelDeliveriesRequest { team_id: team.clone(), filter, start_time, ..Default::default() };
        for refused in [
            client.router().reroute(of(&team)).await.err(),
            client.dispatcher().recover(recover.clone()).await.err(),
            client.dispatcher().replay(replay).await.err(),
            client.dispatcher().cancel_deliveries(cancel.clone()).await.err(),
        ] {
            let refused = refused.unwrap();
            assert_eq!(refused.code(), Code::FailedPrecondition);
            assert!(refused.message().starts_with("a Reroute of the team is under way"), "{}", refused.message());
        }
        ask(true).await.unwrap();
        client.dispatcher().recover(recover).await.unwrap();
        client.dispatcher().cancel_deliveries(cancel).await.unwrap();
        assert_eq!(reroute(&client, of(&team)).await.missing_count, 0);
    }

    async fn the_command_counts_and_asks_before_it_sends(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Reroute").await;
        emit_many(&client, &team, (0..3).map(|number| format!("early-{number}"))).await;
        client.webhook(&team, "siem", &receiver.url(), &["finding.*"]).await;
        let to_siem = ["reroute", "--since", "7d", "--type", "finding.*", "--channel", "siem", "--json"];
        let json = |output: &Output| serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
        let counted = command(&process, &team, &[&to_siem[..], &["--dry-run"]].concat());
        assert_eq!(json(&counted)["missing_count"], 3);
        let asked = command(&process, &team, &to_siem);
        assert!(!asked.status.success());
        let said = String::from_utf8_lossy(&asked.stderr).into_owned();
        assert!(said.contains("This sends 3 messages that were never sent: --yes confirms it"), "{said}");
        assert_eq!(receiver.count(), 0);
        let sent = command(&process, &team, &[&to_siem[..], &["--yes"]].concat());
        assert_eq!(json(&sent)["rerouted_count"], 3, "{sent:?}");
        receiver.wait_for(3).await.unwrap();
        let none = command(&process, &team, &to_siem);
        assert!(none.status.success(), "nothing to ask");
        assert_eq!(json(&none)["existing_count"], 3);
    }
}
