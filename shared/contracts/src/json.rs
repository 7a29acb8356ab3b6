//! Canonical protobuf JSON of any message, by reflection.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

use crate::FILE_DESCRIPTOR_SET;

/// Why a message has no JSON, or JSON is no message.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// No such message in `proto/`.
    #[error("there is no message {0}")]
    UnknownMessage(String),
    /// The bytes are not of that message.
    #[error("the message does not decode: {0}")]
    Decode(#[from] prost::DecodeError),
    /// The JSON is not of that message.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

static POOL: LazyLock<Result<DescriptorPool, prost_reflect::DescriptorError>> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET));

/// The descriptor of a message's type, by its full name: for whoever works on messages by reflection.
///
/// # Errors
/// When there is no such message.
pub fn descriptor(name: &str) -> Result<prost_reflect::MessageDescriptor, JsonError> {
    POOL.as_ref()
        .ok()
        .and_then(|pool| pool.get_message_by_name(name))
        .ok_or_else(|| JsonError::UnknownMessage(name.to_owned()))
}

/// A message as canonical protobuf JSON, with the field names of the `.proto` file.
///
/// # Errors
/// When `name` is not the full name of the message's type.
pub fn to_json<M: Message>(name: &str, message: &M) -> Result<serde_json::Value, JsonError> {
    let message = DynamicMessage::decode(descriptor(name)?, message.encode_to_vec().as_slice())?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .stringify_64_bit_integers(false);
    Ok(message.serialize_with_options(serde_json::value::Serializer, &options)?)
}

/// A message from protobuf JSON; field names in either case.
///
/// # Errors
/// When `name` is unknown, or the JSON names unknown fields or has wrong types.
pub fn from_json<M: Message + Default>(name: &str, json: &serde_json::Value) -> Result<M, JsonError> {
    let message = DynamicMessage::deserialize(descriptor(name)?, json)?;
    Ok(M::decode(message.encode_to_vec().as_slice())?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::v1::EventFilter;
    use crate::event::v1::Severity;

    #[test]
    fn moderate_is_read_and_medium_is_written() {
        let name = "watchbell.config.v1.EventFilter";
        let json = json!({"severities": ["SEVERITY_MODERATE", "SEVERITY_MEDIUM", 3, "SEVERITY_HIGH"]});
        let filter: EventFilter = from_json(name, &json).unwrap();
        let (medium, high) = (Severity::Medium as i32, Severity::High as i32);
        assert_eq!(filter.severities, [medium, medium, medium, high]);
        let words = [
            "SEVERITY_MEDIUM",
            "SEVERITY_MEDIUM",
            "SEVERITY_MEDIUM",
            "SEVERITY_HIGH",
        ];
        assert_eq!(to_json(name, &filter).unwrap(), json!({"severities": words}));
    }
}
