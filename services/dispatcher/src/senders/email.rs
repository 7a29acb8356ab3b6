//! Email: what is said (`render`), to whom it may be turned off (`footer`), how that becomes a message of RFC 5322
//! (`message`), and what a mail server's answer means (`classify`).

mod classify;
mod footer;
mod message;
mod render;

pub(crate) use classify::{classify, worst};
pub(crate) use footer::{Footer, footer};
pub(crate) use message::{Sender, message};
pub(crate) use render::{Emails, NotRendered};
