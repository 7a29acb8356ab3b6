//! What users do, from a fresh start to the message that arrives.

use chrono::TimeDelta;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::rule::Action;
use watchbell_contracts::config::v1::{
    Channel, CreateMemberRequest, EventFilter, Member, SendAction, SlackDestination, UpdateChannelRequest,
    WebhookDestination,
};
use watchbell_contracts::digest::v1::ListDigestRunsRequest;
use watchbell_contracts::dispatcher::v1::{
    AttemptOutcome, Delivery, DeliveryState, GetDeliveryRequest, GetEventRequest, ListDeliveriesRequest,
    ListEventsRequest, ReplayRequest, SendTestRequest,
};
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::event::v1::{ChannelKind, Event, Severity};
use watchbell_contracts::router::v1::emit_result::Outcome;
use watchbell_contracts::router::v1::{EmitBatchRequest, EmitStreamRequest, ExplainRequest};
use watchbell_model::clock::{Clock as _, SystemClock};
use watchbell_model::convert::timestamp;
use watchbell_testkit::{SlackStandIn, WebhookReceiver};

use crate::harness::{Client, Serve, eventually, finding, on_both_databases};

fn slack(name: &str, url: &str) -> Channel {
    let destination = SlackDestination {
        webhook_url: url.to_owned(),
        ..Default::default()
    };
    Channel {
        display_name: name.to_owned(),
        destination: Some(Destination::Slack(destination)),
        ..Default::default()
    }
}

/// The field paths that a refusal names.
fn fields(status: &Status) -> Vec<String> {
    let request = status.get_details_bad_request();
    let violations = request
        .map(|request| request.field_violations)
        .unwrap_or_default();
    violations.into_iter().map(|violation| violation.field).collect()
}

