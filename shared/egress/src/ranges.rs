//! The special-purpose address ranges of IANA's registries, and what each is called.
//!
//! The tables decide only what an address *is*; whether it may be dialled is the policy's decision. Addresses
//! that wrap an IPv4 address (IPv4-mapped) are unwrapped before they are looked up.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not a public one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// The unspecified address and "this network" (0.0.0.0/8, `::`).
    Unspecified,
    /// The machine itself.
    Loopback,
    /// A private network (RFC 1918, RFC 4193, and the deprecated site-local range).
    Private,
    /// Carrier-grade NAT (RFC 6598).
    Shared,
    /// One link only (RFC 3927); cloud metadata services live here.
    LinkLocal,
    /// A cloud provider's metadata service at an address that looks public.
    Metadata,
    /// Multicast.
    Multicast,
    /// Documentation and benchmarking.
    Documentation,
    /// An address that carries another one: NAT64, 6to4, Teredo.
    Translated,
    /// Reserved, or not allocated as global unicast.
    Reserved,
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Shared => "carrier-grade NAT",
            Self::LinkLocal => "link-local",
            Self::Metadata => "cloud metadata",
            Self::Multicast => "multicast",
            Self::Documentation => "documentation or benchmarking",
            Self::Translated => "translated",
            Self::Reserved => "reserved",
        })
    }
}

struct Range4(Ipv4Addr, u32, AddressKind);
struct Range6(Ipv6Addr, u32, AddressKind);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32, kind: AddressKind) -> Range4 {
    Range4(Ipv4Addr::new(a, b, c, d), prefix, kind)
}

const fn v6(a: u16, b: u16, c: u16, d: u16, prefix: u32, kind: AddressKind) -> Range6 {
    Range6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix, kind)
}

const SPECIAL_V4: &[Range4] = &[
    v4(0, 0, 0, 0, 8, AddressKind::Unspecified),
    v4(10, 0, 0, 0, 8, AddressKind::Private),
    v4(100, 64, 0, 0, 10, AddressKind::Shared),
    v4(127, 0, 0, 0, 8, AddressKind::Loopback),
    // Azure's wire server: routable by its looks, the host's own by its function.
    v4(168, 63, 129, 16, 32, AddressKind::Metadata),
    v4(169, 254, 0, 0, 16, AddressKind::LinkLocal),
    v4(172, 16, 0, 0, 12, AddressKind::Private),
    v4(192, 0, 0, 0, 24, AddressKind::Reserved),
    v4(192, 0, 2, 0, 24, AddressKind::Documentation),
    v4(192, 88, 99, 0, 24, AddressKind::Translated),
    v4(192, 168, 0, 0, 16, AddressKind::Private),
    v4(198, 18, 0, 0, 15, AddressKind::Documentation),
    v4(198, 51, 100, 0, 24, AddressKind::Documentation),
    v4(203, 0, 113, 0, 24, AddressKind::Documentation),
    v4(224, 0, 0, 0, 4, AddressKind::Multicast),
    v4(240, 0, 0, 0, 4, AddressKind::Reserved),
];

const SPECIAL_V6: &[Range6] = &[
    v6(0x64, 0xff9b, 0, 0, 96, AddressKind::Translated),
    v6(0x64, 0xff9b, 1, 0, 48, AddressKind::Translated),
    v6(0x100, 0, 0, 0, 64, AddressKind::Reserved),
    v6(0x2001, 0, 0, 0, 32, AddressKind::Translated),
    v6(0x2001, 0, 0, 0, 23, AddressKind::Reserved),
    v6(0x2001, 0xdb8, 0, 0, 32, AddressKind::Documentation),
    v6(0x2002, 0, 0, 0, 16, AddressKind::Translated),
    v6(0x3fff, 0, 0, 0, 20, AddressKind::Documentation),
    v6(0x5f00, 0, 0, 0, 16, AddressKind::Reserved),
    v6(0xfc00, 0, 0, 0, 7, AddressKind::Private),
    v6(0xfe80, 0, 0, 0, 10, AddressKind::LinkLocal),
    v6(0xfec0, 0, 0, 0, 10, AddressKind::Private),
    v6(0xff00, 0, 0, 0, 8, AddressKind::Multicast),
];

/// What makes `ip` special, or `None` for a public unicast address.
pub(crate) fn special(ip: IpAddr) -> Option<AddressKind> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => special_v4(ip),
        IpAddr::V6(ip) => special_v6(ip),
    }
}

