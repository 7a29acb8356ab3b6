//! watchbell-dispatcher.
#![allow(dead_code)]
mod event;
mod job;
mod lanes;
mod route;
mod senders;
mod store;
