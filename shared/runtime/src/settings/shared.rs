//! Sections of the settings that all services share.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use watchbell_model::brand::Brand;
use watchbell_model::secret::Secret;

use super::{Settings, SettingsError, read, write};

/// What all services need.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Shared {
    /// `[server]`
    pub server: ServerSettings,
    /// `[brand]`
    pub brand: Brand,
    /// `[telemetry]`
    pub telemetry: TelemetrySettings,
    /// `[egress]`
    pub egress: EgressSettings,
    /// `[limits]`
    pub limits: LimitSettings,
    /// `[auth]`
    pub auth: AuthSettings,
    /// `[peers]`
    pub peers: PeerSettings,
}

/// The one port that a process listens at.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// Listening address, or a host name and a port; port 0 takes a free one. Default: loopback.
    #[serde(deserialize_with = "read::address")]
    pub address: SocketAddr,
    /// Address of `/metrics` and the causes of `/readyz` for operators. Default: loopback, 1,000 above the port of
    /// `address`.
    #[serde(deserialize_with = "read::optional_address")]
    pub admin_address: Option<SocketAddr>,
    /// How long calls and streams may take to end at shutdown, and then the loops, half of it those that drain.
    #[serde(deserialize_with = "read::duration", serialize_with = "write::duration")]
    pub shutdown_grace: Duration,
    /// Origins whose pages may call by gRPC-Web, for example `https://app.example.com`.
    #[serde(deserialize_with = "read::list")]
    pub web_origins: Vec<String>,
    /// `[server.tls]`; plain text without it.
    pub tls: Option<TlsSettings>,
}

/// PEM files.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// This service's certificate chain.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The services' own certificate authority: a server accepts clients with a certificate of it as services of
    /// Watchbell; a client verifies its peers against it.
    pub service_authority: Option<PathBuf>,
}

/// How lines are logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Logs, traces and metrics.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// The format of log lines: `json`, one object a line; `text`, for people; `auto`, text on a terminal and else JSON.
    pub log: LogFormat,
    /// Which lines, in the form of `tracing_subscriber::EnvFilter`; `RUST_LOG` wins.
    pub filter: String,
    /// The OTLP collector (gRPC) that gets traces and metrics; `OTEL_EXPORTER_OTLP_ENDPOINT` wins. None: not exported.
    pub otlp_endpoint: Option<String>,
    /// The share of traces that begin here and are kept, 0 to 1; callers decide about theirs.
    pub sample_ratio: f64,
}

/// What outgoing connections may reach besides the public Internet, and whom they believe besides public authorities.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EgressSettings {
    /// Networks that may be dialled although they are not public, `10.1.0.0/16`.
    #[serde(deserialize_with = "read::list")]
    pub allow: Vec<IpNet>,
    /// Name servers that are asked instead of those of `/etc/resolv.conf`, `10.0.0.2:53`.
    #[serde(deserialize_with = "read::list")]
    pub name_servers: Vec<SocketAddr>,
    /// Certificate authorities (PEM, one or many) that every outgoing TLS connection trusts besides Mozilla's.
    pub ca_file: Option<PathBuf>,
}

/// What protects a process from its callers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// Calls of one key or member in the long run, and twice as many of a team. Each event beyond the first of a call counts
    /// as a call, and so does each 4 KiB of an event or body. Opening a stream counts as four.
    pub calls_per_second: NonZeroU32,
    /// Calls at once.
    pub burst: NonZeroU32,
    /// Concurrent calls of the process, with 16 KiB of body each. A team may use at most as many as are free.
    pub max_calls: usize,
    /// Streams open in the process: watched inboxes and deliveries, and streams of events, each of which counts as eight. A
    /// team has at most as many as are free.
    pub max_streams: usize,
    /// HTTP/2 streams of one connection.
    pub max_streams_per_connection: u32,
    /// How long a call may take when its caller does not say.
    #[serde(deserialize_with = "read::duration", serialize_with = "write::duration")]
    pub deadline: Duration,
    /// How long a stream may live; its client opens a new one.
    #[serde(deserialize_with = "read::duration", serialize_with = "write::duration")]
    pub max_stream_age: Duration,
}

