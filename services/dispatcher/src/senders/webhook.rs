//! Webhooks: the signed request, and the meaning of an endpoint's response.

mod classify;
mod laid_out;
mod request;

pub(crate) use classify::classify;
pub(crate) use laid_out::{Compiled, NoContent, content};
pub(crate) use request::{Content, Signers, Signing, request, signature_header};
