//! The contracts between services: the messages and services generated from `proto/`, their descriptors, and one
//! object-safe trait for each service. It knows nothing of the model, which converts from and to its messages.

pub mod api;
pub mod codec;
mod encoded;
pub mod json;
mod nul;
mod redacted;
mod weight;

/// The encoded `google.protobuf.FileDescriptorSet` of everything in `proto/`, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! packages {
    ($($(#[$doc:meta])* $area:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub mod $area {
            /// Version 1.
            #[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/watchbell.", stringify!($area), ".v1.rs"));
            }
        }
    )*};
}

packages! {
    /// Events, routes and the words that all services share.
    event,
    /// Emitting and explaining.
    router,
    /// The control plane.
    config,
    /// Deliveries, events and the inbox.
    dispatcher,
    /// The weekly summary.
    digest,
}
