//! Egress policy: which addresses may be reached, and which shapes of URLs and host names.
//!
//! All of it is decided without a look-up, so that a bad URL can be refused while it is typed. A name that passes is
//! still judged by its addresses, when it is saved and again when it is dialled (see [`crate::Guard`]).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderValue, Uri};
use ipnet::IpNet;
use serde::Deserialize;
use url::{Host, Position, Url};

use crate::ranges::{self, AddressKind};

/// The longest URL that is accepted, in bytes. Slack allows 3,000 in a message; webhooks in use stay under 1,000.
const MAX_URL_LEN: usize = 4096;

/// Why something may not be reached. Never carries a path, a query or a user name: webhook URLs are secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The text is no absolute URL with a host, or uses a spelling that clients read differently.
    #[error("not a valid absolute URL: {0}")]
    Malformed(&'static str),
    /// A scheme other than `https`.
    #[error("only https URLs are allowed")]
    Scheme,
    /// Plain HTTP to something that is not on the allow-list.
    #[error("plain http is allowed only to allow-listed addresses")]
    PlainHttp,
    /// The URL carries a user name or a password.
    #[error("a URL must not carry a user name or password")]
    UserInfo,
    /// A host name that belongs to this machine or to an internal network.
    #[error("the host name is not a public one: {0}")]
    HostName(&'static str),
    /// The host is, or resolves to, an address that is not public.
    #[error("the host is, or resolves to, a {0} address")]
    Address(AddressKind),
    /// A host that must resolve to allow-listed addresses resolves elsewhere.
    #[error("the host resolves to an address that is not allow-listed")]
    NotAllowListed,
    /// The host name has no address, or could not be looked up.
    #[error("the host name could not be resolved")]
    Unresolved,
}

impl Refusal {
    /// Stable code of this refusal, for `reason` fields and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "URL_MALFORMED",
            Self::Scheme => "URL_SCHEME",
            Self::PlainHttp => "URL_PLAIN_HTTP",
            Self::UserInfo => "URL_USERINFO",
            Self::HostName(_) => "HOST_NOT_PUBLIC",
            Self::Address(_) => "ADDRESS_NOT_PUBLIC",
            Self::NotAllowListed => "ADDRESS_NOT_ALLOW_LISTED",
            Self::Unresolved => "HOST_UNRESOLVED",
        }
    }
}

/// Policy on addresses: every public one may be dialled, and those on the allow-list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EgressPolicy {
    /// Networks that may be reached although they are special (development, on-premises), also by plain HTTP.
    pub allow: Vec<IpNet>,
}

/// What the addresses of a host must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// Public, or on the allow-list.
    Public,
    /// On the allow-list: plain text, or a name that only an internal network has.
    AllowListed,
}

/// A URL that passed the guard's rules on shape, without a fragment. Cheap to clone; prints only its origin.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct GuardedUrl(Arc<Forms>);

/// The forms in which a URL is used.
#[derive(PartialEq, Eq, Hash)]
struct Forms {
    url: Url,
    uri: Uri,
    authority: HeaderValue,
    origin: Arc<str>,
}

impl EgressPolicy {
    /// A policy with an allow-list.
    #[must_use]
    pub fn allowing(allow: impl IntoIterator<Item = IpNet>) -> Self {
        Self {
            allow: allow.into_iter().collect(),
        }
    }

