//! Webhooks: the signed request, and the meaning of an endpoint's response.

mod classify;
mod content;
mod laid_out;
mod request;

pub(crate) use classify::classify;
pub(crate) use content::Content;
pub(crate) use laid_out::{Compiled, NoContent, content};
pub(crate) use request::{Signers, Signing, request, signature_header};