fn special_v4(ip: Ipv4Addr) -> Option<AddressKind> {
    let bits = u32::from(ip);
    SPECIAL_V4
        .iter()
        .find(|Range4(base, prefix, _)| (bits ^ u32::from(*base)) >> (32 - prefix) == 0)
        .map(|Range4(_, _, kind)| *kind)
}

fn special_v6(ip: Ipv6Addr) -> Option<AddressKind> {
    if ip.is_unspecified() {
        return Some(AddressKind::Unspecified);
    }
    if ip.is_loopback() {
        return Some(AddressKind::Loopback);
    }
    let bits = u128::from(ip);
    let listed = SPECIAL_V6
        .iter()
        .find(|Range6(base, prefix, _)| (bits ^ u128::from(*base)) >> (128 - prefix) == 0)
        .map(|Range6(_, _, kind)| *kind);
    // Only 2000::/3 is allocated as global unicast; the rest has no public host to reach, today or by surprise.
    listed.or_else(|| (bits >> 125 != 0b001).then_some(AddressKind::Reserved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_begins_and_ends_where_the_registry_says() {
        // First address, last address, one before, one after (the neighbours are public where they are `true`).
        let cases = [
            ("0.0.0.0", "0.255.255.255", None, Some("1.0.0.0")),
            (
                "10.0.0.0",
                "10.255.255.255",
                Some("9.255.255.255"),
                Some("11.0.0.0"),
            ),
            (
                "100.64.0.0",
                "100.127.255.255",
                Some("100.63.255.255"),
                Some("100.128.0.0"),
            ),
            (
                "127.0.0.0",
                "127.255.255.255",
                Some("126.255.255.255"),
                Some("128.0.0.0"),
            ),
            (
                "168.63.129.16",
                "168.63.129.16",
                Some("168.63.129.15"),
                Some("168.63.129.17"),
            ),
            (
                "169.254.0.0",
                "169.254.255.255",
                Some("169.253.255.255"),
                Some("169.255.0.0"),
            ),
            (
                "172.16.0.0",
                "172.31.255.255",
                Some("172.15.255.255"),
                Some("172.32.0.0"),
            ),
            (
                "192.0.0.0",
                "192.0.0.255",
                Some("191.255.255.255"),
                Some("192.0.1.0"),
            ),
            ("192.0.2.0", "192.0.2.255", Some("192.0.1.255"), Some("192.0.3.0")),
            (
                "192.88.99.0",
                "192.88.99.255",
                Some("192.88.98.255"),
                Some("192.88.100.0"),
            ),
            (
                "192.168.0.0",
                "192.168.255.255",
                Some("192.167.255.255"),
                Some("192.169.0.0"),
            ),
            (
                "198.18.0.0",
                "198.19.255.255",
                Some("198.17.255.255"),
                Some("198.20.0.0"),
            ),
            (
                "198.51.100.0",
                "198.51.100.255",
                Some("198.51.99.255"),
                Some("198.51.101.0"),
            ),
            (
                "203.0.113.0",
                "203.0.113.255",
                Some("203.0.112.255"),
                Some("203.0.114.0"),
            ),
            ("224.0.0.0", "255.255.255.255", Some("223.255.255.255"), None),
            (
                "2001::",
                "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
                None,
                Some("2001:200::"),
            ),
            (
                "2001:db8::",
                "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                Some("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff"),
                Some("2001:db9::"),
            ),
            (
                "2002::",
                "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                Some("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                Some("2003::"),
            ),
            (
                "3fff::",
                "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
                Some("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                Some("3fff:1000::"),
            ),
            (
                "::",
                "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                None,
                Some("2000::"),
            ),
            (
                "4000::",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                Some("3fff:ffff::"),
                None,
            ),
        ];
        for (first, last, before, after) in cases {
            for inside in [first, last] {
                assert!(special(inside.parse().unwrap()).is_some(), "{inside} is special");
            }
            for outside in [before, after].into_iter().flatten() {
                assert_eq!(special(outside.parse().unwrap()), None, "{outside} is public");
            }
        }
    }

    #[test]
    fn a_mapped_address_is_judged_as_the_ipv4_address_it_carries() {
        assert_eq!(
            special("::ffff:10.1.2.3".parse().unwrap()),
            Some(AddressKind::Private)
        );
        assert_eq!(special("::ffff:93.184.216.34".parse().unwrap()), None);
    }
}
