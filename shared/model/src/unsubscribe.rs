//! The token of an unsubscribe link: who stops hearing of what, signed, so that one click needs no login (RFC 8058).
//! It is bound to the address that the email went to: once a member has another address, older links do nothing. It
//! never expires, and is the same each time it is made. Keys rotate: the first one signs, all of them verify.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::email::EmailAddress;
use crate::ids::{ChannelId, MemberId, TeamId};
use crate::secret::Secret;
use crate::vocabulary::Topic;

/// What a link stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    /// In which team.
    pub team: TeamId,
    /// Who stops hearing of what.
    pub subscription: Subscription,
}

/// Why somebody gets a recurring email.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// A member's own preference for a topic.
    Topic {
        /// Who.
        member: MemberId,
        /// Where the email went.
        address: EmailAddress,
        /// What.
        topic: Topic,
    },
    /// An address among the recipients of an email channel.
    ChannelRecipient {
        /// Which channel.
        channel: ChannelId,
        /// Who.
        address: EmailAddress,
    },
    /// An address among the recipients of the digest that is no member's.
    DigestRecipient {
        /// Who.
        address: EmailAddress,
    },
}

/// A token that nobody here signed, or that was altered. Says no more, so that nothing can be probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link is not valid")]
pub struct InvalidToken;

/// No key, or one that is too short to be safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an unsubscribe key must have at least {MIN_KEY_LEN} bytes, and there must be one")]
pub struct BadKeys;

/// Names the link, whichever key signed it, so that what was done by it can be noted and taken back by it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkId(String);

/// Signs and verifies tokens.
#[derive(Clone)]
pub struct UnsubscribeKeys {
    /// Never empty; the first signs.
    keys: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: String,
    secret: Secret,
}

const MIN_KEY_LEN: usize = 16;
/// Longer than any token made here.
const MAX_TOKEN_LEN: usize = 3_200;
/// Between a topic and an address, neither of which contains it.
const SEPARATOR: char = '\n';
/// Signed with the content, so that no other use of the same key can yield a token.
const CONTEXT: &[u8] = b"watchbell unsubscribe v1\n";

const TOPIC: u8 = b'm';
const CHANNEL: u8 = b'c';
const DIGEST: u8 = b'd';

// === impl Unsubscribe ===

impl Unsubscribe {
    /// The id of the link.
    #[must_use]
    pub fn link_id(&self) -> LinkId {
        LinkId(hex::encode(Sha256::digest(encode(self))))
    }

    /// The address that the email went to.
    #[must_use]
    pub const fn address(&self) -> &EmailAddress {
        match &self.subscription {
            Subscription::Topic { address, .. }
            | Subscription::ChannelRecipient { address, .. }
            | Subscription::DigestRecipient { address } => address,
        }
    }
}

// === impl LinkId ===

impl LinkId {
    /// The id as it is stored: hexadecimal.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// === impl UnsubscribeKeys ===

impl UnsubscribeKeys {
    /// The key that signs, then those that still verify.
    pub fn new(keys: impl IntoIterator<Item = Secret>) -> Result<Self, BadKeys> {
        let keys: Vec<_> = keys.into_iter().map(Key::new).collect();
        if keys.is_empty() || keys.iter().any(|key| key.secret.expose().len() < MIN_KEY_LEN) {
            return Err(BadKeys);
        }
        Ok(Self { keys })
    }

    /// The token; URL-safe as it is.
    #[must_use]
    pub fn sign(&self, what: &Unsubscribe) -> String {
        self.seal(CONTEXT, &encode(what))
    }

    /// Signs a payload for one use.
    pub(crate) fn seal(&self, context: &[u8], payload: &[u8]) -> String {
        let key = &self.keys[0];
        let content = format!("{}.{}", key.id, BASE64.encode(payload));
        let tag = BASE64.encode(key.mac(context, &content).finalize().into_bytes());
        format!("{content}.{tag}")
    }

    /// What a token stands for, when one of the keys signed it.
    pub fn verify(&self, token: &str) -> Result<Unsubscribe, InvalidToken> {
        decode(&self.open(CONTEXT, token)?).ok_or(InvalidToken)
    }

    /// The payload that was signed for this use.
    pub(crate) fn open(&self, context: &[u8], token: &str) -> Result<Vec<u8>, InvalidToken> {
        if token.len() > MAX_TOKEN_LEN {
            return Err(InvalidToken);
        }
        let (content, tag) = token.rsplit_once('.').ok_or(InvalidToken)?;
        let (key_id, payload) = content.split_once('.').ok_or(InvalidToken)?;
        let key = self
            .keys
            .iter()
            .find(|key| key.id == key_id)
            .ok_or(InvalidToken)?;
        let tag = BASE64.decode(tag).map_err(|_| InvalidToken)?;
        key.mac(context, content)
            .verify_slice(&tag)
            .map_err(|_| InvalidToken)?;
        BASE64.decode(payload).map_err(|_| InvalidToken)
    }
}

impl fmt::Debug for UnsubscribeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.id))
            .finish()
    }
}

// === impl Key ===

impl Key {
    fn new(secret: Secret) -> Self {
        let mut digest = Sha256::new();
        digest.update(CONTEXT);
        digest.update(secret.expose());
        Self {
            id: hex::encode(&digest.finalize()[..4]),
            secret,
        }
    }

