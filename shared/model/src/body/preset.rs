//! Bodies for services that people use: what they want is theirs to say, and what of an event goes where is said here.

/// A service whose webhooks want a body of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name in the API.
    pub name: &'static str,
    /// The document.
    pub body: &'static str,
    /// Extra headers without which it does not work; they may be secrets.
    pub headers: &'static [&'static str],
}

macro_rules! preset {
    ($name:literal, $headers:expr) => {
        Preset {
            name: $name,
            body: include_str!(concat!("preset/", $name, ".json")),
            headers: &$headers,
        }
    };
}

/// All presets.
pub const PRESETS: [Preset; 8] = [
    preset!("pagerduty", ["X-Routing-Key"]),
    preset!("opsgenie", ["Authorization"]),
    preset!("discord", []),
    preset!("google_chat", []),
    preset!("mattermost", []),
    preset!("telegram", ["X-Chat-Id"]),
    preset!("splunk_hec", ["Authorization"]),
    preset!("ocsf", []),
];

// === impl Preset ===

impl Preset {
    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::BodyTemplate;

    #[test]
    fn every_preset_compiles_and_reads_the_headers_that_it_needs() {
        for preset in PRESETS {
            BodyTemplate::parse(preset.body).unwrap_or_else(|invalid| panic!("{}: {invalid}", preset.name));
            assert_eq!(Preset::named(preset.name), Some(&preset));
            let own = preset.headers.iter().filter(|name| name.starts_with("X-"));
            for name in own {
                let read = format!("headers['{}']", name.to_ascii_lowercase());
                assert!(
                    preset.body.contains(&read),
                    "{} does not read {name}",
                    preset.name
                );
            }
        }
        assert_eq!(Preset::named("pigeon"), None);
    }
}