on_both_databases! {
    async fn an_event_reaches_its_webhook_signed_and_once(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Journey").await;
        let (_, secret) = client.webhook(&team, "siem", &receiver.url(), &["finding.*"]).await;
        receiver.expect_secret(secret);

        let answer = client.emit(&team, finding("first")).await.unwrap();
        assert!(!answer.duplicate);
        // The webhook, and the inbox: a critical finding alerts by default.
        assert_eq!(answer.routes.len(), 2);
        let again = client.emit(&team, finding("first")).await.unwrap();
        assert!(again.duplicate);
        assert_eq!(again.routes, answer.routes);

        client.emit(&team, finding("second")).await.unwrap();
        let received = receiver.wait_for(2).await.unwrap();
        assert!(received.iter().all(|request| request.signatures.both_valid()), "{received:?}");
        assert_eq!((receiver.arrivals_of("first"), receiver.arrivals_of("second")), (1, 1));
    }

    async fn an_endpoint_that_fails_at_first_is_tried_again_and_the_log_shows_it(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        receiver.fail_first(2, 503);
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Retries").await;
        let second = prost_types::Duration { seconds: 1, nanos: 0 };
        let channel = Channel {
            display_name: "flaky".to_owned(),
            destination: Some(Destination::Webhook(WebhookDestination {
                url: receiver.url(),
                filter: Some(EventFilter { types: vec!["*".to_owned()], ..Default::default() }),
                ..Default::default()
            })),
            delivery: Some(config::DeliveryPolicy { retry_delays: vec![second; 3], ..Default::default() }),
            ..Default::default()
        };
        let (channel_id, _) = client.channel(&team, channel).await.unwrap();
        client.emit(&team, finding("flaky")).await.unwrap();
        receiver.wait_for(3).await.unwrap();

        let ended = eventually("the delivery has ended", || async {
            let request = ListDeliveriesRequest { team_id: team.clone(), channel_id: channel_id.clone(), ..Default::default() };
            let listed = client.dispatcher().list_deliveries(request).await.unwrap().into_inner().deliveries;
            listed.into_iter().find(|delivery| delivery.state() == DeliveryState::Delivered)
        })
        .await;
        let request = GetDeliveryRequest { team_id: team.clone(), delivery_id: ended.id.clone() };
        let shown = client.dispatcher().get_delivery(request).await.unwrap().into_inner().delivery.unwrap();
        let attempts: Vec<_> = shown.attempts.iter().map(|attempt| (attempt.status_code, attempt.outcome())).collect();
        assert_eq!(
            attempts,
            [(503, AttemptOutcome::Retryable), (503, AttemptOutcome::Retryable), (200, AttemptOutcome::Delivered)]
        );

        let request = ReplayRequest { team_id: team.clone(), delivery_id: ended.id.clone(), ..Default::default() };
        let replay = client.dispatcher().replay(request).await.unwrap().into_inner().delivery.unwrap();
        assert_eq!(replay.replay_of, ended.id);
        receiver.wait_for(4).await.unwrap();
        assert_eq!(receiver.arrivals_of("flaky"), 4);
    }

    async fn a_rule_peels_off_what_it_names_and_the_rest_falls_through(database: Database) {
        let stand_in = SlackStandIn::start().await.unwrap();
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Rules").await;
        let default_url = stand_in.webhook_url("T1", "B1", "default");
        let critical_url = stand_in.webhook_url("T1", "B1", "critical");
        client.channel(&team, slack("#watchbell-alerts", &default_url)).await.unwrap();
        let (critical, _) = client.channel(&team, slack("#security-critical", &critical_url)).await.unwrap();
        let rule = config::Rule {
            display_name: "critical findings".to_owned(),
            r#match: Some(EventFilter { severities: vec![Severity::Critical.into()], ..Default::default() }),
            action: Some(Action::Send(SendAction { channel_ids: vec![critical.clone()] })),
            ..Default::default()
        };
        let request = config::CreateRuleRequest { team_id: team.clone(), rule: Some(rule), validate_only: false };
        let rule = client.routing().create_rule(request).await.unwrap().into_inner().rule.unwrap();

        // The change has reached the Router when Explain decides by it.
        eventually("the rule applies", || async {
            let request = ExplainRequest { team_id: team.clone(), event: Some(finding("imagined")), ..ExplainRequest::default() };
            let explained = client.router().explain(request).await.unwrap().into_inner();
            let slack = explained.routes.into_iter().find(|route| route.kind() == ChannelKind::Slack)?;
            (slack.reason.unwrap_or_default().rule_id == rule.id).then_some(())
        })
        .await;
        let answer = client.emit(&team, finding("critical")).await.unwrap();
        let targets: Vec<_> = answer.routes.iter().filter_map(|route| match &route.target {
            Some(Target::Channel(channel)) => Some(channel.channel_id.as_str()),
            _ => None,
        }).collect();
        assert_eq!(targets, [critical.as_str()]);
        client.emit(&team, Event { severity: Severity::High.into(), ..finding("high") }).await.unwrap();
        stand_in.wait_for(2).await.unwrap();
        assert_eq!(stand_in.messages_at(&critical_url).len(), 1);
        assert_eq!(stand_in.messages_at(&default_url).len(), 1);
    }

    async fn what_a_silence_holds_comes_as_one_account_and_webhooks_get_all_the_same(database: Database) {
        let stand_in = SlackStandIn::start().await.unwrap();
        let receiver = WebhookReceiver::start().await.unwrap();
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Silences").await;
        let url = stand_in.webhook_url("T1", "B1", "default");
        let (room, _) = client.channel(&team, slack("#alerts", &url)).await.unwrap();
        client.webhook(&team, "siem", &receiver.url(), &["*"]).await;
        let end = timestamp(SystemClock::new().now() + TimeDelta::hours(2));
        let silence = config::Silence {
            r#match: Some(EventFilter { types: vec!["finding.*".to_owned()], ..Default::default() }),
            end_time: Some(end),
            comment: "patch window".to_owned(),
            ..Default::default()
        };
        let request = config::CreateSilenceRequest {
            team_id: team.clone(),
            silence: Some(silence),
            ..Default::default()
        };
        let silence = client.silences().create_silence(request).await.unwrap().into_inner().silence.unwrap();
        let explain = ExplainRequest {
            team_id: team.clone(),
            event: Some(finding("imagined")),
            ..Default::default()
        };
        let explained = client.router().explain(explain).await.unwrap().into_inner();
        let holds = explained.steps.iter().find(|step| step.stage == "hold").unwrap();
        assert!(holds.sentence.contains("“patch window”"), "{}", holds.sentence);

        // What Config has answered binds what is emitted afterwards.
        for id in ["first", "second"] {
            client.emit(&team, finding(id)).await.unwrap();
        }
        receiver.wait_for(2).await.unwrap();
        let held = eventually("both are held", || async {
            let all = client.deliveries_of(&team, &room).await;
            let held = |delivery: &&Delivery| delivery.state() == DeliveryState::Held;
            (all.iter().filter(held).count() == 2).then_some(all)
        })
        .await;
        assert!(held[0].state_message.starts_with("held by the silence “patch window” of "), "{held:?}");
        assert!(stand_in.messages().is_empty());

        let request = config::ExpireSilenceRequest { team_id: team.clone(), silence_id: silence.id };
        client.silences().expire_silence(request).await.unwrap();
        stand_in.wait_for(1).await.unwrap();
        let message = format!("{:?}", stand_in.messages_at(&url));
        assert!(message.contains("2 alerts held by the silence “patch window”"), "{message}");
        eventually("both are part of the account", || async {
            let all = client.deliveries_of(&team, &room).await;
            let folded = |delivery: &&Delivery| delivery.state() == DeliveryState::Folded;
            (all.iter().filter(folded).count() == 2).then_some(())
        })
        .await;
        assert_eq!(stand_in.messages().len(), 1);
    }

    async fn a_finding_is_told_when_it_opens_and_when_it_is_resolved_and_counted_in_between(database: Database) {
        let stand_in = SlackStandIn::start().await.unwrap();
        let receiver = WebhookReceiver::start().await.unwrap();
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Alerts").await;
        let url = stand_in.webhook_url("T1", "B1", "default");
        let (room, _) = client.channel(&team, slack("#alerts", &url)).await.unwrap();
        client.webhook(&team, "siem", &receiver.url(), &["finding.created"]).await;
        let of_bucket = |id: &str, event_type: &str| Event {
            id: id.to_owned(),
            r#type: event_type.to_owned(),
            ..finding("bucket")
        };
        for id in ["opened", "seen-again"] {
            client.emit(&team, of_bucket(id, "finding.created")).await.unwrap();
        }
        let bodies = receiver.wait_for(2).await.unwrap();
        let alert = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).unwrap()["alert"].clone();
        let again = bodies.iter().find(|received| received.event_id.as_deref() == Some("seen-again")).unwrap();
        let last = alert(&again.body);
        assert_eq!((&last["key"], &last["state"]), (&"finding_id=bucket".into(), &"OPEN".into()));
        assert_eq!((&last["opened_event_id"], &last["count"]), (&"opened".into(), &2.into()));
        let counted = client.deliveries_of(&team, &room).await;
        let counted = counted.iter().find(|delivery| delivery.event_id == "seen-again").unwrap();
        assert_eq!(counted.state(), DeliveryState::Folded);
        assert!(counted.state_message.starts_with("seen 2 times since "), "{}", counted.state_message);

        // By its severity nobody asked for the end.
        let end = Event { severity: Severity::Info.into(), ..of_bucket("resolved", "finding.resolved") };
        let answer = client.emit(&team, end).await.unwrap();
        let reasons: Vec<_> = answer.routes.iter().filter_map(|route| Some(route.reason.as_ref()?.code.as_str())).collect();
        assert!(!reasons.is_empty() && reasons.iter().all(|reason| *reason == "follows_alert"), "{reasons:?}");
        stand_in.wait_for(2).await.unwrap();
        receiver.wait_for(3).await.unwrap();
        let messages = stand_in.messages_at(&url);
        assert_eq!(messages.len(), 2);
        let message = format!("{:?}", messages[1]);
        assert!(message.contains("Resolved after") && message.contains("seen 2 times"), "{message}");
    }

    async fn a_test_is_sent_at_once_and_answers_with_its_attempt(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Tests").await;
        let (channel_id, _) = client.webhook(&team, "siem", &receiver.url(), &["audit.*"]).await;
        let request = SendTestRequest { team_id: team, channel_id, event_type: "audit.delivered".to_owned(), ..SendTestRequest::default() };
        let delivery = client.dispatcher().send_test(request).await.unwrap().into_inner().delivery.unwrap();
        assert!(delivery.test);
        assert_eq!(delivery.state(), DeliveryState::Delivered);
        assert_eq!(delivery.attempts.len(), 1);
        let body: serde_json::Value = serde_json::from_slice(&receiver.received()[0].body).unwrap();
        assert_eq!((&body["test"], &body["type"]), (&true.into(), &"audit.delivered".into()));
    }

    async fn batches_and_streams_answer_for_each_event_in_order(database: Database) {
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Batches").await;
        let wrong = Event { r#type: "finding.imagined".to_owned(), ..finding("wrong") };
        let events = vec![finding("b-1"), wrong.clone(), finding("b-2")];
        let request = EmitBatchRequest { team_id: team.clone(), events };
        let results = client.router().emit_batch(request).await.unwrap().into_inner().results;
        let ids: Vec<_> = results.iter().map(|result| match result.outcome.as_ref().unwrap() {
            Outcome::Accepted(accepted) => accepted.event_id.as_str(),
            Outcome::Refused(status) => { assert_eq!(status.code, Code::InvalidArgument as i32); "refused" }
        }).collect();
        assert_eq!(ids, ["b-1", "refused", "b-2"]);

        let requests: Vec<_> = (0..100)
            .map(|number| if number == 50 { wrong.clone() } else { finding(&format!("s-{number}")) })
            .map(|event| EmitStreamRequest { team_id: team.clone(), event: Some(event) })
            .collect();
        let mut answers = client.router().emit_stream(tokio_stream::iter(requests)).await.unwrap().into_inner();
        for number in 0..100 {
            let answer = answers.message().await.unwrap().expect("an answer for each request");
            match answer.result.unwrap().outcome.unwrap() {
                Outcome::Accepted(accepted) => assert_eq!(accepted.event_id, format!("s-{number}")),
                Outcome::Refused(_) => assert_eq!(number, 50),
            }
        }
        assert!(answers.message().await.unwrap().is_none());
    }

    async fn bad_input_is_refused_with_the_path_of_every_field(database: Database) {
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Bad input").await;

        let unknown_type = Event { r#type: "finding.imagined".to_owned(), ..finding("x") };
        let wrong_data = Event { payload: Some(Payload::DataJson(r#"{"finding_id": 7}"#.into())), ..finding("x") };
        let no_type = Event { r#type: String::new(), ..finding("x") };
        let too_much = format!(r#"{{"finding_id": "f", "title": "t", "resource": "r", "blob": "{}"}}"#, "x".repeat(257 * 1024));
        let oversize = Event { payload: Some(Payload::DataJson(too_much.into())), ..finding("x") };
        let two_at_once = Event { id: "no spaces".to_owned(), url: "ftp://x".to_owned(), ..finding("x") };
        for (event, expected) in [
            (unknown_type, vec!["event.type"]),
            (wrong_data, vec!["event.data.finding_id"]),
            (no_type, vec!["event.type"]),
            (oversize, vec!["event.data_json"]),
            (two_at_once, vec!["event.id", "event.url"]),
        ] {
            let status = client.emit(&team, event).await.unwrap_err();
            assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, expected.iter().map(ToString::to_string).collect()));
        }

        let events = (0..1_001).map(|number| finding(&number.to_string())).collect();
        let status = client.router().emit_batch(EmitBatchRequest { team_id: team.clone(), events }).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["events".to_owned()]));

        let request = ListDeliveriesRequest { team_id: team.clone(), page_token: "forged".to_owned(), ..Default::default() };
        let status = client.dispatcher().list_deliveries(request).await.unwrap_err();
        assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["page_token".to_owned()]));

        let unknown = GetDeliveryRequest { team_id: team.clone(), delivery_id: "dlv_01jd0000000000000000000000".to_owned() };
        let status = client.dispatcher().get_delivery(unknown).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(status.get_details_resource_info().unwrap().resource_type, "delivery");
        let nobody = client.emit("team_01jd0000000000000000000000", finding("x")).await.unwrap_err();
        assert_eq!(nobody.code(), Code::NotFound);

        for url in ["https://10.0.0.1/hook", "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/", "http://93.184.216.34/"] {
            let filter = EventFilter { types: vec!["*".to_owned()], ..Default::default() };
            let webhook = WebhookDestination { url: url.to_owned(), filter: Some(filter), ..Default::default() };
            let channel = Channel { display_name: "private".to_owned(), destination: Some(Destination::Webhook(webhook)), ..Default::default() };
            let status = client.channel(&team, channel).await.unwrap_err();
            assert_eq!((status.code(), fields(&status)), (Code::InvalidArgument, vec!["channel.webhook.url".to_owned()]), "{url}");
        }
    }

    async fn a_text_that_no_database_takes_and_a_team_that_nobody_has_are_the_callers_fault(database: Database) {
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team_id = client.team("Acme").await;
        let nul = "a\0b".to_owned();
        let member = Member { display_name: nul.clone(), email: "a@b.example".to_owned(), ..Default::default() };
        let request = CreateMemberRequest { team_id: team_id.clone(), member: Some(member), ..Default::default() };
        let made = client.teams().create_member(request).await.unwrap_err();
        assert_eq!((made.code(), fields(&made)), (Code::InvalidArgument, vec!["member.display_name".to_owned()]));
        let fine = [Code::InvalidArgument, Code::NotFound, Code::Ok];
        let request = GetEventRequest { team_id: team_id.clone(), event_id: nul.clone() };
        let got = client.dispatcher().get_event(request).await.unwrap_err();
        assert!(fine.contains(&got.code()), "{got:?}");
        let request = ListDeliveriesRequest { team_id: team_id.clone(), event_type: nul.clone(), ..Default::default() };
        let listed = client.dispatcher().list_deliveries(request).await;
        assert!(fine.contains(&listed.map_or_else(|status| status.code(), |_| Code::Ok)));

        let team_id = "team_01jd0000000000000000000000".to_owned();
        let request = ListDeliveriesRequest { team_id: team_id.clone(), ..Default::default() };
        assert_eq!(client.dispatcher().list_deliveries(request).await.unwrap_err().code(), Code::NotFound);
        let request = ListEventsRequest { team_id: team_id.clone(), ..Default::default() };
        assert_eq!(client.dispatcher().list_events(request).await.unwrap_err().code(), Code::NotFound);
        let request = ListDigestRunsRequest { team_id, ..Default::default() };
        assert_eq!(client.digest().list_digest_runs(request).await.unwrap_err().code(), Code::NotFound);
    }

    async fn a_stale_etag_changes_nothing(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        let process = Serve::all(&database).start().await;
        let client = Client::admin(&process);
        let team = client.team("Etags").await;
        let (channel_id, _) = client.webhook(&team, "siem", &receiver.url(), &["*"]).await;
        let request = config::GetChannelRequest { team_id: team.clone(), channel_id };
        let read = client.channels().get_channel(request).await.unwrap().into_inner().channel.unwrap();
        let rename = async |name: &str| {
            let channel = Channel { display_name: name.to_owned(), ..read.clone() };
            let mask = prost_types::FieldMask { paths: vec!["display_name".to_owned()] };
            let request = UpdateChannelRequest { team_id: team.clone(), channel: Some(channel), update_mask: Some(mask), validate_only: false };
            client.channels().update_channel(request).await
        };
        rename("first").await.unwrap();
        let status = rename("second").await.unwrap_err();
        assert_eq!(status.code(), Code::Aborted);
        assert_eq!(status.get_details_error_info().unwrap().reason, "STALE_ETAG");
    }
}
