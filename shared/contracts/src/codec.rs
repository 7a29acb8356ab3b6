//! How servers read messages: as tonic's own codec, except that bytes which are no message of the RPC, or nest deeper than
//! protobuf allows, are the caller's fault and are answered so (tonic calls that INTERNAL, which callers may repeat), and
//! that strings with NUL characters are refused.

use std::collections::HashMap;
use std::marker::PhantomData;

use prost::bytes::Buf;
use prost::{Message, Name};
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic::{Code, Status};
use tonic_prost::{ProstCodec, ProstEncoder};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};
use watchbell_domain::violation::Violations;

use crate::nul::Descriptor;

/// As in the errors of handlers.
const DOMAIN: &str = "watchbell";
const REASON: &str = "INVALID_REQUEST";

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
        let message =
            U::decode(encoded.clone()).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let violations = self.descriptor.violations(&U::full_name(), &encoded);
        if violations.is_empty() {
            Ok(Some(message))
        } else {
            Err(refused(&violations))
        }
    }
}

fn refused(violations: &Violations) -> Status {
    /// As many as an answer has room for.
    const SHOWN: usize = 20;
    let mut details = ErrorDetails::new();
    details.set_error_info(REASON, DOMAIN, HashMap::new());
    let fields = violations.iter().take(SHOWN).map(|violation| FieldViolation {
        field: violation.field.clone(),
        description: violation.description.clone(),
        reason: violation.reason.clone().into_owned(),
        localized_message: None,
    });
    details.set_bad_request(fields.collect::<Vec<_>>());
    let message = format!("the request is invalid: {violations}");
    let message = message.chars().take(1_000).collect::<String>();
    Status::with_error_details(Code::InvalidArgument, message, details)
}
