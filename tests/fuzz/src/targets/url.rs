//! URLs of tenants: what the guard lets pass names no place that is not public, however it is spelt.

use std::net::IpAddr;

use watchbell_egress::EgressPolicy;

pub(super) fn run(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let Ok(url) = EgressPolicy::default().check_url(text) else {
        return;
    };
    let exposed = url.expose();
    assert_eq!(exposed.scheme(), "https", "{text}");
    assert!(
        exposed.username().is_empty() && exposed.password().is_none(),
        "{text}"
    );
    let host = url.host().trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = host.parse::<IpAddr>() {
        let embedded = match ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(ip) => ip.to_ipv4_mapped(),
        };
        let inner = embedded.is_some_and(|ip| {
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
        });
        assert!(
            !inner && !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast(),
            "{text}"
        );
    } else {
        let last = host.rsplit('.').next().unwrap_or_default();
        assert!(
            host.contains('.') && !last.bytes().all(|byte| byte.is_ascii_digit()),
            "{text}"
        );
        assert!(
            !host.ends_with(".localhost") && !host.ends_with(".internal") && !host.ends_with('.'),
            "{text}"
        );
    }
    // The same however often it is saved.
    let again = EgressPolicy::default().check_url(exposed.as_str());
    assert_eq!(again.as_ref(), Ok(&url), "{text}");
}
