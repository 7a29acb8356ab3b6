//! How much memory a message takes once it is decoded, about: an empty message of two bytes may become some hundred. What
//! is much larger than its bytes is refused before it is decoded.

use prost_reflect::{Kind, MessageDescriptor};

use crate::encoded::Fields;

/// The most, in bytes: a request of the largest size, with data as a `Struct` of ordinary members, takes less.
pub(crate) const MAX: usize = 48 * 1024 * 1024;
/// No shorter message takes as much.
const MIN_ENCODED: usize = 32 * 1024;
/// As in the decoder.
const MAX_DEPTH: usize = 100;
/// Of a message, and of each of its fields.
const MESSAGE: usize = 64;
const FIELD: usize = 32;

/// Whether an encoded message would take more than [`MAX`].
pub(crate) fn is_too_large(descriptor: impl FnOnce() -> Option<MessageDescriptor>, encoded: &[u8]) -> bool {
    encoded.len() > MIN_ENCODED
        && descriptor().is_some_and(|descriptor| {
            let mut scale = Scale {
                left: MAX,
                known: Vec::new(),
            };
            scale.weigh(&descriptor, encoded, 0).is_none()
        })
}

/// What may still be taken, and what a message of each kind takes by itself.
struct Scale {
    left: usize,
    known: Vec<(MessageDescriptor, usize)>,
}

// === impl Scale ===

impl Scale {
    /// Takes the weight of a message from what is left; none when that is not enough.
    fn weigh(&mut self, descriptor: &MessageDescriptor, encoded: &[u8], depth: usize) -> Option<()> {
        let alone = self.alone(descriptor);
        self.take(alone)?;
        if depth > MAX_DEPTH {
            return Some(());
        }
        for (number, value) in Fields::of(encoded) {
            let Some(field) = descriptor.get_field(number) else {
                continue;
            };
            match field.kind() {
                Kind::Message(inner) => self.weigh(&inner, value, depth + 1)?,
                _ if field.is_list() => self.take(FIELD + value.len())?,
                _ => self.take(value.len())?,
            }
        }
        Some(())
    }

    fn take(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(bytes)?;
        Some(())
    }

    fn alone(&mut self, descriptor: &MessageDescriptor) -> usize {
        let mut known = self.known.iter();
        if let Some((_, alone)) = known.find(|(known, _)| known == descriptor) {
            return *alone;
        }
        let alone = MESSAGE + FIELD * places(descriptor);
        self.known.push((descriptor.clone(), alone));
        alone
    }
}

/// Fields of a message's struct: those of a `oneof` share one.
fn places(descriptor: &MessageDescriptor) -> usize {
    let alone = descriptor
        .fields()
        .filter(|field| field.containing_oneof().is_none());
    alone.count() + descriptor.oneofs().count()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::event::v1::Event;
    use crate::json;
    use crate::router::v1::{EmitBatchRequest, EmitRequest};

    const LARGEST: usize = 5 * 1024 * 1024;

    fn is_refused(name: &str, encoded: &[u8]) -> bool {
        is_too_large(|| json::descriptor(name).ok(), encoded)
    }

    #[test]
    fn many_small_parts_are_refused_before_they_take_memory() {
        for (name, part) in [
            ("watchbell.router.v1.EmitBatchRequest", &b"\x12\x00"[..]),
            ("watchbell.config.v1.UnsubscribeRequest", b"\x22\x00"),
            ("watchbell.router.v1.BacktestRequest", b"\x32\x00"),
            ("google.protobuf.ListValue", b"\x0a\x00"),
        ] {
            assert!(is_refused(name, &part.repeat(LARGEST / part.len())), "{name}");
            assert!(!is_refused(name, &part.repeat(1_000)), "{name}");
        }
    }

    #[test]
    fn a_request_of_the_largest_size_with_ordinary_data_passes() {
        let member = |at: usize| {
            let value = prost_types::Value {
                kind: Some(prost_types::value::Kind::StringValue(format!("a value of {at}"))),
            };
            (format!("member_{at}"), value)
        };
        let data = prost_types::Struct {
            fields: (0..140).map(member).collect(),
        };
        let event = Event {
            r#type: "finding.created".to_owned(),
            payload: Some(crate::event::v1::event::Payload::Data(data)),
            ..Event::default()
        };
        let one = EmitRequest {
            event: Some(event.clone()),
            ..EmitRequest::default()
        };
        let count = LARGEST / (one.encoded_len() + 8);
        let batch = EmitBatchRequest {
            events: vec![event; count],
            ..EmitBatchRequest::default()
        };
        assert!(count >= 1_000, "{count}");
        assert!(!is_refused(
            "watchbell.router.v1.EmitBatchRequest",
            &batch.encode_to_vec()
        ));
    }
}
