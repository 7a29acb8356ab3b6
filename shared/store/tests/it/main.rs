//! What the store promises, on both backends.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod bus;
mod connecting;
mod transactions;
