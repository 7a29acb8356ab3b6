//! NUL characters in requests. PostgreSQL stores none in a text, so a string field that has one is refused when the
//! message is read, before any handler sees it; each field is named. Data of events may have them, since JSON may, and the
//! rest of an event is judged where events are parsed, one by one.

use prost_reflect::{Kind, MessageDescriptor};

use crate::encoded::{Descriptor, Fields};

/// Messages that are judged elsewhere.
const EXEMPT: [&str; 5] = [
    "google.protobuf.Struct",
    "google.protobuf.Value",
    "google.protobuf.ListValue",
    "watchbell.event.v1.Event",
    "watchbell.dispatcher.v1.SubmitRequest",
];
/// How deep messages are looked into; no request has more levels outside of data.
const MAX_DEPTH: usize = 16;

// === impl Descriptor ===

impl Descriptor {
    /// The paths of the string fields of an encoded message that have NUL characters.
    pub(crate) fn fields_with_nul(&self, name: &str, encoded: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        if encoded.contains(&0)
            && let Some(descriptor) = self.get(name)
        {
            scan(descriptor, encoded, "", 0, &mut found);
        }
        found
    }
}

/// Walks the fields of a message as they are encoded.
fn scan(descriptor: &MessageDescriptor, encoded: &[u8], path: &str, depth: usize, found: &mut Vec<String>) {
    if depth > MAX_DEPTH || EXEMPT.contains(&descriptor.full_name()) {
        return;
    }
    let mut counts: Vec<(u32, usize)> = Vec::new();
    for (number, value) in Fields::of(encoded) {
        let Some(field) = descriptor.get_field(number) else {
            continue;
        };
        let mut at = if path.is_empty() {
            field.name().to_owned()
        } else {
            format!("{path}.{}", field.name())
        };
        if field.is_list() {
            let index = match counts.iter_mut().find(|(seen, _)| *seen == number) {
                Some((_, count)) => {
                    *count += 1;
                    *count
                }
                None => {
                    counts.push((number, 0));
                    0
                }
            };
            at = format!("{at}[{index}]");
        }
        match field.kind() {
            Kind::String if value.contains(&0) => found.push(at),
            Kind::Message(inner) if value.contains(&0) => scan(&inner, value, &at, depth + 1, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::prost::Message as _;
    use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, ReflectMessage as _, Value};

    use super::*;
    use crate::json;

    /// Every request of every RPC.
    fn requests() -> Vec<MessageDescriptor> {
        let pool = json::descriptor("watchbell.event.v1.Event")
            .unwrap()
            .parent_pool()
            .clone();
        let ours = pool
            .services()
            .filter(|service| service.full_name().starts_with("watchbell."));
        ours.flat_map(|service| service.methods().map(|rpc| rpc.input()).collect::<Vec<_>>())
            .collect()
    }

    /// A message with one string in one place below it, and the place; for each place there is.
    fn with_nul(descriptor: &MessageDescriptor, depth: usize) -> Vec<(DynamicMessage, String)> {
        let mut made = Vec::new();
        if depth > 4 || EXEMPT.contains(&descriptor.full_name()) {
            return made;
        }
        for field in descriptor.fields() {
            let list = field.cardinality() == Cardinality::Repeated;
            let place = if list {
                format!("{}[0]", field.name())
            } else {
                field.name().to_owned()
            };
            match field.kind() {
                Kind::String => made.push((
                    holding(descriptor, &field, Value::String("a\0b".to_owned())),
                    place,
                )),
                Kind::Message(inner) => {
                    for (part, below) in with_nul(&inner, depth + 1) {
                        let whole = holding(descriptor, &field, Value::Message(part));
                        made.push((whole, format!("{place}.{below}")));
                    }
                }
                _ => {}
            }
        }
        made
    }

    fn holding(descriptor: &MessageDescriptor, field: &FieldDescriptor, value: Value) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        let value = if field.is_list() {
            Value::List(vec![value])
        } else {
            value
        };
        message.set_field(field, value);
        message
    }

    #[test]
    fn a_nul_anywhere_in_any_request_is_named() {
        let mut places = 0;
        for request in requests() {
            for (message, place) in with_nul(&request, 0) {
                let fields =
                    Descriptor::default().fields_with_nul(request.full_name(), &message.encode_to_vec());
                assert_eq!(fields, [place.as_str()], "{}", message.descriptor().full_name());
                places += 1;
            }
        }
        assert!(places > 300, "{places}");
    }

    #[test]
    fn all_fields_are_named_and_data_may_have_nuls() {
        use crate::config::v1 as config;
        let channel = config::Channel {
            display_name: "a\0".to_owned(),
            destination: Some(config::channel::Destination::Email(config::EmailDestination {
                recipients: vec!["ok@example.com".to_owned(), "\0".to_owned()],
                ..Default::default()
            })),
            ..Default::default()
        };
        let request = config::CreateChannelRequest {
            channel: Some(channel),
            ..Default::default()
        };
        let name = "watchbell.config.v1.CreateChannelRequest";
        let fields = Descriptor::default().fields_with_nul(name, &request.encode_to_vec());
        assert_eq!(fields, ["channel.display_name", "channel.email.recipients[1]"]);

        let value = prost_types::Value {
            kind: Some(prost_types::value::Kind::StringValue("a\0b".to_owned())),
        };
        let example = prost_types::Struct {
            fields: [("a".to_owned(), value)].into(),
        };
        let event_type = config::EventType {
            example: Some(example),
            ..Default::default()
        };
        let request = config::CreateEventTypeRequest {
            event_type: Some(event_type),
            ..Default::default()
        };
        let name = "watchbell.config.v1.CreateEventTypeRequest";
        assert!(
            Descriptor::default()
                .fields_with_nul(name, &request.encode_to_vec())
                .is_empty()
        );
        assert!(
            Descriptor::default().fields_with_nul(name, &[0, 0, 1]).is_empty(),
            "no message at all"
        );
    }
}
