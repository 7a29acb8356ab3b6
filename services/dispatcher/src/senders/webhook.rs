//! Webhooks: the signed request, and what an endpoint's answer means.

mod classify;
mod request;

pub(crate) use classify::classify;
pub(crate) use request::{Signers, Signing, request};