/// Authentication.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// What services of Watchbell show one another; at least 16 characters. None: calls between processes are refused.
    #[serde(serialize_with = "write::secret")]
    pub service_token: Option<Secret>,
    /// Further tokens that are accepted and never shown: the next one or the last one, while it is being replaced.
    #[serde(deserialize_with = "read::list", serialize_with = "write::secret")]
    pub accepted_service_tokens: Vec<Secret>,
    /// `[auth.jwt]`; tokens of signed-in users are refused without it.
    pub jwt: Option<JwtSettings>,
}

/// The identity provider of signed-in users, and its claims.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtSettings {
    /// Where the identity provider publishes its keys: https, or http at an address that `egress.allow` lists.
    pub jwks_url: Option<String>,
    /// A file with its keys, instead.
    pub jwks_file: Option<PathBuf>,
    /// The `iss` of its tokens, letter by letter.
    pub issuer: String,
    /// Required `aud` of its tokens.
    pub audience: String,
    /// `[auth.jwt.claims]`
    #[serde(default)]
    pub claims: ClaimNames,
}

/// Names of the claims that identify a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimNames {
    /// The team, `team_…`.
    pub team_id: String,
    /// The member, `mbr_…`.
    pub member_id: String,
    /// `OWNER`, `ADMIN` or `MEMBER`.
    pub role: String,
    /// A list that may be missing, and may hold `MANAGE_INTEGRATIONS`.
    pub permissions: String,
}

/// Where the other services are, as URLs; unset are those that live in this process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeerSettings {
    /// Config.
    pub config: Option<String>,
    /// Router.
    pub router: Option<String>,
    /// Each replica of the Dispatcher.
    #[serde(deserialize_with = "read::list")]
    pub dispatcher: Vec<String>,
    /// Digest.
    pub digest: Option<String>,
    /// The authority that `https` peers are checked against, and the identity shown to them.
    pub tls: Option<TlsSettings>,
}

/// Shorter service tokens could be guessed.
const MIN_TOKEN: usize = 16;

// === impl Shared ===

impl Shared {
    /// The top-level keys that are read here.
    pub const SECTIONS: &'static [&'static str] = &[
        "server",
        "brand",
        "telemetry",
        "egress",
        "limits",
        "auth",
        "peers",
    ];

    pub(super) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let shared = Self {
            server: settings.section("server")?,
            brand: settings.section("brand")?,
            telemetry: settings.section("telemetry")?,
            egress: settings.section("egress")?,
            limits: settings.section("limits")?,
            auth: settings.section("auth")?,
            peers: settings.section("peers")?,
        };
        shared.check()?;
        Ok(shared)
    }

    fn check(&self) -> Result<(), SettingsError> {
        if let Err(violations) = self.brand.check()
            && let Some(first) = violations.iter().next()
        {
            return Err(SettingsError::new(&first.field, &first.description));
        }
        if !(0.0..=1.0).contains(&self.telemetry.sample_ratio) {
            return Err(SettingsError::new(
                "telemetry.sample_ratio",
                "must lie between 0 and 1",
            ));
        }
        let is_short = |token: &Secret| token.expose().chars().count() < MIN_TOKEN;
        let message = format!("must have at least {MIN_TOKEN} characters");
        if self.auth.service_token.as_ref().is_some_and(is_short) {
            return Err(SettingsError::new("auth.service_token", message));
        }
        if self.auth.accepted_service_tokens.iter().any(is_short) {
            return Err(SettingsError::new("auth.accepted_service_tokens", message));
        }
        if let Some(jwt) = &self.auth.jwt {
            jwt.check()?;
        }
        for (key, most) in [
            ("limits.max_calls", self.limits.max_calls),
            ("limits.max_streams", self.limits.max_streams),
        ] {
            if most == 0 {
                return Err(SettingsError::new(key, "must be at least 1"));
            }
        }
        Ok(())
    }
}

