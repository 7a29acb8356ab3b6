//! Where a command calls, and as whom: by its options, by a context, or by what a server on this machine has left.

use std::io::IsTerminal as _;
use std::path::Path;

use url::{Host, Url};
use watchbell_model::secret::Secret;

use super::Global;
use super::contexts::Context;
use crate::failure::Outcome;
use crate::input;
use crate::serve::default_data_dir;
use crate::text::Style;

/// Of a server on this machine.
const DEFAULT_SERVER: &str = "http://127.0.0.1:7700";

/// Where to call, and as whom.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) server: String,
    pub(super) key: Option<Secret>,
    /// By id or name; empty leaves it to the key.
    pub(super) team: String,
    pub(super) authority: Option<String>,
}

// === impl Destination ===

impl Destination {
    /// Options, and variables that stand for them, win over a context. A context's key goes to its own server alone: with
    /// another server nothing of it is used.
    pub(super) fn of(
        global: &Global,
        chosen: impl FnOnce(Option<&str>) -> Outcome<Option<Context>>,
    ) -> Outcome<Self> {
        let context = match &global.server {
            Some(_) => None,
            None => chosen(global.context.as_deref())?,
        };
        let has_context = context.is_some();
        let context = context.unwrap_or_else(|| Context {
            server: global.server.clone().unwrap_or_else(|| DEFAULT_SERVER.to_owned()),
            team: String::new(),
            key: None,
            authority: None,
        });
        let given = global.key.as_ref().filter(|given| !given.is_empty());
        let key = match given {
            Some(given) => Some(input::secret(given.expose())?),
            None if has_context => context.key,
            None if is_local(&context.server) => left_key(&default_data_dir()),
            None => None,
        };
        Ok(Self {
            key,
            team: global.team.clone().unwrap_or(context.team),
            authority: global.authority.clone().or(context.authority),
            server: context.server,
        })
    }
}

/// Whether a server is on this machine: only that may get the key that one has left here.
fn is_local(server: &str) -> bool {
    match Url::parse(server).ok().as_ref().and_then(Url::host) {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The key that a server in this directory left for its admin. People at a terminal are told.
fn left_key(data_dir: &Path) -> Option<Secret> {
    let path = data_dir.join("admin.key");
    let text = std::fs::read_to_string(&path).ok()?;
    if std::io::stderr().is_terminal() {
        let style = Style::new(console::colors_enabled_stderr());
        eprintln!(
            "{}",
            style.faint(&format!("using the admin key of {}", path.display()))
        );
    }
    Some(Secret::new(text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global() -> Global {
        Global {
            server: None,
            context: None,
            key: None,
            team: None,
            authority: None,
            json: false,
            wide: false,
        }
    }

    fn staging(_: Option<&str>) -> Outcome<Option<Context>> {
        Ok(Some(Context {
            server: "https://staging.example.com".to_owned(),
            team: "Acme".to_owned(),
            key: Some(Secret::new("wbk_staging".to_owned())),
            authority: Some("/ca.pem".to_owned()),
        }))
    }

    fn key(destination: &Destination) -> Option<&str> {
        destination.key.as_ref().map(Secret::expose)
    }

    #[test]
    fn a_context_says_everything_and_options_win_over_it() {
        let by_context = Destination::of(&global(), staging).unwrap();
        assert_eq!(by_context.server, "https://staging.example.com");
        assert_eq!(
            (by_context.team.as_str(), key(&by_context)),
            ("Acme", Some("wbk_staging"))
        );
        assert_eq!(by_context.authority.as_deref(), Some("/ca.pem"));
        let global = Global {
            team: Some("Other".to_owned()),
            key: Some(Secret::new("wbk_other".to_owned())),
            ..global()
        };
        let by_options = Destination::of(&global, staging).unwrap();
        assert_eq!(by_options.server, "https://staging.example.com");
        assert_eq!(
            (by_options.team.as_str(), key(&by_options)),
            ("Other", Some("wbk_other"))
        );
    }

    #[test]
    fn a_contexts_key_goes_to_no_other_server() {
        let global = Global {
            server: Some("https://elsewhere.example.com".to_owned()),
            ..global()
        };
        let elsewhere = Destination::of(&global, staging).unwrap();
        assert_eq!(
            (
                key(&elsewhere),
                elsewhere.team.as_str(),
                elsewhere.authority.as_deref()
            ),
            (None, "", None)
        );
    }

    #[test]
    fn without_anything_the_server_is_on_this_machine() {
        let nothing = Destination::of(&global(), |_| Ok(None)).unwrap();
        assert_eq!(nothing.server, DEFAULT_SERVER);
        for (server, expected) in [
            ("http://127.0.0.1:7700", true),
            ("https://localhost:7700", true),
            ("http://[::1]:7700", true),
            ("https://alerts.example.com", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1:7700", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_local(server), expected, "{server}");
        }
    }
}
