//! A team's own event types. There are few, so they are read all at once.

use prost::Message;
use sea_orm::Value;
use watchbell_contracts::config::v1::EventType;

use super::entities::event_type;
use super::{Resource, decode};
use crate::error::Result;
use crate::etag;

// === impl event_type::Model ===

impl event_type::Model {
    pub(crate) fn to_message(&self) -> Result<EventType> {
        Ok(EventType {
            name: self.name.clone(),
            built_in: false,
            etag: etag::from_version(self.version),
            ..decode("event_types", &self.spec)?
        })
    }

    pub(crate) fn configure(&mut self, message: &EventType) {
        let spec = EventType {
            name: String::new(),
            etag: String::new(),
            built_in: false,
            ..message.clone()
        };
        self.spec = spec.encode_to_vec();
    }
}

impl Resource for event_type::Entity {
    type Active = event_type::ActiveModel;
    type Id = String;
    const NAME: &'static str = "event type";
    const TABLE: &'static str = "event_types";
    const TEAM: event_type::Column = event_type::Column::TeamId;
    const ID: event_type::Column = event_type::Column::Name;
    const ORDER: event_type::Column = event_type::Column::Name;

    fn value(id: &String) -> Value {
        id.as_str().into()
    }

    fn label(row: &event_type::Model) -> String {
        row.name.clone()
    }
}
