//! watchbell-dispatcher.
#[allow(dead_code)]
mod lanes;
