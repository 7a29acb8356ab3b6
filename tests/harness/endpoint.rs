//! A webhook endpoint that notes when each event arrived.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use watchbell_contracts::config::v1 as config;
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{DeliveryPolicy, EventFilter, WebhookDestination};
use watchbell_model::clock::{Clock as _, SystemClock};
use watchbell_model::ids::ChannelId;
use watchbell_testkit::{Behaviour, WebhookReceiver};

use super::Client;

/// How long it thinks, so that at any moment something is under way.
const THINKS: Duration = Duration::from_millis(20);
/// Attempts at the same time.
pub(crate) const CONCURRENCY: usize = 8;

/// The endpoint.
pub(crate) struct Endpoint {
    receiver: WebhookReceiver,
    arrivals: Arc<Mutex<HashMap<String, Vec<DateTime<Utc>>>>>,
}

impl Endpoint {
    /// An endpoint that takes everything.
    pub(crate) async fn start() -> Self {
        let arrivals: Arc<Mutex<HashMap<String, Vec<DateTime<Utc>>>>> = Arc::default();
        let noting = arrivals.clone();
        let clock = SystemClock::new();
        let receiver = WebhookReceiver::builder()
            .count_only()
            .without_event_ids()
            .on_arrival(move |arrival| {
                let id = arrival.headers["webhook-id"]
                    .to_str()
                    .expect("ids are ASCII")
                    .to_owned();
                noting.lock().entry(id).or_default().push(clock.now());
            })
            .start()
            .await
            .expect("an endpoint");
        receiver.behave(Behaviour::delayed(THINKS));
        Self { receiver, arrivals }
    }

    /// Makes the channel that leads here; its id.
    pub(crate) async fn subscribe(&self, client: &Client, team: &str, name: &str) -> ChannelId {
        let filter = EventFilter {
            types: vec!["*".to_owned()],
            ..Default::default()
        };
        let channel = config::Channel {
            display_name: name.to_owned(),
            destination: Some(Destination::Webhook(WebhookDestination {
                url: self.receiver.url(),
                filter: Some(filter),
                ..Default::default()
            })),
            delivery: Some(DeliveryPolicy {
                max_concurrency: CONCURRENCY as u32,
                ..Default::default()
            }),
            ..Default::default()
        };
        let (id, _) = client
            .channel(team, channel)
            .await
            .expect("a webhook can be made");
        id.parse().expect("a channel's id")
    }

    /// How many different events have arrived.
    pub(crate) fn distinct(&self) -> usize {
        self.arrivals.lock().len()
    }

    /// When each event arrived, in order.
    pub(crate) fn arrivals(&self) -> HashMap<String, Vec<DateTime<Utc>>> {
        self.arrivals.lock().clone()
    }
}