    /// A policy that allows the loopback networks, for tests and for the demo.
    #[must_use]
    pub fn allowing_loopback() -> Self {
        let v4 = IpNet::new_assert(IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 0)), 8);
        let v6 = IpNet::new_assert(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 128);
        Self::allowing([v4, v6])
    }

    /// Whether `ip` may be dialled.
    ///
    /// # Errors
    /// The kind of address it is, when it is neither public nor on the allow-list.
    pub fn check_ip(&self, ip: IpAddr) -> Result<(), Refusal> {
        self.judge(ip, Requirement::Public)
    }

    /// Whether the shape of `text` may be reached. Names are not looked up here: ask [`crate::Guard::admit_url`] to
    /// judge their addresses as well.
    ///
    /// # Errors
    /// Why not; see [`Refusal`].
    pub fn check_url(&self, text: &str) -> Result<GuardedUrl, Refusal> {
        let mut url = parse_strictly(text)?;
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(Refusal::Scheme),
        };
        let host = url.host().ok_or(Refusal::Malformed("it has no host"))?;
        match host {
            Host::Ipv4(ip) => self.judge_literal(IpAddr::V4(ip), tls)?,
            Host::Ipv6(ip) => self.judge_literal(IpAddr::V6(ip), tls)?,
            Host::Domain(name) => self.check_name(name, tls)?,
        }
        url.set_fragment(None);
        // As it is sent, and read again: what is not ASCII takes three bytes for each of its own.
        if url.as_str().len() > MAX_URL_LEN {
            return Err(Refusal::Malformed("it is too long"));
        }
        GuardedUrl::new(url).ok_or(Refusal::Malformed("it holds characters that HTTP does not allow"))
    }

    /// Whether a host name may be reached at all, before its addresses are known. `tls` says whether the connection
    /// will be encrypted from its first byte or must become so.
    pub(crate) fn check_name(&self, name: &str, tls: bool) -> Result<(), Refusal> {
        if name.is_empty() || name.len() > 253 {
            return Err(Refusal::Malformed("its host name is empty or too long"));
        }
        if name.ends_with('.') {
            return Err(Refusal::HostName("it ends with a dot"));
        }
        if self.allow.is_empty() {
            if let Some(why) = internal_name(name) {
                return Err(Refusal::HostName(why));
            }
            if !tls {
                return Err(Refusal::PlainHttp);
            }
        }
        Ok(())
    }

    /// What the addresses of `host` must be.
    pub(crate) fn requirement(host: &str, tls: bool) -> Requirement {
        if tls && (host.parse::<IpAddr>().is_ok() || internal_name(host).is_none()) {
            Requirement::Public
        } else {
            Requirement::AllowListed
        }
    }

    /// Judges one address that a host has.
    pub(crate) fn judge(&self, ip: IpAddr, requirement: Requirement) -> Result<(), Refusal> {
        let canonical = ip.to_canonical();
        if self
            .allow
            .iter()
            .any(|net| net.contains(&canonical) || net.contains(&ip))
        {
            return Ok(());
        }
        match (ranges::special(ip), requirement) {
            (Some(kind), _) => Err(Refusal::Address(kind)),
            (None, Requirement::AllowListed) => Err(Refusal::NotAllowListed),
            (None, Requirement::Public) => Ok(()),
        }
    }

    fn judge_literal(&self, ip: IpAddr, tls: bool) -> Result<(), Refusal> {
        let requirement = if tls {
            Requirement::Public
        } else {
            Requirement::AllowListed
        };
        self.judge(ip, requirement).map_err(|refusal| match refusal {
            Refusal::NotAllowListed => Refusal::PlainHttp,
            other => other,
        })
    }
}

impl GuardedUrl {
    fn new(url: Url) -> Option<Self> {
        let uri: Uri = url.as_str().parse().ok()?;
        let authority = HeaderValue::from_str(uri.authority()?.as_str()).ok()?;
        let origin = url[..Position::BeforePath].into();
        Some(Self(Arc::new(Forms {
            url,
            uri,
            authority,
            origin,
        })))
    }

    /// The whole URL as HTTP wants it. It is a secret: it must not be logged.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0.url
    }

    /// The whole URL for a request.
    pub(crate) fn uri(&self) -> &Uri {
        &self.0.uri
    }

    /// Host and port, which leaves the scheme's own port out, for a `Host` header.
    pub(crate) fn authority(&self) -> &HeaderValue {
        &self.0.authority
    }

    /// The host, without port; an IPv6 literal keeps its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.url.host_str().unwrap_or_default()
    }

    /// Scheme, host and port, which leaves the scheme's own port out. Requests to one origin may share connections.
    pub(crate) fn origin(&self) -> Arc<str> {
        Arc::clone(&self.0.origin)
    }

    /// The port, given or implied.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.url.port_or_known_default().unwrap_or_default()
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.url.scheme() == "https"
    }
}

