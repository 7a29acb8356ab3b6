//! How servers read messages: as tonic's own codec, except that bytes which are no message of the RPC, or nest deeper than
//! protobuf allows, are the caller's fault and are answered so (tonic calls that INTERNAL, which callers may repeat), and
//! that messages of very many parts and strings with NUL characters are refused.

use std::collections::HashMap;
use std::marker::PhantomData;

use prost::bytes::Buf;
use prost::{Message, Name};
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic::{Code, Status};
use tonic_prost::{ProstCodec, ProstEncoder};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::encoded::Descriptor;
use crate::weight;

/// As in the errors of handlers.
const DOMAIN: &str = "watchbell";
const REASON: &str = "INVALID_REQUEST";
const MALFORMED: &str = "MALFORMED";

/// The codec of a server that answers with `T` and is asked with `U`.
pub struct ServerCodec<T, U>(PhantomData<(T, U)>);

/// Decodes what callers send.
pub struct ServerDecoder<U> {
    descriptor: Descriptor,
    message: PhantomData<U>,
}

// === impl ServerCodec ===

impl<T, U> Default for ServerCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for ServerCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ServerDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        ServerDecoder {
            descriptor: Descriptor::default(),
            message: PhantomData,
        }
    }
}

impl<U: Message + Name + Default> Decoder for ServerDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let encoded = buffer.copy_to_bytes(buffer.remaining());
        let descriptor = || self.descriptor.get(&U::full_name()).cloned();
        if weight::is_too_large(descriptor, &encoded) {
            return Err(too_large());
        }
        let message =
            U::decode(encoded.clone()).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let fields = self.descriptor.fields_with_nul(&U::full_name(), &encoded);
        if fields.is_empty() {
            Ok(Some(message))
        } else {
            Err(refused(&fields))
        }
    }
}

fn too_large() -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(REASON, DOMAIN, HashMap::new());
    let message = format!(
        "the request has too many parts: they would take more than {} MiB of memory",
        weight::MAX / (1024 * 1024)
    );
    Status::with_error_details(Code::InvalidArgument, message, details)
}

fn refused(fields: &[String]) -> Status {
    /// As many as an answer has room for.
    const SHOWN: usize = 20;
    const WHY: &str = "must not have NUL characters";
    let shown = &fields[..fields.len().min(SHOWN)];
    let mut details = ErrorDetails::new();
    details.set_error_info(REASON, DOMAIN, HashMap::new());
    let violations = shown.iter().map(|field| FieldViolation {
        field: field.clone(),
        description: WHY.to_owned(),
        reason: MALFORMED.to_owned(),
        localized_message: None,
    });
    details.set_bad_request(violations.collect::<Vec<_>>());
    let message = format!("the request is invalid: {}: {WHY}", shown.join(", "));
    Status::with_error_details(Code::InvalidArgument, message, details)
}
