//! Calls of any RPC with any credential, by the descriptors alone.

use std::net::SocketAddr;
use std::time::Duration;

use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MethodDescriptor, ReflectMessage as _, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use watchbell_contracts::json;

use crate::harness::Process;

/// How long a stream is listened to that has nothing to say.
const SILENCE: Duration = Duration::from_millis(100);

/// What became of a call: the message that came, if one did before anything else.
pub(super) type Answer = Result<Option<DynamicMessage>, Status>;

/// A caller of one server.
#[derive(Clone)]
pub(super) struct Caller {
    channel: Channel,
    address: SocketAddr,
    /// The header and its value.
    credential: Option<(&'static str, String)>,
}

impl Caller {
    pub(super) fn new(process: &Process, credential: Option<(&'static str, String)>) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{}", process.address)).expect("an address");
        Self {
            channel: endpoint.connect_lazy(),
            address: process.address,
            credential,
        }
    }

    pub(super) fn bearer(process: &Process, token: &str) -> Self {
        Self::new(process, Some(("authorization", format!("Bearer {token}"))))
    }

    /// One message there and the first one back. To gRPC a call of one message is a stream of one.
    pub(super) async fn call(&self, rpc: &MethodDescriptor, request: &serde_json::Value) -> Answer {
        let message = DynamicMessage::deserialize(rpc.input(), request);
        let message = message.unwrap_or_else(|error| panic!("{}: {error}: {request}", rpc.full_name()));
        self.call_with(rpc, &message).await
    }

    /// The same with a message that is made already.
    pub(super) async fn call_with(&self, rpc: &MethodDescriptor, message: &DynamicMessage) -> Answer {
        let mut request = Request::new(tokio_stream::once(message.encode_to_vec()));
        if let Some((name, value)) = &self.credential {
            request
                .metadata_mut()
                .insert(*name, value.parse().expect("ASCII"));
        }
        let path = format!("/{}/{}", rpc.parent_service().full_name(), rpc.name());
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.expect("the server answers");
        let answers = grpc
            .streaming(request, path.parse().expect("a path"), Raw)
            .await?;
        let mut answers = answers.into_inner();
        let Ok(first) = tokio::time::timeout(SILENCE, answers.message()).await else {
            return Ok(None);
        };
        let Some(bytes) = first? else { return Ok(None) };
        let message = DynamicMessage::decode(rpc.output(), bytes.as_slice()).expect("an answer of its type");
        match refusal(&message) {
            Some(status) => Err(status),
            None => Ok(Some(message)),
        }
    }

    /// The code that the same request has by JSON over HTTP.
    pub(super) async fn code_by_json(&self, rpc: &MethodDescriptor, request: &serde_json::Value) -> Code {
        let path = format!("/{}/{}", rpc.parent_service().full_name(), rpc.name());
        let credential = self
            .credential
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        let body = request.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: watchbell\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n{}\r\n{body}",
            body.len(),
            credential.collect::<String>()
        );
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("the server answers");
        stream.write_all(request.as_bytes()).await.expect("it listens");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let body: serde_json::Value =
            serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        if head.starts_with("HTTP/1.1 200") {
            return Code::Ok;
        }
        let code = body["code"].as_str().expect("a code").to_uppercase();
        let named = |number: &i32| match Code::from_i32(*number) {
            Code::Cancelled => code == "CANCELED",
            known => format!("{known:?}").to_uppercase() == code.replace('_', ""),
        };
        Code::from_i32((1..=16).find(named).unwrap_or_else(|| panic!("{code}")))
    }

    /// The status of a page.
    pub(super) async fn get(&self, path: &str) -> u16 {
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("the server answers");
        let credential = self
            .credential
            .as_ref()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: watchbell\r\n{}\r\n",
            credential.unwrap_or_default()
        );
        stream.write_all(request.as_bytes()).await.expect("it listens");
        let mut status = [0; "HTTP/1.1 200".len()];
        stream.read_exact(&mut status).await.expect("a status");
        let status = String::from_utf8_lossy(&status[9..]);
        status.parse().expect("three digits")
    }
}