impl fmt::Debug for GuardedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for GuardedUrl {
    /// The origin only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls() { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}/…", self.host(), self.port())
    }
}

/// The host without the brackets that a URL puts around an IPv6 literal.
pub(crate) fn bare_host(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host)
}

/// Parses a URL and refuses what the WHATWG parser would repair (tabs, backslashes, missing slashes): its author and its
/// next reader may understand two different hosts.
fn parse_strictly(text: &str) -> Result<Url, Refusal> {
    if text.len() > MAX_URL_LEN {
        return Err(Refusal::Malformed("it is too long"));
    }
    if text
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || c == '\\')
    {
        return Err(Refusal::Malformed(
            "it holds white space, a backslash or a control character",
        ));
    }
    let (scheme, rest) = text
        .split_once("://")
        .ok_or(Refusal::Malformed("it has no scheme and host"))?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err(Refusal::Scheme);
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err(Refusal::Malformed("it has no host"));
    }
    if authority.contains('@') {
        return Err(Refusal::UserInfo);
    }
    let url = Url::parse(text).map_err(|_| Refusal::Malformed("its host or port cannot be read"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::UserInfo);
    }
    if url.port() == Some(0) {
        return Err(Refusal::Malformed("port 0 cannot be reached"));
    }
    Ok(url)
}

