//! A caller with a key, and the calls that every suite makes.

use prost::Message;
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::catalog_service_client::CatalogServiceClient;
use watchbell_contracts::config::v1::cell_service_client::CellServiceClient;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::channel_service_client::ChannelServiceClient;
use watchbell_contracts::config::v1::preference_service_client::PreferenceServiceClient;
use watchbell_contracts::config::v1::routing_service_client::RoutingServiceClient;
use watchbell_contracts::config::v1::silence_service_client::SilenceServiceClient;
use watchbell_contracts::config::v1::team_service_client::TeamServiceClient;
use watchbell_contracts::config::v1::{
    ApiKey, CreateApiKeyRequest, DeliveryPolicy, EventFilter, Scope, WebhookDestination,
};
use watchbell_contracts::digest::v1::digest_service_client::DigestServiceClient;
use watchbell_contracts::dispatcher::v1::alert_service_client::AlertServiceClient;
use watchbell_contracts::dispatcher::v1::dispatcher_service_client::DispatcherServiceClient;
use watchbell_contracts::dispatcher::v1::inbox_service_client::InboxServiceClient;
use watchbell_contracts::dispatcher::v1::{Delivery, GetDeliveryRequest, ListDeliveriesRequest};
use watchbell_contracts::event::v1::event::Payload;
use watchbell_contracts::event::v1::{Event, Severity};
use watchbell_contracts::router::v1::router_service_client::RouterServiceClient;
use watchbell_contracts::router::v1::{EmitRequest, EmitResponse};

use super::Process;

/// A caller with a key.
#[derive(Clone)]
pub(crate) struct Client {
    channel: Channel,
    key: WithKey,
}

/// Shows the key with every call.
#[derive(Clone)]
pub(crate) struct WithKey {
    header: &'static str,
    value: MetadataValue<Ascii>,
}

type Keyed = InterceptedService<Channel, WithKey>;

impl Interceptor for WithKey {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert(self.header, self.value.clone());
        Ok(request)
    }
}