/// The error that a message of a stream carries in itself.
fn refusal(message: &DynamicMessage) -> Option<Status> {
    if let Some(result) = message.get_field_by_name("result") {
        return refusal(result.as_message()?);
    }
    let mut fields = ["error", "refused"]
        .into_iter()
        .filter_map(|name| message.descriptor().get_field_by_name(name));
    let error = message.get_field(&fields.find(|field| message.has_field(field))?);
    let error = error.as_message()?;
    let code = error.get_field_by_name("code")?.as_i32()?;
    let text = error.get_field_by_name("message")?.as_str()?.to_owned();
    Some(Status::new(Code::from_i32(code), text))
}

/// A request with NUL in one of its strings, for each string that it could have, and where.
pub(super) fn with_nuls(
    rpc: &MethodDescriptor,
    request: &serde_json::Value,
) -> Vec<(String, DynamicMessage)> {
    let nul = |field: &FieldDescriptor| {
        let value = Value::String("a\0b".to_owned());
        let is_text = matches!(field.kind(), Kind::String);
        is_text.then(|| {
            if field.is_list() {
                Value::List(vec![value])
            } else {
                value
            }
        })
    };
    changed_in(&whole(rpc, request), &nul, 0)
}

/// The same request with so many words in each list of texts or enumerations, and where.
pub(super) fn with_long_lists(
    rpc: &MethodDescriptor,
    request: &serde_json::Value,
    count: usize,
) -> Vec<(String, DynamicMessage)> {
    let long = |field: &FieldDescriptor| {
        if !field.is_list() {
            return None;
        }
        let entry = |number: usize| match field.kind() {
            Kind::String => Some(Value::String(format!("data.n{number}"))),
            Kind::Enum(_) => Some(Value::EnumNumber(1)),
            _ => None,
        };
        (0..count).map(entry).collect::<Option<_>>().map(Value::List)
    };
    changed_in(&whole(rpc, request), &long, 0)
}

fn whole(rpc: &MethodDescriptor, request: &serde_json::Value) -> DynamicMessage {
    DynamicMessage::deserialize(rpc.input(), request).expect("a request")
}

/// The message with one field after the other changed, and which, in the messages within it too.
fn changed_in(
    message: &DynamicMessage,
    change: &impl Fn(&FieldDescriptor) -> Option<Value>,
    depth: usize,
) -> Vec<(String, DynamicMessage)> {
    let mut made = Vec::new();
    let deep = depth > 4 || message.descriptor().full_name().starts_with("google.protobuf.");
    for field in message.descriptor().fields().filter(|_| !deep) {
        let parts: Vec<(String, Value)> = match field.kind() {
            Kind::Message(inner) if !field.is_map() => {
                let now = message.get_field(&field).into_owned();
                let now = match now {
                    Value::Message(now) => now,
                    Value::List(mut list) if !list.is_empty() => match list.swap_remove(0) {
                        Value::Message(now) => now,
                        _ => DynamicMessage::new(inner),
                    },
                    _ => DynamicMessage::new(inner),
                };
                let within = changed_in(&now, change, depth + 1).into_iter();
                within
                    .map(|(below, part)| {
                        let part = Value::Message(part);
                        let part = if field.is_list() {
                            Value::List(vec![part])
                        } else {
                            part
                        };
                        (format!("{}.{below}", field.name()), part)
                    })
                    .collect()
            }
            _ => change(&field)
                .map(|value| (field.name().to_owned(), value))
                .into_iter()
                .collect(),
        };
        for (place, value) in parts {
            let mut changed = message.clone();
            changed.set_field(&field, value);
            made.push((place, changed));
        }
    }
    made
}

/// Every RPC of Watchbell.
pub(super) fn all_rpcs() -> Vec<MethodDescriptor> {
    let pool = json::descriptor("watchbell.event.v1.Event")
        .expect("it is there")
        .parent_pool()
        .clone();
    let services = pool
        .services()
        .filter(|service| service.full_name().starts_with("watchbell."));
    services
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect()
}

/// Messages as the bytes that they are.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut item = vec![0; bytes::Buf::remaining(buffer)];
        bytes::Buf::copy_to_slice(buffer, &mut item);
        Ok(Some(item))
    }
}
