//! Settings of the Digest.

use serde::{Deserialize, Serialize};
use watchbell_store::DatabaseSettings;

/// The section `[digest]` of the settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its own database.
    pub database: DatabaseSettings,
}
