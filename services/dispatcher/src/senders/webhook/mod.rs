//! Webhooks: the signed request, and what an endpoint's answer means.

mod request;
mod verdict;

pub(crate) use request::{Signers, Signing, request};
pub(crate) use verdict::report;