/// Reason why a name belongs to this machine or an internal network, whatever it resolves to. RFC 6761, RFC 6762, RFC 8375,
/// RFC 9476, ICANN's `.internal`, and the suffixes that home routers and directories use.
pub(crate) fn internal_name(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let name = lower.trim_end_matches('.');
    let Some((_, suffix)) = name.rsplit_once('.') else {
        return Some("it has a single label");
    };
    match suffix {
        "localhost" | "localhost6" | "localdomain" | "localdomain6" => return Some("it names this machine"),
        "local" | "internal" | "intranet" | "lan" | "home" | "corp" | "private" | "svc" | "alt" | "onion" => {
            return Some("it names an internal network");
        }
        "arpa" => return Some("it names infrastructure"),
        _ => {}
    }
    if name == "metadata.goog" || name.ends_with(".metadata.goog") {
        return Some("it names a cloud metadata service");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_guarded_url_prints_its_origin_and_nothing_else() {
        let url = EgressPolicy::default()
            .check_url("https://hooks.slack.com:8443/services/T0/B0/verysecret?token=alsosecret#frag")
            .unwrap();
        for printed in [format!("{url}"), format!("{url:?}")] {
            assert_eq!(printed, "https://hooks.slack.com:8443/…");
        }
        assert_eq!(url.expose().path(), "/services/T0/B0/verysecret");
        assert_eq!(url.expose().query(), Some("token=alsosecret"));
    }

    #[test]
    fn a_refusal_never_repeats_what_it_refuses() {
        let refusal = EgressPolicy::default()
            .check_url("https://user:hunter2@10.0.0.1/secret?token=abc")
            .unwrap_err();
        let text = format!("{refusal} {refusal:?}");
        for secret in ["user:", "hunter2", "secret", "token", "abc"] {
            assert!(!text.contains(secret), "{text} shows {secret}");
        }
    }

    #[test]
    fn plain_http_and_internal_names_need_the_allow_list() {
        let open = EgressPolicy::default();
        let on_premises = EgressPolicy::allowing(["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(open.check_url("http://93.184.216.34/"), Err(Refusal::PlainHttp));
        assert_eq!(open.check_url("http://example.com/"), Err(Refusal::PlainHttp));
        assert!(on_premises.check_url("http://10.1.2.3/hook").is_ok());
        assert!(on_premises.check_url("http://[::ffff:10.1.2.3]/hook").is_ok());
        assert_eq!(
            on_premises.check_url("http://93.184.216.34/"),
            Err(Refusal::PlainHttp)
        );
        assert_eq!(
            on_premises.check_url("http://192.168.0.1/"),
            Err(Refusal::Address(AddressKind::Private))
        );
        // Shape alone cannot decide these: their addresses will.
        assert!(on_premises.check_url("http://receiver:8080/hook").is_ok());
        assert_eq!(
            EgressPolicy::requirement("receiver", true),
            Requirement::AllowListed
        );
        assert_eq!(
            EgressPolicy::requirement("example.com", false),
            Requirement::AllowListed
        );
        assert_eq!(
            EgressPolicy::requirement("example.com", true),
            Requirement::Public
        );
    }

    #[test]
    fn a_policy_is_read_from_configuration() {
        let policy: EgressPolicy = serde_json_like("127.0.0.0/8");
        assert!(policy.check_ip("127.0.0.1".parse().unwrap()).is_ok());
        assert!(policy.check_ip("10.0.0.1".parse().unwrap()).is_err());
    }

    fn serde_json_like(net: &str) -> EgressPolicy {
        use serde::de::IntoDeserializer;
        use serde::de::value::{Error, MapDeserializer};
        let entries = [("allow", vec![net.to_owned()])];
        let map = entries
            .into_iter()
            .map(|(key, value)| (key, value.into_deserializer()));
        EgressPolicy::deserialize(MapDeserializer::<_, Error>::new(map)).unwrap()
    }

    proptest! {
        #[test]
        fn whatever_passes_has_a_public_literal_or_a_name(text in "https?://[a-z0-9:@.\\[\\]xX%/?#-]{1,40}") {
            if let Ok(url) = EgressPolicy::default().check_url(&text) {
                prop_assert!(url.is_tls());
                if let Ok(ip) = bare_host(url.host()).parse::<IpAddr>() {
                    prop_assert_eq!(ranges::special(ip), None);
                } else {
                    prop_assert!(internal_name(url.host()).is_none());
                }
            }
        }

        #[test]
        fn every_spelling_of_an_ipv4_address_is_judged_alike(bits in any::<u32>()) {
            let ip = std::net::Ipv4Addr::from(bits);
            let [a, b, c, d] = ip.octets();
            let policy = EgressPolicy::default();
            let allowed = policy.check_ip(IpAddr::V4(ip)).is_ok();
            for spelling in [
                format!("{a}.{b}.{c}.{d}"),
                format!("{bits}"),
                format!("0x{bits:x}"),
                format!("0{bits:o}"),
                format!("0x{a:x}.0{b:o}.{c}.{d}"),
                format!("{a}.{}", bits & 0x00ff_ffff),
                format!("{a}.{b}.{}", bits & 0xffff),
                format!("[::ffff:{a}.{b}.{c}.{d}]"),
                format!("[::ffff:{:x}:{:x}]", bits >> 16, bits & 0xffff),
            ] {
                let judged = policy.check_url(&format!("https://{spelling}/")).is_ok();
                prop_assert_eq!(judged, allowed, "{}", spelling);
            }
        }
    }

    #[test]
    fn the_length_is_that_of_the_url_as_it_is_sent() {
        let url = |letters: usize| format!("https://receiver.example/{}", "ホ".repeat(letters));
        let policy = EgressPolicy::default();
        let accepted = policy.check_url(&url(450)).unwrap();
        assert_eq!(
            policy.check_url(accepted.expose().as_str()).as_ref(),
            Ok(&accepted)
        );
        // 1,825 bytes as they are written, and 5,425 as they are sent.
        assert_eq!(
            policy.check_url(&url(600)),
            Err(Refusal::Malformed("it is too long"))
        );
    }
}
