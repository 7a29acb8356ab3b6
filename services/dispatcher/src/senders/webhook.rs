//! Webhooks: the signed request, and the meaning of an endpoint's response.

mod classify;
mod request;

pub(crate) use classify::classify;
pub(crate) use request::{Signers, Signing, request};
