//! The state that goes to Slack and comes back with a browser: whose installation it is, until when it may be ended,
//! and a number that is used once. It is sealed with the key of secrets at rest, so that nobody else can make or alter
//! one, and a rotation of that key is a rotation here as well.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;
use watchbell_model::ids::{KeyId, MemberId, TeamId};

use crate::error::Result;
use crate::sealing::{Keyring, RowIdentity};

/// The time that a person may take at Slack.
const LIFE: TimeDelta = TimeDelta::minutes(10);
/// Longer than any state made here.
const MAX_LEN: usize = 256;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// The team that gets the channel.
    pub(crate) team: TeamId,
    /// The member who adds it, if it is one.
    pub(crate) member: Option<MemberId>,
    /// By what it was begun.
    pub(crate) credential: Credential,
    /// Used once.
    pub(crate) nonce: Uuid,
    /// To the second.
    pub(crate) expires: DateTime<Utc>,
}

/// A credential by which an installation is begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Credential {
    /// The key, or the one that made the session.
    pub(crate) key: Option<KeyId>,
    /// The member's token alone gave the permission, which Config does not know of.
    pub(crate) permitted: bool,
    /// When the session ends.
    pub(crate) expires: Option<DateTime<Utc>>,
}

// === impl State ===

impl State {
    /// A new one.
    pub(crate) fn begin(
        team: TeamId,
        member: Option<MemberId>,
        credential: Credential,
        now: DateTime<Utc>,
    ) -> Self {
        let expires = credential.expires.into_iter().fold(now + LIFE, Ord::min);
        Self {
            team,
            member,
            credential: Credential {
                expires: None,
                ..credential
            },
            nonce: Uuid::new_v4(),
            expires: DateTime::from_timestamp(expires.timestamp(), 0).unwrap_or(expires),
        }
    }

    /// As it travels; safe in a URL as it is.
    pub(crate) fn seal(&self, keyring: &Keyring) -> Result<String> {
        let member = self.member.map_or(Uuid::nil(), |member| member.as_uuid());
        let key = self.credential.key.map_or(Uuid::nil(), |key| key.as_uuid());
        let mut plain = Vec::with_capacity(73);
        for id in [self.team.as_uuid(), member, key, self.nonce] {
            plain.extend_from_slice(id.as_bytes());
        }
        plain.extend_from_slice(&self.expires.timestamp().to_be_bytes());
        plain.push(self.credential.permitted.into());
        Ok(BASE64.encode(keyring.seal(RowIdentity::slack_state(), &plain)?))
    }

    /// What came back; `None` unless it was sealed here. Whether it is still good is another question.
    pub(crate) fn open(keyring: &Keyring, text: &str) -> Option<Self> {
        if text.len() > MAX_LEN {
            return None;
        }
        let plain = keyring
            .open(RowIdentity::slack_state(), &BASE64.decode(text).ok()?)
            .ok()?;
        let (team, rest) = plain.split_first_chunk::<16>()?;
        let (member, rest) = rest.split_first_chunk::<16>()?;
        let (key, rest) = rest.split_first_chunk::<16>()?;
        let (nonce, rest) = rest.split_first_chunk::<16>()?;
        let (expires, permitted) = rest.split_first_chunk::<8>()?;
        let expires = i64::from_be_bytes(*expires);
        let [member, key] = [member, key].map(|id| Uuid::from_bytes(*id));
        Some(Self {
            team: TeamId::from_uuid(Uuid::from_bytes(*team)),
            member: (!member.is_nil()).then(|| MemberId::from_uuid(member)),
            credential: Credential {
                key: (!key.is_nil()).then(|| KeyId::from_uuid(key)),
                permitted: permitted == [1],
                expires: None,
            },
            nonce: Uuid::from_bytes(*nonce),
            expires: DateTime::from_timestamp(expires, 0)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sealing::SealingSettings;

    fn keyring() -> Keyring {
        let key = Keyring::generate_key();
        Keyring::new(&SealingSettings {
            key,
            older_keys: vec![],
        })
        .unwrap()
    }

    fn states() -> [State; 2] {
        let now = DateTime::from_timestamp(1_795_244_400, 5).unwrap();
        let team = TeamId::generate(now);
        let credential = Credential {
            key: Some(KeyId::generate(now)),
            permitted: true,
            expires: None,
        };
        [
            State::begin(team, None, Credential::default(), now),
            State::begin(team, Some(MemberId::generate(now)), credential, now),
        ]
    }

    #[test]
    fn a_state_comes_back_as_it_went_and_needs_no_escaping() {
        let keyring = keyring();
        for state in states() {
            let text = state.seal(&keyring).unwrap();
            assert_eq!(State::open(&keyring, &text), Some(state));
            assert!(text.len() <= MAX_LEN);
            assert!(
                text.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            );
        }
    }

    #[test]
    fn a_state_of_another_installation_means_nothing() {
        let text = states()[0].seal(&keyring()).unwrap();
        assert_eq!(State::open(&keyring(), &text), None);
    }

    proptest! {
        #[test]
        fn an_altered_state_means_nothing(at in 0usize..140, byte in b'!'..=b'~') {
            let keyring = keyring();
            let mut text = states()[1].seal(&keyring).unwrap().into_bytes();
            let at = at % text.len();
            prop_assume!(text[at] != byte);
            text[at] = byte;
            prop_assert_eq!(State::open(&keyring, std::str::from_utf8(&text).unwrap()), None);
        }
    }
}
