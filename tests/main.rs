//! Black-box suites against the built binary, in real processes. They know Watchbell by its command line, its
//! contracts and what arrives at the stand-ins, and by nothing else.

// The harness, too, is test code: what does not happen ends the test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod attacks;
mod backtest;
mod cells;
mod clocks;
mod command_line;
mod consistency;
mod crash;
mod database;
mod digest;
mod disk;
mod docs;
mod event_stream;
mod failover;
mod fencing;
mod first_start;
mod harness;
mod integrations;
mod isolation;
mod journeys;
mod kills;
mod logs;
mod matrix;
mod members;
mod migrate_store;
mod outage;
mod owners;
mod pressure;
mod receivers;
mod reroute;
mod resend;
mod tail;
mod tracing;
mod what_if;
