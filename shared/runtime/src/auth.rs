//! Authentication and authorisation. The gRPC layer ([`AuthLayer`]) turns a credential into a [`Principal`] before
//! any handler runs, and checks the [`table`] of RPCs; handlers then check the team. Everything is denied unless a
//! row of the table allows it.

mod cache;
mod concurrency;
mod config;
mod current;
pub mod jwt;
mod layer;
mod rate;
mod session;
pub mod table;

pub use cache::{Authenticator, CachedKeys, Grant, KeyHash, hash_key};
pub(crate) use concurrency::network;
pub use config::ConfigKeys;
pub use current::CurrentMembers;
pub use layer::{Admitted, AuthLayer, AuthService, MemberVerifier};
pub use rate::Budget;
pub use session::Session;

pub use crate::principal::{PortalSession, Principal, Scope, Scopes, UnknownScope, internal_request};
