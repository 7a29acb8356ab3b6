//! Functions common to all services of Watchbell: settings, telemetry (logs, traces, metrics), authentication,
//! errors, servers and clients, a thread pool for tenants' programs, background loops and orderly shutdown. It knows
//! no service.

pub mod auth;
pub mod background;
pub mod cells;
pub mod client;
pub mod config_feed;
pub mod http_call;
pub mod metrics;
#[cfg(test)]
mod openapi;
pub mod owners;
mod peer;
mod principal;
pub mod problem;
pub mod ready;
pub mod run_queue;
pub mod running;
pub mod server;
pub mod settings;
pub mod shutdown;
pub mod stale_cache;
pub mod submit;
pub mod tasks;
pub mod telemetry;
pub mod tenant_pool;
#[cfg(test)]
mod testing;
mod unary;
pub mod version;

pub use problem::Problem;
