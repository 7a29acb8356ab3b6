//! Nothing crosses a team, and no key does more than its scopes say.

use std::time::Duration;

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, TransactionTrait as _};
use tonic::Code;
use watchbell_contracts::config::v1::{GetChannelRequest, ListChannelsRequest, ListTeamsRequest, Scope};
use watchbell_contracts::dispatcher::v1::{GetDeliveryRequest, GetEventRequest, ListDeliveriesRequest};
use watchbell_contracts::event::v1::Event;
use watchbell_contracts::event::v1::event::Payload;
use watchbell_model::ids::TeamId;
use watchbell_testkit::WebhookReceiver;

use crate::harness::database::on_postgres;
use crate::harness::{
    Client, Database, Serve, eventually, finding, is_told_to_come_again, on_both_databases,
};

const EVERYTHING_OF_A_TEAM: [Scope; 6] = [
    Scope::Emit,
    Scope::ConfigRead,
    Scope::ConfigWrite,
    Scope::DeliveriesRead,
    Scope::DeliveriesWrite,
    Scope::Inbox,
];

on_both_databases! {
    async fn another_teams_ids_are_not_found(database: Database) {
        let receiver = WebhookReceiver::start().await.unwrap();
        let process = Serve::all(&database).start().await;
        let admin = Client::admin(&process);
        let (ours, theirs) = (admin.team("Ours").await, admin.team("Theirs").await);
        let (channel_id, _) = admin.webhook(&theirs, "siem", &receiver.url(), &["*"]).await;
        admin.emit(&theirs, finding("secret")).await.unwrap();
        let delivery_id = eventually("their delivery is listed", || async {
            let request = ListDeliveriesRequest { team_id: theirs.clone(), ..Default::default() };
            let listed = admin.dispatcher().list_deliveries(request).await.unwrap().into_inner();
            listed.deliveries.into_iter().next().map(|delivery| delivery.id)
        })
        .await;

        let stranger = admin.key(&process, &ours, &EVERYTHING_OF_A_TEAM).await;
        let not_found = |code: Code| assert_eq!(code, Code::NotFound);
        let get = GetChannelRequest { team_id: String::new(), channel_id: channel_id.clone() };
        not_found(stranger.channels().get_channel(get).await.unwrap_err().code());
        let get = GetChannelRequest { team_id: theirs.clone(), channel_id };
        not_found(stranger.channels().get_channel(get).await.unwrap_err().code());
        let get = GetDeliveryRequest { team_id: String::new(), delivery_id };
        not_found(stranger.dispatcher().get_delivery(get).await.unwrap_err().code());
        let get = GetEventRequest { team_id: String::new(), event_id: "secret".to_owned() };
        not_found(stranger.dispatcher().get_event(get).await.unwrap_err().code());
        not_found(stranger.emit(&theirs, finding("forged")).await.unwrap_err().code());
        let list = ListChannelsRequest::default();
        assert!(stranger.channels().list_channels(list).await.unwrap().into_inner().channels.is_empty());
    }

    async fn a_key_does_what_its_scopes_say_and_no_more(database: Database) {
        let process = Serve::all(&database).start().await;
        let admin = Client::admin(&process);
        let team = admin.team("Scopes").await;
        let emitter = admin.key(&process, &team, &[Scope::Emit]).await;
        emitter.emit("", finding("allowed")).await.unwrap();
        let denied = emitter.channels().list_channels(ListChannelsRequest::default()).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
        let denied = emitter.teams().list_teams(ListTeamsRequest::default()).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
        let nobody = Client::new(&process, "wbk_nobody");
        assert_eq!(nobody.emit(&team, finding("x")).await.unwrap_err().code(), Code::Unauthenticated);
    }
}

/// For how long another session holds a team's inbox.
const HELD: Duration = Duration::from_secs(6);

/// An event of which the inbox hears nothing.
fn login(id: &str) -> Event {
    Event {
        id: id.to_owned(),
        r#type: "user.login".to_owned(),
        payload: Some(Payload::DataJson(r#"{"user":"ann@acme.example"}"#.into())),
        ..Default::default()
    }
}

/// Takes the lock of a team's inbox, as another replica would; it lasts as long as the transaction.
async fn hold_inbox(database: &Database, team: &str) -> DatabaseTransaction {
    let (url, schema) = database.postgres().expect("PostgreSQL");
    let session = sea_orm::Database::connect(url).await.expect("it answers");
    let transaction = session.begin().await.expect("a transaction begins");
    let team: TeamId = team.parse().expect("an id");
    let lock = format!(
        "SELECT pg_advisory_xact_lock(hashtextextended('{schema}_dispatcher.inbox.{}', 0))",
        team.as_uuid()
    );
    transaction
        .execute_unprepared(&lock)
        .await
        .expect("the lock is free");
    transaction
}

#[test]
fn a_session_that_holds_one_teams_inbox_delays_nobody_else() {
    on_postgres(|database| async move {
        let process = Serve::all(&database).start().await;
        let admin = Client::admin(&process);
        let (held, other) = (admin.team("Held").await, admin.team("Other").await);
        for team in [&held, &other] {
            admin.emit(team, finding("before")).await.unwrap();
        }
        let lock = hold_inbox(&database, &held).await;
        // What needs the lock waits in the meantime, and must not keep others waiting behind it.
        let waiting: Vec<_> = (0..20)
            .map(|number| {
                let (admin, held) = (admin.clone(), held.clone());
                tokio::spawn(async move { admin.emit(&held, finding(&format!("waits-{number}"))).await })
            })
            .collect();
        let others = async {
            for number in 0..20 {
                admin
                    .emit(&other, finding(&format!("other-{number}")))
                    .await
                    .unwrap();
                admin
                    .emit(&held, login(&format!("silent-{number}")))
                    .await
                    .unwrap();
            }
        };
        tokio::time::timeout(HELD / 2, others)
            .await
            .expect("neither other teams nor events without a row of the inbox wait");
        assert!(
            !waiting.iter().any(tokio::task::JoinHandle::is_finished),
            "what needs the lock cannot be accepted while it is held"
        );
        lock.rollback().await.unwrap();
        for emit in waiting {
            let answer = emit.await.unwrap();
            assert!(answer.is_ok() || answer.is_err_and(|status| is_told_to_come_again(&status)));
        }
        admin.emit(&held, finding("after")).await.unwrap();
    });
}
