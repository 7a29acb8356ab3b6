//! Requests in JSON: what is accepted is as long on the wire as it is in the text, times a constant, and decodes unless it nests
//! deeper than protobuf does; what is not names a place within the message.

use prost::{Message, Name};
use watchbell_contracts::config::v1::{CreateChannelRequest, CreateEventTypeRequest};
use watchbell_contracts::json;
use watchbell_contracts::router::v1::{EmitBatchRequest, EmitRequest};

/// Bytes on the wire for each byte of the text: a number of a `Struct` has eight, a tag and a length.
const GROWTH: usize = 8;
const BASE: usize = 1024;

pub(super) fn run(text: &[u8]) {
    of::<EmitRequest>(text);
    of::<EmitBatchRequest>(text);
    of::<CreateChannelRequest>(text);
    of::<CreateEventTypeRequest>(text);
}

fn of<M: Message + Name + Default>(text: &[u8]) {
    let descriptor = json::descriptor(&M::full_name()).expect("a contract");
    match json::read(&descriptor, text) {
        Ok(wire) => {
            assert!(wire.len() <= GROWTH * text.len() + BASE, "{} bytes", wire.len());
            if let Err(error) = M::decode(wire.as_slice()) {
                assert!(error.to_string().contains("recursion"), "{error}");
                return;
            }
            json::write(&descriptor, &wire).expect("what decodes is written");
        }
        Err(violations) => {
            assert!(!violations.is_empty() && violations.len() <= 100);
        }
    }
}
