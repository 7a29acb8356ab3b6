//! The services of Watchbell, by the words that `serve` takes.

use clap::ValueEnum;

/// A service of Watchbell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServiceName {
    /// Teams, channels, rules: the control plane
    Config,
    /// Takes events and decides
    Router,
    /// Delivers
    Dispatcher,
    /// The weekly summary
    Digest,
    /// Pages and streams over HTTP
    Edge,
    /// The web console
    Console,
}

/// Their words, in one line.
pub(super) fn names(services: &[ServiceName]) -> String {
    let names = services
        .iter()
        .map(|service| format!("{service:?}").to_lowercase());
    names.collect::<Vec<_>>().join(", ")
}
