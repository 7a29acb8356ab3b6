//! Fields as protobuf encodes them.

use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::FieldDescriptor;

/// A field of text, bytes or a message.
pub(super) fn length_delimited(field: &FieldDescriptor, value: &[u8], out: &mut Vec<u8>) {
    numbered(field.number(), value, out);
}

/// A field of text, bytes or a message, by its number.
pub(super) fn numbered(number: u32, value: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}
