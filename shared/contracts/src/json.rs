//! Protobuf JSON of any message, by reflection. [`read`] and [`write`] serve callers who speak JSON: they work on the wire and
//! hold no tree, so that a request costs what its text does.

mod read;
mod scalar;
#[cfg(test)]
mod tests;
mod well_known;
mod wire;
mod write;

use std::collections::HashSet;
use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, EnumDescriptor, EnumValueDescriptor, SerializeOptions};

use crate::FILE_DESCRIPTOR_SET;

pub use read::{JsonViolation, read};
pub use write::write;

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

/// The values of an enumeration in the order in which they are declared, each number once: an alias is read, and never
/// written or listed.
pub fn declared(values: &EnumDescriptor) -> impl Iterator<Item = EnumValueDescriptor> {
    let mut numbers = HashSet::new();
    let all = values.enum_descriptor_proto().value.iter();
    all.filter_map(|value| values.get_value_by_name(value.name()))
        .filter(move |value| numbers.insert(value.number()))
}

/// The descriptor of an RPC, by `/package.Service/Rpc`.
#[must_use]
pub fn rpc(path: &str) -> Option<prost_reflect::MethodDescriptor> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let service = POOL.as_ref().ok()?.get_service_by_name(service)?;
    service.methods().find(|rpc| rpc.name() == method)
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
