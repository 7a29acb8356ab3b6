//! What Config has answered binds every event that is emitted afterwards, in one process and in several.

use futures::future::join_all;
use tonic::Code;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::Scope;
use watchbell_contracts::event::v1::Event;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::route::Target;
use watchbell_contracts::router::v1::EmitResponse;
use watchbell_testkit::WebhookReceiver;

use crate::harness::{Client, Database, Platform, Serve, eventually, finding, on_both_databases};

on_both_databases! {
    async fn a_burst_after_a_change_is_decided_by_it_in_one_process(database: Database) {
        burst(&Platform::whole(&database).await, 1_000).await;
    }

    async fn a_burst_after_a_change_is_decided_by_it_in_several_processes(database: Database) {
        burst(&Platform::split(&database, 2, 1, |_, serve| serve).await, 1_000).await;
    }

    async fn each_change_holds_at_once(database: Database) {
        each_change(&database).await;
    }

    async fn a_router_is_ready_once_it_has_reached_config_and_a_dispatcher(database: Database) {
        let config = Serve::only(&database, &["config"]);
        // The first start makes the keys.
        config.start().await.kill();
        let at_config = format!("http://{}", config.address());
        let dispatcher = Serve::only(&database, &["dispatcher"]).with("--config-url", at_config.clone());
        let mut router = Serve::only(&database, &["router"])
            .with("--config-url", at_config)
            .with("--dispatcher-url", format!("http://{}", dispatcher.address()))
            .launch();
        router.wait_until_not_ready().await;
        let _config = config.start().await;
        router.wait_until_not_ready().await;
        let _dispatcher = dispatcher.start().await;
        router.wait_until_ready().await;
    }

    async fn a_service_token_that_config_refuses_keeps_a_router_from_being_ready(database: Database) {
        let config = Serve::only(&database, &["config"]);
        let config_process = config.start().await;
        let admin = Client::admin(&config_process);
        let router = Serve::only(&database, &["router"])
            .with("--config-url", format!("http://{}", config.address()))
            .with("--dispatcher-url", "http://127.0.0.1:9")
            .env("WATCHBELL__AUTH__SERVICE_TOKEN", "another-token-than-the-others")
            .env("RUST_LOG", "off")
            .launch();
        router.wait_until_not_ready().await;
        let refused = admin.at(&router).emit("", finding("a")).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "the key is good: {refused:?}");
    }
}

/// Creates channels, and after each answer emits events at all Routers at once.
async fn burst(platform: &Platform, events: usize) {
    let receiver = WebhookReceiver::start().await.unwrap();
    let admin = platform.admin();
    let routers = platform.clients("router");
    let team = admin.team("Burst").await;
    for router in &routers {
        router.emit(&team, finding("before")).await.unwrap();
    }
    let url = receiver.url();
    for round in 0..3 {
        let name = format!("late-{round}");
        let (channel, _) = admin.webhook(&team, &name, &url, &["*"]).await;
        let emitting = (0..events).map(|number| {
            let router = &routers[number % routers.len()];
            let event = finding(&format!("{name}-{number}"));
            router.emit(&team, event)
        });
        let answers = join_all(emitting).await;
        let missed = answers
            .iter()
            .filter(|answer| !goes_to(answer.as_ref().unwrap(), &channel));
        assert_eq!(missed.count(), 0, "of {events} in round {round}");
    }
}

fn goes_to(answer: &EmitResponse, channel: &str) -> bool {
    let mut routes = answer.routes.iter();
    routes.any(|route| matches!(&route.target, Some(Target::Channel(target)) if target.channel_id == channel))
}

/// Changes of every sort, each followed by an event at once, again and again.
async fn each_change(database: &Database) {
    let receivers = [
        WebhookReceiver::start().await.unwrap(),
        WebhookReceiver::start().await.unwrap(),
    ];
    let platform = Platform::split(database, 2, 1, |_, serve| serve).await;
    let admin = platform.admin();
    let routers = platform.clients("router");
    let team = admin.team("Changes").await;
    let (channel, _) = admin.webhook(&team, "siem", &receivers[0].url(), &["*"]).await;
    for round in 0..10 {
        // A type of the team's own is known.
        let name = format!("acme.round{round}");
        let event_type = config::EventType {
            name: name.clone(),
            title: "A round".to_owned(),
            ..Default::default()
        };
        let request = config::CreateEventTypeRequest {
            team_id: team.clone(),
            event_type: Some(event_type),
            ..Default::default()
        };
        admin.catalog().create_event_type(request).await.unwrap();
        for (number, router) in routers.iter().enumerate() {
            let event = Event {
                id: format!("{name}-{number}"),
                r#type: name.clone(),
                payload: Some(Payload::DataJson("{}".into())),
                ..Default::default()
            };
            router.emit(&team, event).await.unwrap();
        }
        // A pause takes the channel out, and its end brings it back.
        for (paused, word) in [(true, "paused"), (false, "back")] {
            update(
                admin,
                &team,
                config::Channel {
                    id: channel.clone(),
                    paused,
                    ..Default::default()
                },
                "paused",
            )
            .await;
            for (number, router) in routers.iter().enumerate() {
                let id = format!("{word}-{round}-{number}");
                let answer = router.emit(&team, finding(&id)).await.unwrap();
                assert_eq!(goes_to(&answer, &channel), !paused, "{id}");
            }
        }
        // The Dispatcher sends to the new address.
        let receiver = &receivers[(round + 1) % 2];
        let moved = config::Channel {
            id: channel.clone(),
            destination: Some(config::channel::Destination::Webhook(
                config::WebhookDestination {
                    url: receiver.url(),
                    ..Default::default()
                },
            )),
            ..Default::default()
        };
        update(admin, &team, moved, "webhook.url").await;
        let id = format!("moved-{round}");
        routers[0].emit(&team, finding(&id)).await.unwrap();
        eventually("the event arrives", || async {
            let arrived = receivers.each_ref().map(|receiver| receiver.arrivals_of(&id));
            assert_eq!(arrived[round % 2], 0, "{id} went to the address of before");
            (arrived[(round + 1) % 2] > 0).then_some(())
        })
        .await;
        // A key that is deleted opens nothing more.
        for (number, index) in platform.indices("router").into_iter().enumerate() {
            let key = admin.key(platform.process(index), &team, &[Scope::Emit]).await;
            key.emit(&team, finding(&format!("key-{round}-{number}")))
                .await
                .unwrap();
            let request = config::ListApiKeysRequest {
                team_id: team.clone(),
                ..Default::default()
            };
            let keys = admin
                .teams()
                .list_api_keys(request)
                .await
                .unwrap()
                .into_inner()
                .api_keys;
            let request = config::DeleteApiKeyRequest {
                team_id: team.clone(),
                api_key_id: keys[0].id.clone(),
            };
            admin.teams().delete_api_key(request).await.unwrap();
            let refused = key.emit(&team, finding("refused")).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated);
        }
    }
}

async fn update(admin: &Client, team: &str, channel: config::Channel, path: &str) {
    let request = config::UpdateChannelRequest {
        team_id: team.to_owned(),
        channel: Some(channel),
        update_mask: Some(prost_types::FieldMask {
            paths: vec![path.to_owned()],
        }),
        ..Default::default()
    };
    admin.channels().update_channel(request).await.unwrap();
}
