//! What leaves the process, and what must not: hostile URLs, names that change their addresses, and both clients
//! against servers that misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests are tests"
)]

mod authorities;
mod dns;
mod http;
mod name_server;
mod odd_smtp;
mod raw;
mod reuse;
mod smtp;
mod support;
mod tls;
mod urls;