    fn mac(&self, context: &[u8], content: &str) -> Hmac<Sha256> {
        #[allow(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes()).expect("any length");
        mac.update(context);
        mac.update(content.as_bytes());
        mac
    }
}

fn encode(what: &Unsubscribe) -> Vec<u8> {
    let (kind, id, text) = match &what.subscription {
        Subscription::Topic {
            member,
            address,
            topic,
        } => {
            let text = format!("{topic}{SEPARATOR}{address}");
            (TOPIC, Some(member.as_uuid()), text)
        }
        Subscription::ChannelRecipient { channel, address } => {
            (CHANNEL, Some(channel.as_uuid()), address.to_string())
        }
        Subscription::DigestRecipient { address } => (DIGEST, None, address.to_string()),
    };
    let mut bytes = vec![kind];
    bytes.extend_from_slice(what.team.as_uuid().as_bytes());
    bytes.extend(id.iter().flat_map(Uuid::as_bytes));
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Unsubscribe> {
    let (kind, rest) = bytes.split_first()?;
    let (team, rest) = rest.split_at_checked(16)?;
    let id_len = if *kind == DIGEST { 0 } else { 16 };
    let (id, text) = rest.split_at_checked(id_len)?;
    let text = str::from_utf8(text).ok()?;
    let subscription = match *kind {
        TOPIC => {
            let (topic, address) = text.split_once(SEPARATOR)?;
            Subscription::Topic {
                member: MemberId::from_uuid(Uuid::from_slice(id).ok()?),
                address: address.parse().ok()?,
                topic: topic.parse().ok()?,
            }
        }
        CHANNEL => Subscription::ChannelRecipient {
            channel: ChannelId::from_uuid(Uuid::from_slice(id).ok()?),
            address: text.parse().ok()?,
        },
        DIGEST => Subscription::DigestRecipient {
            address: text.parse().ok()?,
        },
        _ => return None,
    };
    Some(Unsubscribe {
        team: TeamId::from_uuid(Uuid::from_slice(team).ok()?),
        subscription,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(texts: &[&str]) -> UnsubscribeKeys {
        UnsubscribeKeys::new(texts.iter().map(|text| Secret::from(*text))).unwrap()
    }

    fn samples() -> Vec<Unsubscribe> {
        let id = Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);
        let address: EmailAddress = "someone@example.com".parse().unwrap();
        [
            Subscription::Topic {
                member: MemberId::from_uuid(id),
                address: address.clone(),
                topic: Topic::WeeklyDigest,
            },
            Subscription::ChannelRecipient {
                channel: ChannelId::from_uuid(id),
                address: address.clone(),
            },
            Subscription::DigestRecipient { address },
        ]
        .into_iter()
        .map(|subscription| Unsubscribe {
            team: TeamId::from_uuid(id),
            subscription,
        })
        .collect()
    }

    #[test]
    fn a_token_reads_back_and_needs_no_escaping_in_a_url() {
        let keys = keys(&["a key of many bytes"]);
        for what in samples() {
            let token = keys.sign(&what);
            assert_eq!(keys.verify(&token), Ok(what));
            assert!(
                token
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
                "{token}"
            );
        }
    }

    #[test]
    fn an_older_key_verifies_until_it_is_dropped() {
        let what = &samples()[0];
        let token = keys(&["the old key, long enough"]).sign(what);
        let rotated = keys(&["the new key, long enough", "the old key, long enough"]);
        assert_eq!(rotated.verify(&token).as_ref(), Ok(what));
        assert_ne!(rotated.sign(what), token);
        assert_eq!(
            keys(&["the new key, long enough"]).verify(&token),
            Err(InvalidToken)
        );
    }

    #[test]
    fn a_link_has_one_id_whichever_key_signs_it_and_another_for_another_address() {
        let [topic, channel, digest] = samples().try_into().unwrap();
        let ids = [&topic, &channel, &digest].map(Unsubscribe::link_id);
        assert_eq!(ids[0], topic.link_id());
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
        let Subscription::Topic {
            member, topic: of, ..
        } = topic.subscription
        else {
            unreachable!()
        };
        let moved = Unsubscribe {
            team: topic.team,
            subscription: Subscription::Topic {
                member,
                address: "elsewhere@example.com".parse().unwrap(),
                topic: of,
            },
        };
        assert_ne!(moved.link_id(), ids[0]);
    }

    #[test]
    fn short_keys_and_none_are_refused() {
        assert_eq!(UnsubscribeKeys::new([]).unwrap_err(), BadKeys);
        assert_eq!(
            UnsubscribeKeys::new([Secret::from("short")]).unwrap_err(),
            BadKeys
        );
    }

    #[test]
    fn keys_are_not_printed() {
        assert!(!format!("{:?}", keys(&["a key of many bytes"])).contains("many"));
    }

    proptest! {
        #[test]
        fn an_altered_token_never_verifies(at in 0usize..200, byte in b'!'..=b'~') {
            let keys = keys(&["a key of many bytes"]);
            for what in samples() {
                let mut token = keys.sign(&what).into_bytes();
                let at = at % token.len();
                prop_assume!(token[at] != byte);
                token[at] = byte;
                prop_assert_eq!(keys.verify(std::str::from_utf8(&token).unwrap()), Err(InvalidToken));
            }
        }

        #[test]
        fn any_text_is_only_invalid(text in ".{0,200}") {
            prop_assert_eq!(keys(&["a key of many bytes"]).verify(&text), Err(InvalidToken));
        }
    }
}
