//! What every service of Watchbell does the same way: reading its settings, saying what it does (logs, traces, metrics),
//! letting callers in or not, answering failures, listening, calling its peers, doing the work of tenants' programs aside,
//! running its background loops and stopping them in order. It knows nothing of what any service is for.

pub mod auth;
pub mod client;
pub mod config_feed;
pub mod metrics;
pub mod problem;
pub mod ready;
pub mod server;
pub mod settings;
pub mod shares;
pub mod shutdown;
pub mod stale_cache;
pub mod submit;
pub mod tasks;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod workshop;

pub use problem::Problem;
