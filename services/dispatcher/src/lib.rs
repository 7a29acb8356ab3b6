//! watchbell-dispatcher.
#![allow(dead_code)]
mod event;
mod lanes;
mod route;
mod senders;
