//! The only way out of the process: guarded HTTP and SMTP clients.
//!
//! Every destination is judged twice by one [`Guard`]: when somebody saves it, and again at connection, on the very
//! address that is dialled. This crate sends bytes and says precisely how far they got; what an answer means for a
//! delivery is decided by its caller.

mod dial;
mod dns;
pub mod guard;
pub mod http;
mod ranges;
mod resolve;
mod shares;
pub mod smtp;
mod tls;

pub use self::dns::DnsResolver;
pub use self::guard::{EgressPolicy, GuardedUrl, Refusal};
pub use self::http::{Answer, HttpClient, SendError};
pub use self::ranges::AddressKind;
pub use self::resolve::{Guard, Resolver};
pub use self::smtp::{Security, SmtpAnswer, SmtpError, SmtpSender, SmtpServer};
pub use self::tls::{Authorities, AuthorityError};
