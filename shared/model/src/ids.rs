//! Names of things. Each is a UUIDv7 of its own type, written as a TypeID (`chn_01h455vb4pex5vsknk084sn02q`): a
//! prefix that says what it names, and 26 characters of Crockford's base32, sortable by age. An event's id is the
//! caller's own text and therefore a string.
//!
//! Source: the TypeID specification 0.3.0.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

/// A text that is not an id of the type that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an id like `{prefix}_01h455vb4pex5vsknk084sn02q`")]
pub struct InvalidId {
    /// The prefix that was asked for.
    pub prefix: &'static str,
}

/// An event id that is too long, empty, or has characters that cannot be seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to 128 visible ASCII characters")]
pub struct InvalidEventId;

/// Whether all characters are visible ASCII.
pub(crate) fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Writes one id type.
macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// What the text starts with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, made at `now`. Ids made one after another in this process at one instant sort in the
            /// order in which they were made.
            #[must_use]
            pub fn generate(now: DateTime<Utc>) -> Self {
                Self(uuid_at(now))
            }

            /// As a database stores it.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// From a database.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_typeid(f, Self::PREFIX, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                read_typeid(Self::PREFIX, text).map(Self).ok_or(InvalidId { prefix: Self::PREFIX })
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

id!(/// A tenant.
    TeamId, "team");
id!(/// A user in a team.
    MemberId, "mbr");
id!(/// An API key.
    KeyId, "key");
id!(/// A configured destination.
    ChannelId, "chn");
id!(/// A routing rule.
    RuleId, "rul");
id!(/// A mention rule.
    MentionRuleId, "mnr");
id!(/// A silence.
    SilenceId, "sil");
id!(/// A route being carried out.
    DeliveryId, "dlv");
id!(/// One try of a delivery.
    AttemptId, "att");
id!(/// A row of the in-app inbox.
    NotificationId, "ntf");
id!(/// One digest of one team and week.
    DigestRunId, "run");

/// The id of an event, unique in its team: whatever the caller chose, or one of ours (`evt_…`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventId(Arc<str>);

// === impl EventId ===

impl EventId {
    /// The longest id that is taken, in characters.
    pub const MAX_LEN: usize = 128;

