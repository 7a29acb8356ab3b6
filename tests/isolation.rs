//! Nothing crosses a team, and no key does more than its scopes say.

use tonic::Code;
use watchbell_contracts::config::v1::{GetChannelRequest, ListChannelsRequest, ListTeamsRequest, Scope};
use watchbell_contracts::dispatcher::v1::{GetDeliveryRequest, GetEventRequest, ListDeliveriesRequest};
use watchbell_testkit::WebhookReceiver;

use crate::harness::{Client, Serve, eventually, finding, on_both_databases};

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
