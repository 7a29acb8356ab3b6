//! From SQLite to PostgreSQL: what a server knew before it knows after, and goes on.

use std::process::{Command, Output};

use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::{ListChannelsRequest, ListConfigChangesRequest, Scope};
use watchbell_contracts::dispatcher::v1 as dispatcher;
use watchbell_contracts::dispatcher::v1::{
    DeliveryState, ListAlertsRequest, ListAlertsResponse, ListEventsRequest, ListNotificationsRequest,
};
use watchbell_testkit::WebhookReceiver;

use crate::harness::{Client, Database, Serve, binary, eventually, finding};

/// What a team sees by the API.
#[derive(Debug, PartialEq)]
struct Seen {
    channels: Vec<config::Channel>,
    changes: Vec<config::ConfigRevision>,
    events: Vec<dispatcher::AcceptedEvent>,
    deliveries: Vec<dispatcher::Delivery>,
    alerts: Vec<dispatcher::Alert>,
    notifications: Vec<dispatcher::Notification>,
}

impl Seen {
    async fn by(client: &Client, team: &str, member: &str, channel: &str) -> Self {
        let team_id = team.to_owned();
        let channels = ListChannelsRequest {
            team_id: team_id.clone(),
            ..Default::default()
        };
        let changes = ListConfigChangesRequest {
            team_id: team_id.clone(),
            ..Default::default()
        };
        let events = ListEventsRequest {
            team_id: team_id.clone(),
            ..Default::default()
        };
        let alerts = ListAlertsRequest {
            team_id: team_id.clone(),
            ..Default::default()
        };
        let inbox = ListNotificationsRequest {
            team_id,
            member_id: member.to_owned(),
            ..Default::default()
        };
        let alerts: ListAlertsResponse = client
            .raw("/watchbell.dispatcher.v1.AlertService/ListAlerts", alerts)
            .await
            .unwrap();
        Self {
            channels: client
                .channels()
                .list_channels(channels)
                .await
                .unwrap()
                .into_inner()
                .channels,
            changes: client
                .teams()
                .list_config_changes(changes)
                .await
                .unwrap()
                .into_inner()
                .revisions,
            events: client
                .dispatcher()
                .list_events(events)
                .await
                .unwrap()
                .into_inner()
                .events,
            deliveries: client.deliveries_of(team, channel).await,
            alerts: alerts.alerts,
            notifications: client
                .inbox()
                .list_notifications(inbox)
                .await
                .unwrap()
                .into_inner()
                .notifications,
        }
    }
}

fn migrate(database: &Database) -> Output {
    let (url, schema) = database.postgres().expect("a PostgreSQL");
    let from = format!("sqlite://{}", database.directory().display());
    Command::new(binary())
        .args(["migrate-store", "--from", &from, "--to", url, "--schema", schema])
        .output()
        .expect("the binary starts")
}

fn refusal(database: &Database) -> String {
    let output = migrate(database);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn member(client: &Client, team: &str) -> String {
    let member = config::Member {
        email: "olga@acme.example".to_owned(),
        role: config::Role::Owner.into(),
        ..Default::default()
    };
    let request = config::CreateMemberRequest {
        team_id: team.to_owned(),
        member: Some(member),
        validate_only: false,
    };
    let made = client.teams().create_member(request).await.unwrap().into_inner();
    made.member.unwrap().id
}

#[test]
fn a_server_goes_on_in_postgres_with_all_that_it_had_in_sqlite() {
    crate::harness::database::on_postgres(|database| async move {
        let receiver = WebhookReceiver::start().await.unwrap();
        let process = Serve::on_files(&database).start().await;
        let admin = Client::admin(&process);
        let team = admin.team("Moves").await;
        let member = member(&admin, &team).await;
        let (channel, secret) = admin
            .webhook(&team, "siem", &receiver.url(), &["finding.*"])
            .await;
        receiver.expect_secret(secret);
        let scopes = [Scope::Emit, Scope::ConfigRead, Scope::DeliveriesRead];
        let key = admin.key(&process, &team, &scopes).await;
        for number in 0..5 {
            key.emit(&team, finding(&format!("before-{number}")))
                .await
                .unwrap();
        }
        eventually("all are delivered", || async {
            let deliveries = key.deliveries_of(&team, &channel).await;
            let ended = deliveries
                .iter()
                .filter(|delivery| delivery.state() == DeliveryState::Delivered);
            (ended.count() == 5).then_some(())
        })
        .await;
        let before = Seen::by(&admin, &team, &member, &channel).await;
        assert!(
            !before.alerts.is_empty() && before.notifications.len() == 5,
            "{before:?}"
        );
        assert!(refusal(&database).contains("config.db is in use: stop the server"));
        process.terminate().await;

        let moved = migrate(&database);
        let said = String::from_utf8(moved.stdout).unwrap();
        assert!(moved.status.success(), "{said}");
        let counted = said
            .lines()
            .any(|line| line.contains("deliveries") && line.ends_with(" 15"));
        assert!(counted && said.contains("--database postgres://…"), "{said}");
        assert!(refusal(&database).contains("has tables already"));

        let process = Serve::all(&database).start().await;
        let (admin, key) = (admin.at(&process), key.at(&process));
        assert_eq!(Seen::by(&admin, &team, &member, &channel).await, before);
        key.emit(&team, finding("after")).await.unwrap();
        let received = receiver.wait_for(6).await.unwrap();
        assert!(
            received.iter().all(|request| request.signatures.both_valid()),
            "its secret is sealed as it was"
        );
        assert!(key.emit(&team, finding("before-0")).await.unwrap().duplicate);
        let after = Seen::by(&admin, &team, &member, &channel).await;
        let ids: Vec<&str> = after
            .notifications
            .iter()
            .map(|notification| notification.event_id.as_str())
            .collect();
        assert_eq!(ids[0], "after", "its number follows those of before");
    });
}