    /// A new id, made at `now`.
    #[must_use]
    pub fn generate(now: DateTime<Utc>) -> Self {
        Self(typeid_text("evt", uuid_at(now)).into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventId {
    type Err = InvalidEventId;

    fn from_str(text: &str) -> Result<Self, InvalidEventId> {
        if text.is_empty() || text.len() > Self::MAX_LEN || !is_visible(text) {
            return Err(InvalidEventId);
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for EventId {
    type Error = InvalidEventId;

    fn try_from(text: String) -> Result<Self, InvalidEventId> {
        text.parse()
    }
}

impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.as_str().to_owned()
    }
}

impl AsRef<str> for EventId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Counts ids made here, so that those of one instant keep their order.
static SEQUENCE: AtomicU32 = AtomicU32::new(0);

/// A UUIDv7 of that instant: milliseconds; then their fraction in 12 bits (RFC 9562 §6.2, method 3); then 32 bits
/// that count up; then 30 of chance (two are overlaid by the variant).
fn uuid_at(now: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    let fraction = (now.timestamp_subsec_nanos() % 1_000_000) * 4096 / 1_000_000;
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let chance: u32 = rand::random();
    let mut tail = [0; 10];
    tail[0] = u8::try_from(fraction >> 8).unwrap_or(0);
    tail[1] = u8::try_from(fraction & 0xff).unwrap_or(0);
    // The variant takes the first two bits of the tail's third byte: keep the counter clear of them.
    let rest = (u64::from(sequence) << 30) | (u64::from(chance) & 0x3fff_ffff);
    tail[2..].copy_from_slice(&rest.to_be_bytes());
    Builder::from_unix_timestamp_millis(millis, &tail).into_uuid()
}

/// Crockford's base32 in lower case: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 128 bits in characters of five, the first of which holds only three.
const SUFFIX_LEN: usize = 26;

fn suffix_of(uuid: Uuid) -> [u8; SUFFIX_LEN] {
    let mut bits = uuid.as_u128();
    let mut suffix = [b'0'; SUFFIX_LEN];
    for character in suffix.iter_mut().rev() {
        *character = ALPHABET[(bits & 0b1_1111) as usize];
        bits >>= 5;
    }
    suffix
}

fn write_typeid(f: &mut fmt::Formatter<'_>, prefix: &str, uuid: Uuid) -> fmt::Result {
    f.write_str(prefix)?;
    f.write_str("_")?;
    f.write_str(std::str::from_utf8(&suffix_of(uuid)).map_err(|_| fmt::Error)?)
}

fn typeid_text(prefix: &str, uuid: Uuid) -> String {
    let suffix = suffix_of(uuid);
    let mut text = String::with_capacity(prefix.len() + 1 + SUFFIX_LEN);
    text.push_str(prefix);
    text.push('_');
    text.extend(suffix.iter().copied().map(char::from));
    text
}

/// Strict, as the specification asks: lower case only, no ambiguous letters, no overflow.
fn read_typeid(prefix: &str, text: &str) -> Option<Uuid> {
    let suffix = text.strip_prefix(prefix)?.strip_prefix('_')?.as_bytes();
    if suffix.len() != SUFFIX_LEN || suffix[0] > b'7' {
        return None;
    }
    let mut bits = 0_u128;
    for character in suffix {
        let value = ALPHABET.iter().position(|known| known == character)?;
        bits = (bits << 5) | value as u128;
    }
    Some(Uuid::from_u128(bits))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;

    /// `valid.json` of the TypeID specification.
    const VECTORS: [(&str, &str); 6] = [
        (
            "00000000000000000000000000",
            "00000000-0000-0000-0000-000000000000",
        ),
        (
            "00000000000000000000000001",
            "00000000-0000-0000-0000-000000000001",
        ),
        (
            "0000000000000000000000000a",
            "00000000-0000-0000-0000-00000000000a",
        ),
        (
            "0000000000000000000000000g",
            "00000000-0000-0000-0000-000000000010",
        ),
        (
            "7zzzzzzzzzzzzzzzzzzzzzzzzz",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ),
        (
            "01h455vb4pex5vsknk084sn02q",
            "01890a5d-ac96-774b-bcce-b302099a8057",
        ),
    ];

    #[test]
    fn texts_follow_the_typeid_specification() {
        for (suffix, uuid) in VECTORS {
            let id = ChannelId::from_uuid(uuid.parse().unwrap());
            assert_eq!(id.to_string(), format!("chn_{suffix}"));
            assert_eq!(format!("chn_{suffix}").parse(), Ok(id));
        }
    }

    #[test]
    fn what_is_not_an_id_of_the_type_is_refused() {
        for text in [
            "",
            "chn",
            "chn_",
            "chn_01H455VB4PEX5VSKNK084SN02Q",
            "chn_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "chn_01h455vb4pex5vsknk084sn02",
            "chn_01h455vb4pex5vsknk084sn02qq",
            "chn_01h455vb4pex5vsknk084sn02u",
            "team_01h455vb4pex5vsknk084sn02q",
            "01h455vb4pex5vsknk084sn02q",
        ] {
            assert_eq!(
                text.parse::<ChannelId>(),
                Err(InvalidId { prefix: "chn" }),
                "{text}"
            );
        }
    }

    #[test]
    fn ids_of_one_instant_keep_their_order() {
        let now = Utc.with_ymd_and_hms(2026, 3, 29, 1, 0, 0).unwrap();
        let ids: Vec<_> = (0..1000).map(|_| DeliveryId::generate(now)).collect();
        assert!(ids.is_sorted());
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(ids[0].as_uuid().get_version_num(), 7);
        assert_eq!(ids[0].as_uuid().get_variant(), uuid::Variant::RFC4122);
        assert!(DeliveryId::generate(now + chrono::TimeDelta::microseconds(1)) > ids[999]);
    }

    #[test]
    fn an_event_id_is_any_visible_ascii() {
        assert_eq!("order:42/ä".parse::<EventId>(), Err(InvalidEventId));
        assert_eq!("a b".parse::<EventId>(), Err(InvalidEventId));
        assert_eq!("".parse::<EventId>(), Err(InvalidEventId));
        assert_eq!("x".repeat(129).parse::<EventId>(), Err(InvalidEventId));
        assert_eq!("x".repeat(128).parse::<EventId>().unwrap().as_str().len(), 128);
        assert!(
            EventId::generate(DateTime::UNIX_EPOCH)
                .as_str()
                .starts_with("evt_")
        );
    }

    proptest! {
        #[test]
        fn every_uuid_reads_back_from_text_and_json(bits: u128) {
            let id = TeamId::from_uuid(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(serde_json::from_value::<TeamId>(serde_json::to_value(id).unwrap()).unwrap(), id);
        }

        #[test]
        fn text_order_is_uuid_order(a: u128, b: u128) {
            let (a, b) = (TeamId::from_uuid(Uuid::from_u128(a)), TeamId::from_uuid(Uuid::from_u128(b)));
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }

        #[test]
        fn an_id_carries_its_instant(millis in 0_i64..(1 << 47)) {
            let now = Utc.timestamp_millis_opt(millis).unwrap();
            let bits = MemberId::generate(now).as_uuid().as_u128();
            prop_assert_eq!((bits >> 80) as i64, millis);
        }
    }
}
