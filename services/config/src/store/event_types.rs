//! A team's own event types. There are few, so they are read all at once.

use prost::Message;
use watchbell_contracts::config::v1::EventType;
use watchbell_model::catalog::MAX_CUSTOM_TYPES;
use watchbell_model::ids::TeamId;

use super::decode;
use super::entities::event_type;
use super::resource::resource;
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

    pub(crate) fn new(team: TeamId, message: &EventType) -> Self {
        let spec = EventType {
            name: String::new(),
            etag: String::new(),
            built_in: false,
            ..message.clone()
        };
        Self {
            team_id: team.as_uuid(),
            name: message.name.clone(),
            spec: spec.encode_to_vec(),
            version: 1,
        }
    }

    /// Takes over what an admin configures.
    pub(crate) fn configure(&mut self, message: &EventType) {
        *self = Self {
            version: self.version + 1,
            ..Self::new(TeamId::from_uuid(self.team_id), message)
        };
    }
}

resource!(
    "event type" in "event_types": event_type as EventType, at most MAX_CUSTOM_TYPES as u64,
    by Name: String, in order of Name: String,
    |row, _now| row.name, row.name.clone(), row.to_message(), version row.version, bytes row.spec.len(),
);
