//! How servers read messages: as tonic's own codec, except that bytes which are no message of the RPC, or nest deeper than
//! protobuf allows, are the caller's fault and are answered so. Tonic calls that INTERNAL, which callers may repeat.

use std::marker::PhantomData;

use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// The codec of a server that answers with `T` and is asked with `U`.
pub struct ServerCodec<T, U>(PhantomData<(T, U)>);

/// Decodes what callers send.
pub struct ServerDecoder<U>(ProstDecoder<U>);

// === impl ServerCodec ===

impl<T, U> Default for ServerCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for ServerCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ServerDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        ServerDecoder(ProstCodec::<T, U>::raw_decoder(BufferSettings::default()))
    }
}

impl<U: Message + Default> Decoder for ServerDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        self.0
            .decode(buffer)
            .map_err(|status| Status::invalid_argument(status.message()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}
