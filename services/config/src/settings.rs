//! Settings of Config.

use serde::{Deserialize, Serialize};
use watchbell_model::brand::Brand;
use watchbell_model::secret::Secret;
use watchbell_runtime::settings::{read, write};
use watchbell_store::DatabaseSettings;

use crate::sealing::SealingSettings;
use crate::slack::SlackSettings;

/// Settings of Config.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Its own database.
    pub database: DatabaseSettings,
    /// The keys that seal channels' secrets. A key must be there when the service opens.
    #[serde(default)]
    pub sealing: SealingSettings,
    /// The keys of the links in messages: the one that the Dispatchers sign with, then those that still verify. Without any, no
    /// link is valid. Dispatchers verify links to acknowledge, so they need the older ones, too.
    #[serde(default, deserialize_with = "read::list", serialize_with = "write::secret")]
    pub unsubscribe_keys: Vec<Secret>,
    /// The platform's Slack app; without it there is no "Add to Slack".
    #[serde(default)]
    pub slack: Option<SlackSettings>,
    /// Under which name, and at which address, pages are served. The composing process puts it in.
    #[serde(skip)]
    pub brand: Brand,
    /// Whether the platform has a mail server of its own. The composing process puts it in.
    #[serde(skip)]
    pub platform_mail: bool,
    /// Whether recipients outside the domains of a team's members must confirm, by an email of the platform's server, before
    /// they get mail, by whichever server.
    #[serde(default = "yes")]
    pub confirm_recipients: bool,
}

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use watchbell_runtime::settings::{Loader, SettingsError};

    use super::*;
    use crate::sealing::Keyring;

    fn read(variable: &str, value: &str) -> std::result::Result<Settings, SettingsError> {
        let variables = [("DATABASE__URL", "sqlite::memory:"), (variable, value)];
        let variables =
            variables.map(|(name, value)| (format!("WATCHBELL__CONFIG__{name}"), value.to_owned()));
        Loader::new().env(variables).load().unwrap().required("config")
    }

    #[test]
    fn older_keys_may_come_by_the_environment() {
        let keys = ["first=", "second="].map(Secret::from);
        let sealing = read("SEALING__OLDER_KEYS", "first=, second=").unwrap();
        assert_eq!(sealing.sealing.older_keys, keys);
        let unsubscribe = read("UNSUBSCRIBE_KEYS", "first=,second=").unwrap();
        assert_eq!(unsubscribe.unsubscribe_keys, keys);
        let none = read("SEALING__OLDER_KEYS", "").unwrap();
        assert!(none.sealing.older_keys.is_empty() && none.unsubscribe_keys.is_empty());
    }

    #[test]
    fn an_older_key_that_is_none_is_not_shown() {
        let mut settings = read("SEALING__OLDER_KEYS", "hunter2").unwrap();
        settings.sealing.key = Keyring::generate_key();
        let said = Keyring::new(&settings.sealing).unwrap_err().to_string();
        assert!(
            said.contains("sealing key") && !said.contains("hunter2"),
            "{said}"
        );
        let said = read("SEALING__OLDER_KEYS__X", "hunter2").unwrap_err().to_string();
        assert!(said.contains("older_keys") && !said.contains("hunter2"), "{said}");
    }
}
