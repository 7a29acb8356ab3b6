//! Email: content (`render`), unsubscribe footer (`footer`), the message of RFC 5322 (`message`), and the meaning of
//! a mail server's reply (`classify`).

mod classify;
mod footer;
mod message;
mod render;

pub(crate) use classify::{classify, worst};
pub(crate) use footer::{Footer, footer};
pub(crate) use message::{Sender, message};
pub(crate) use render::{Emails, Links, NotRendered};
