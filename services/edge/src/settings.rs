//! Settings of the Edge.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;
use watchbell_runtime::settings::{read, write};

/// The section `[edge]` of the settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The platform's own page of notification settings. Links of receipts and notices lead there; without it they lead to
    /// a page that explains where to look.
    pub platform_settings_url: Option<Url>,
    /// Interval of keep-alive messages on a quiet inbox stream.
    #[serde(deserialize_with = "read::duration", serialize_with = "write::duration")]
    pub heartbeat: Duration,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            platform_settings_url: None,
            heartbeat: Duration::from_secs(15),
        }
    }
}