// === impl ServerSettings ===

impl ServerSettings {
    /// Where operators' listener is.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        let beside = match self.address.port() {
            0 => 0,
            port => port.checked_add(1_000).unwrap_or(port - 1_000),
        };
        self.admin_address
            .unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), beside))
    }
}

// === impl JwtSettings ===

impl JwtSettings {
    fn check(&self) -> Result<(), SettingsError> {
        let wrong = |key: &str, message: &str| Err(SettingsError::new(format!("auth.jwt.{key}"), message));
        match (&self.jwks_url, &self.jwks_file) {
            (None, None) => return wrong("jwks_url", "must be given, or `jwks_file` instead"),
            (Some(_), Some(_)) => return wrong("jwks_url", "cannot be given together with `jwks_file`"),
            _ => {}
        }
        let names = [
            ("claims.team_id", &self.claims.team_id),
            ("claims.member_id", &self.claims.member_id),
            ("claims.role", &self.claims.role),
            ("claims.permissions", &self.claims.permissions),
        ];
        let texts = [("issuer", &self.issuer), ("audience", &self.audience)];
        if let Some((key, _)) = texts.iter().chain(&names).find(|(_, text)| text.is_empty()) {
            return wrong(key, "must not be empty");
        }
        for (index, (key, name)) in names.iter().enumerate() {
            if names[..index].iter().any(|(_, other)| other == name) {
                return wrong(key, "must differ from the names of the other claims");
            }
        }
        Ok(())
    }
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            team_id: "team_id".to_owned(),
            member_id: "member_id".to_owned(),
            role: "role".to_owned(),
            permissions: "permissions".to_owned(),
        }
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7700),
            admin_address: None,
            shutdown_grace: Duration::from_secs(20),
            web_origins: Vec::new(),
            tls: None,
        }
    }
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            log: LogFormat::Auto,
            filter: "info,sqlx=warn,sea_orm=warn,h2=error,hyper=warn,tonic=warn,opentelemetry=warn"
                .to_owned(),
            otlp_endpoint: None,
            sample_ratio: 1.0,
        }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            calls_per_second: NonZeroU32::MIN.saturating_add(4_999),
            burst: NonZeroU32::MIN.saturating_add(9_999),
            max_calls: 8_192,
            max_streams: 16_384,
            max_streams_per_connection: 1_024,
            deadline: Duration::from_secs(30),
            max_stream_age: Duration::from_secs(60 * 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::{JwtSettings, Secret};
    use crate::settings::Loader;

    #[test]
    fn a_short_service_token_is_refused_without_being_shown() {
        let settings = Loader::new().set("auth.service_token", "hunter2").load().unwrap();
        let said = settings.shared().unwrap_err().to_string();
        assert!(
            said.contains("auth.service_token") && !said.contains("hunter2"),
            "{said}"
        );
    }

    #[test]
    fn accepted_service_tokens_may_come_by_the_environment_and_are_not_shown_when_short() {
        let read = |tokens: &str| {
            let name = "WATCHBELL__AUTH__ACCEPTED_SERVICE_TOKENS".to_owned();
            let settings = Loader::new().env([(name, tokens.to_owned())]).load().unwrap();
            settings
                .shared()
                .map(|shared| shared.auth.accepted_service_tokens)
        };
        let tokens = ["first-token-of-two", "other-token-of-two"];
        assert_eq!(read(&tokens.join(",")).unwrap(), tokens.map(Secret::from));
        let said = read("first-token-of-two,hunter2").unwrap_err().to_string();
        assert!(
            said.contains("accepted_service_tokens") && !said.contains("hunter2"),
            "{said}"
        );
    }

    fn jwt(pairs: &[(&str, &str)]) -> Result<JwtSettings, String> {
        let variables = pairs
            .iter()
            .map(|(name, value)| (format!("WATCHBELL__AUTH__JWT__{name}"), (*value).to_owned()));
        let settings = Loader::new().env(variables).load().unwrap();
        match settings.shared() {
            Ok(shared) => Ok(shared.auth.jwt.unwrap()),
            Err(error) => Err(error.to_string()),
        }
    }

    const URL: (&str, &str) = ("JWKS_URL", "https://id.example.com/keys");
    const ISSUER: (&str, &str) = ("ISSUER", "https://id.example.com");
    const AUDIENCE: (&str, &str) = ("AUDIENCE", "watchbell");

    #[test]
    fn tokens_of_users_need_keys_an_issuer_and_an_audience() {
        let read = jwt(&[URL, ISSUER, AUDIENCE, ("CLAIMS__MEMBER_ID", "sub")]).unwrap();
        assert_eq!(
            (read.issuer.as_str(), read.audience.as_str()),
            (ISSUER.1, AUDIENCE.1)
        );
        assert_eq!(
            [
                &read.claims.team_id,
                &read.claims.member_id,
                &read.claims.role,
                &read.claims.permissions
            ],
            ["team_id", "sub", "role", "permissions"]
        );
        let file = ("JWKS_FILE", "/etc/keys.json");
        assert!(jwt(&[file, ISSUER, AUDIENCE]).unwrap().jwks_url.is_none());
    }

    #[test]
    fn the_examples_of_the_documentation_are_settings() {
        let page = include_str!("../../../../docs/authentication.md");
        let examples: Vec<_> = page.split("```toml\n").skip(1).collect();
        assert_eq!(examples.len(), 3);
        for example in examples {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(example.split("```").next().unwrap().as_bytes())
                .unwrap();
            let settings = Loader::new().file(file.path()).load().unwrap();
            settings.refuse_unknown(&[]).unwrap();
            let shared = settings.shared().unwrap();
            let auth = &shared.auth;
            assert!(auth.jwt.is_some() || auth.service_token.is_some() || shared.server.tls.is_some());
        }
    }

    #[test]
    fn what_is_wrong_with_tokens_of_users_is_said_by_its_key() {
        let file = ("JWKS_FILE", "/etc/keys.json");
        for (wrong, keys) in [
            (vec![ISSUER, AUDIENCE], ["auth.jwt.jwks_url", "jwks_file"]),
            (
                vec![URL, file, ISSUER, AUDIENCE],
                ["auth.jwt.jwks_url", "jwks_file"],
            ),
            (vec![URL, AUDIENCE], ["auth.jwt", "issuer"]),
            (vec![URL, ISSUER], ["auth.jwt", "audience"]),
            (vec![URL, ("ISSUER", ""), AUDIENCE], ["auth.jwt.issuer", "empty"]),
            (
                vec![URL, ISSUER, ("AUDIENCE", "")],
                ["auth.jwt.audience", "empty"],
            ),
            (
                vec![URL, ISSUER, AUDIENCE, ("CLAIMS__ROLE", "")],
                ["auth.jwt.claims.role", "empty"],
            ),
            (
                vec![URL, ISSUER, AUDIENCE, ("CLAIMS__MEMBER_ID", "team_id")],
                ["auth.jwt.claims.member_id", "differ"],
            ),
            (
                vec![URL, ISSUER, AUDIENCE, ("LEEWAY", "5m")],
                ["auth.jwt.leeway", "jwks_file"],
            ),
        ] {
            let said = jwt(&wrong).unwrap_err();
            assert!(keys.iter().all(|key| said.contains(key)), "{said}");
        }
    }

    #[test]
    fn without_any_source_everything_has_a_default() {
        let shared = Loader::new().load().unwrap().shared().unwrap();
        assert!(
            shared.server.address.ip().is_loopback(),
            "nobody listens to the world by default"
        );
        assert!(shared.egress.allow.is_empty());
    }
}
