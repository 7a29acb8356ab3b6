//! Settings of the Digest.

use serde::Deserialize;
use watchbell_store::DatabaseSettings;

/// The section `[digest]` of the settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its own database.
    pub database: DatabaseSettings,
}
