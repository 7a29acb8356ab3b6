//! The only way out of the process: guarded HTTP and SMTP clients.
//!
//! One [`Guard`] judges every destination twice: when it is saved, and again at connection, on the very address that is
//! dialled. HTTP is hyper's over connections that are opened and kept here, SMTP is spoken here. An error says whether the request may
//! have arrived; what an answer means for a delivery is the caller's decision.

mod cause;
mod dial;
mod dns;
mod guard;
mod http;
mod look_ups;
mod pool;
mod ranges;
mod resolve;
mod smtp;
mod tls;

pub use self::dns::{DnsResolver, Resolver};
pub use self::guard::{EgressPolicy, GuardedUrl, Refusal};
pub use self::http::{Answer, HttpClient, SendError};
pub use self::ranges::AddressKind;
pub use self::resolve::Guard;
pub use self::smtp::{Security, SmtpAnswer, SmtpError, SmtpSender, SmtpServer};
pub use self::tls::{Authorities, AuthorityError};