impl Client {
    /// A caller of the process with this key.
    pub(crate) fn new(process: &Process, key: &str) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{}", process.address)).expect("an address");
        Self {
            channel: endpoint.connect_lazy(),
            key: WithKey {
                header: "authorization",
                value: format!("Bearer {key}").parse().expect("a key is ASCII"),
            },
        }
    }

    /// The same caller, who shows the key in the other header.
    pub(crate) fn by_x_api_key(&self) -> Self {
        Self {
            channel: self.channel.clone(),
            key: WithKey {
                header: "x-api-key",
                value: self.secret().parse().expect("a key is ASCII"),
            },
        }
    }

    /// Its key.
    pub(crate) fn secret(&self) -> String {
        let credential = self.key.value.to_str().expect("a key is ASCII");
        credential.trim_start_matches("Bearer ").to_owned()
    }

    /// The caller with the key of the first start.
    pub(crate) fn admin(process: &Process) -> Self {
        Self::new(process, &process.admin_key())
    }

    /// The same caller at another process.
    pub(crate) fn at(&self, process: &Process) -> Self {
        Self {
            key: self.key.clone(),
            ..Self::new(process, "unused")
        }
    }

    pub(crate) fn teams(&self) -> TeamServiceClient<Keyed> {
        TeamServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    pub(crate) fn cells(&self) -> CellServiceClient<Keyed> {
        CellServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    pub(crate) fn channels(&self) -> ChannelServiceClient<Keyed> {
        ChannelServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    pub(crate) fn catalog(&self) -> CatalogServiceClient<Keyed> {
        CatalogServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    pub(crate) fn preferences(&self) -> PreferenceServiceClient<Keyed> {
        PreferenceServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    pub(crate) fn routing(&self) -> RoutingServiceClient<Keyed> {
        RoutingServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    pub(crate) fn silences(&self) -> SilenceServiceClient<Keyed> {
        SilenceServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    pub(crate) fn alerts(&self) -> AlertServiceClient<Keyed> {
        AlertServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    pub(crate) fn router(&self) -> RouterServiceClient<Keyed> {
        RouterServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    pub(crate) fn dispatcher(&self) -> DispatcherServiceClient<Keyed> {
        DispatcherServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    pub(crate) fn digest(&self) -> DigestServiceClient<Keyed> {
        DigestServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    pub(crate) fn inbox(&self) -> InboxServiceClient<Keyed> {
        InboxServiceClient::with_interceptor(self.channel.clone(), self.key.clone())
    }

    /// A caller of the same process with a new key of a team.
    pub(crate) async fn key(&self, process: &Process, team: &str, scopes: &[Scope]) -> Self {
        let key = ApiKey {
            display_name: "a key".to_owned(),
            scopes: scopes.iter().map(|scope| *scope as i32).collect(),
            ..Default::default()
        };
        let request = CreateApiKeyRequest {
            team_id: team.to_owned(),
            api_key: Some(key),
        };
        let made = self.teams().create_api_key(request).await;
        Self::new(process, &made.expect("a key can be made").into_inner().key)
    }

    /// A new team on the plan that teams have.
    pub(crate) async fn team(&self, name: &str) -> String {
        let team = config::Team {
            display_name: name.to_owned(),
            ..Default::default()
        };
        let request = config::CreateTeamRequest {
            team: Some(team),
            validate_only: false,
        };
        let response = self
            .teams()
            .create_team(request)
            .await
            .expect("a team can be made")
            .into_inner();
        response.team.expect("the answer has the team").id
    }

    /// A new webhook for these types. Its id and its signing secret.
    pub(crate) async fn webhook(
        &self,
        team: &str,
        name: &str,
        url: &str,
        types: &[&str],
    ) -> (String, String) {
        let channel = webhook(name, url, types);
        self.channel(team, channel).await.expect("a webhook can be made")
    }

    /// A new webhook for everything, carried in a way of its own. Its id.
    pub(crate) async fn subscribe(
        &self,
        team: &str,
        name: &str,
        url: &str,
        delivery: DeliveryPolicy,
    ) -> String {
        let channel = config::Channel {
            delivery: Some(delivery),
            ..webhook(name, url, &["*"])
        };
        self.channel(team, channel)
            .await
            .expect("a webhook can be made")
            .0
    }

    /// A new channel. Its id and, when one was made, its signing secret.
    pub(crate) async fn channel(
        &self,
        team: &str,
        channel: config::Channel,
    ) -> Result<(String, String), Status> {
        let request = config::CreateChannelRequest {
            team_id: team.to_owned(),
            channel: Some(channel),
            validate_only: false,
        };
        let response = self.channels().create_channel(request).await?.into_inner();
        Ok((response.channel.unwrap_or_default().id, response.signing_secret))
    }

    /// The newest deliveries of a channel, at most 1,000.
    pub(crate) async fn deliveries_of(&self, team: &str, channel: &str) -> Vec<Delivery> {
        let request = ListDeliveriesRequest {
            team_id: team.to_owned(),
            channel_id: channel.to_owned(),
            page_size: 1000,
            ..Default::default()
        };
        let listed = self.dispatcher().list_deliveries(request).await;
        listed.expect("deliveries can be listed").into_inner().deliveries
    }

    /// A delivery with its attempts.
    pub(crate) async fn delivery(&self, team: &str, id: &str) -> Delivery {
        let request = GetDeliveryRequest {
            team_id: team.to_owned(),
            delivery_id: id.to_owned(),
        };
        let got = self.dispatcher().get_delivery(request).await;
        let delivery = got.expect("a delivery that was listed").into_inner().delivery;
        delivery.expect("the answer has the delivery")
    }

    /// A call with a message that need not be the method's.
    pub(crate) async fn raw<M, R>(&self, path: &'static str, message: M) -> Result<R, Status>
    where
        M: Message + 'static,
        R: Message + Default + 'static,
    {
        let mut grpc = Grpc::new(InterceptedService::new(self.channel.clone(), self.key.clone()));
        let ready = grpc.ready().await;
        ready.map_err(|error| Status::unknown(error.to_string()))?;
        let path = path.parse().expect("a path");
        let answer = grpc.unary(Request::new(message), path, ProstCodec::<M, R>::default());
        Ok(answer.await?.into_inner())
    }

    /// Emits one event.
    pub(crate) async fn emit(&self, team: &str, event: Event) -> Result<EmitResponse, Status> {
        let request = EmitRequest {
            team_id: team.to_owned(),
            event: Some(event),
        };
        Ok(self.router().emit(request).await?.into_inner())
    }
}

fn webhook(name: &str, url: &str, types: &[&str]) -> config::Channel {
    let filter = EventFilter {
        types: types.iter().map(ToString::to_string).collect(),
        ..Default::default()
    };
    let destination = Destination::Webhook(WebhookDestination {
        url: url.to_owned(),
        filter: Some(filter),
        ..Default::default()
    });
    config::Channel {
        display_name: name.to_owned(),
        destination: Some(destination),
        ..Default::default()
    }
}

/// Whether a refusal says that the same call again may succeed, and when to make it.
pub(crate) fn is_told_to_come_again(status: &Status) -> bool {
    let waits = status.get_details_retry_info();
    matches!(status.code(), Code::Unavailable | Code::ResourceExhausted)
        && waits.is_some_and(|waits| waits.retry_delay.is_some())
}

/// A critical finding of that id.
pub(crate) fn finding(id: &str) -> Event {
    let data = serde_json::json!({"finding_id": id, "title": "Public bucket", "resource": "s3://audit-logs"});
    Event {
        id: id.to_owned(),
        r#type: "finding.created".to_owned(),
        severity: Severity::Critical.into(),
        source: "cspm".to_owned(),
        payload: Some(Payload::DataJson(data.to_string().into())),
        ..Default::default()
    }
}
