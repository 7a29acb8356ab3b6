//! RPCs called by name, with messages that are known by their descriptors alone.

use http::uri::PathAndQuery;
use prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage as _, Value,
};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};
use watchbell_contracts::json;

use super::{MAX_ANSWER, Session};
use crate::failure::{Failure, Outcome};

/// The largest page that servers give.
const PAGE: i32 = 1_000;

/// Encodes any message, and decodes those of one type.
struct DynamicCodec(MessageDescriptor);

struct DynamicEncoder;

struct DynamicDecoder(MessageDescriptor);

/// The descriptor of a message by its full name.
pub(crate) fn message(name: &str) -> Outcome<MessageDescriptor> {
    json::descriptor(name).map_err(|error| Failure::Other(error.into()))
}

/// The descriptor of an RPC by the full name of its service and its own.
pub(crate) fn method(service: &str, name: &str) -> Outcome<MethodDescriptor> {
    let package = service.rsplit_once('.').map_or("", |(package, _)| package);
    message(&format!("{package}.{name}Request"))?
        .parent_pool()
        .get_service_by_name(service)
        .and_then(|service| service.methods().find(|method| method.name() == name))
        .ok_or_else(|| Failure::message(format!("there is no RPC {service}/{name}")))
}

/// The field of a message whose type is another message.
pub(crate) fn field_of(owner: &MessageDescriptor, message: &str) -> Option<FieldDescriptor> {
    owner
        .fields()
        .find(|field| matches!(field.kind(), Kind::Message(kind) if kind.full_name() == message))
}

/// Sets a field that the message may not have.
pub(crate) fn set(message: &mut DynamicMessage, field: &str, value: Value) {
    // Requests about teams have no `team_id` beside the team's own, and those about keys no `validate_only`.
    let _ = message.try_set_field_by_name(field, value);
}

/// A text field; empty when there is none of this name.
pub(crate) fn string(message: &DynamicMessage, field: &str) -> String {
    message
        .get_field_by_name(field)
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

impl Session {
    /// Calls an RPC for the session's team.
    pub(crate) async fn call(
        &self,
        method: &MethodDescriptor,
        request: DynamicMessage,
    ) -> Outcome<DynamicMessage> {
        let service = method.parent_service().full_name().to_owned();
        let path = PathAndQuery::try_from(format!("/{service}/{}", method.name()))
            .map_err(|error| Failure::Other(error.into()))?;
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER);
        grpc.ready()
            .await
            .map_err(|error| Status::new(Code::Unknown, format!("Service was not ready: {error}")))?;
        let codec = DynamicCodec(method.output());
        Ok(grpc.unary(self.ask(request), path, codec).await?.into_inner())
    }

    /// An empty request to an RPC, for the session's team.
    pub(crate) fn request(&self, method: &MethodDescriptor) -> DynamicMessage {
        let mut request = DynamicMessage::new(method.input());
        set(&mut request, "team_id", Value::String(self.team()));
        request
    }

    /// The items of a paged list, up to `limit`, as one answer.
    pub(crate) async fn all(
        &self,
        method: &MethodDescriptor,
        request: DynamicMessage,
        limit: usize,
    ) -> Outcome<DynamicMessage> {
        let mut all = DynamicMessage::new(method.output());
        let Some(field) = method
            .output()
            .fields()
            .find(|field| field.is_list() && is_message(field))
        else {
            return Err(Failure::message(format!("{} gives no list", method.full_name())));
        };
        let (request, field) = (&request, &field);
        let items = every(limit, |size, token| async move {
            let mut request = request.clone();
            set(&mut request, "page_size", Value::I32(size));
            set(&mut request, "page_token", Value::String(token));
            let mut answer = self.call(method, request).await?;
            let items = answer.get_field_mut(field).as_list_mut().map(std::mem::take);
            Ok((items.unwrap_or_default(), string(&answer, "next_page_token")))
        })
        .await?;
        all.set_field(field, Value::List(items));
        Ok(all)
    }

    /// The same of messages whose types are known.
    pub(crate) async fn list<Request: Message, Answer: Message + Default>(
        &self,
        service: &str,
        rpc: &str,
        request: &Request,
        limit: usize,
    ) -> Outcome<Answer> {
        let method = method(service, rpc)?;
        let mut wanted = DynamicMessage::new(method.input());
        wanted.transcode_from(request).map_err(anyhow::Error::from)?;
        let all = self.all(&method, wanted, limit).await?;
        Ok(all.transcode_to().map_err(anyhow::Error::from)?)
    }
}

/// Every item of a paged list, up to `limit`.
async fn every<T, F, Answer>(limit: usize, mut page: F) -> Outcome<Vec<T>>
where
    F: FnMut(i32, String) -> Answer,
    Answer: Future<Output = Outcome<(Vec<T>, String)>>,
{
    let mut items = Vec::new();
    let mut token = String::new();
    loop {
        let size = i32::try_from(limit - items.len()).unwrap_or(PAGE).min(PAGE);
        let (more, next) = page(size, token).await?;
        items.extend(more);
        if next.is_empty() || items.len() >= limit {
            items.truncate(limit);
            return Ok(items);
        }
        token = next;
    }
}

fn is_message(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(_))
}

/// The messages of a list's answer.
pub(crate) fn items(answer: &DynamicMessage, message: &str) -> Vec<DynamicMessage> {
    let Some(field) = field_of(&answer.descriptor(), message) else {
        return Vec::new();
    };
    let items = answer.get_field(&field);
    let items = items.as_list().unwrap_or_default();
    items
        .iter()
        .filter_map(|item| item.as_message().cloned())
        .collect()
}

// === impl DynamicCodec ===

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = DynamicEncoder;
    type Decoder = DynamicDecoder;

    fn encoder(&mut self) -> Self::Encoder {
        DynamicEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        DynamicDecoder(self.0.clone())
    }
}

impl Encoder for DynamicEncoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, message: Self::Item, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message
            .encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for DynamicDecoder {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        DynamicMessage::decode(self.0.clone(), buffer)
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_page_is_read_up_to_the_limit() {
        let page = |size: i32, token: String| async move {
            let start: i32 = token.parse().unwrap_or(0);
            let end = (start + size.min(3)).min(8);
            let next = if end < 8 { end.to_string() } else { String::new() };
            Ok(((start..end).collect::<Vec<_>>(), next))
        };
        assert_eq!(every(usize::MAX, page).await.unwrap(), (0..8).collect::<Vec<_>>());
        assert_eq!(every(4, page).await.unwrap(), [0, 1, 2, 3]);
    }

    #[tokio::test]
    async fn what_is_rare_is_read_over_empty_pages() {
        let page = |_, token: String| async move {
            let at: i32 = token.parse().unwrap_or(0);
            let found = if at == 2 { vec![7] } else { vec![] };
            let next = if at < 4 {
                (at + 1).to_string()
            } else {
                String::new()
            };
            Ok((found, next))
        };
        assert_eq!(every(50, page).await.unwrap(), [7]);
    }
}
