//! Secrets at rest. Each is sealed with XChaCha20-Poly1305 under a fresh nonce, and bound to the row that it belongs
//! to, so that a sealed secret copied into another row, or another team, does not open. The key's id goes with it:
//! keys rotate by adding a new one and keeping the old to open with, until everything has been sealed anew.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use watchbell_model::ids::{ChannelId, TeamId};
use watchbell_model::secret::Secret;
use watchbell_runtime::settings::{read, write};
use zeroize::Zeroizing;

const KEY_LEN: usize = 32;
const KEY_ID_LEN: usize = 8;
const NONCE_LEN: usize = 24;
/// The first byte of everything sealed; another layout gets another.
const LAYOUT: u8 = 1;

/// The sealing keys, as configured: 32 random bytes each, in base64.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SealingSettings {
    /// Seals everything new.
    #[serde(serialize_with = "write::secret")]
    pub key: Secret,
    /// Keys that sealed before, kept to open with.
    #[serde(deserialize_with = "read::list", serialize_with = "write::secret")]
    pub older_keys: Vec<Secret>,
}

/// Opens and seals.
pub struct Keyring {
    current: Key,
    older: Vec<Key>,
}

struct Key {
    id: [u8; KEY_ID_LEN],
    cipher: XChaCha20Poly1305,
}

/// The row that a secret belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowIdentity {
    table: &'static str,
    team: Uuid,
    row: Uuid,
}

/// Why a secret does not open, or a key does not work. Says nothing of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    /// A configured key is not 32 bytes in base64.
    #[error("a sealing key must be {KEY_LEN} bytes in base64")]
    BadKey,
    /// The stored bytes are no sealed secret.
    #[error("the sealed secret is malformed")]
    Malformed,
    /// Sealed with a key that is not configured any more.
    #[error("the secret was sealed with a key that is not configured")]
    UnknownKey,
    /// Altered, or moved from another row.
    #[error("the sealed secret does not belong to this row, or was altered")]
    Forged,
}

// === impl SealingSettings ===

/// Without a key, which does not open; whoever composes the process puts one in.
impl Default for SealingSettings {
    fn default() -> Self {
        Self {
            key: Secret::new(""),
            older_keys: Vec::new(),
        }
    }
}

// === impl RowIdentity ===

impl RowIdentity {
    /// The secrets of a channel.
    pub fn channel(team: TeamId, channel: ChannelId) -> Self {
        Self {
            table: "channels",
            team: team.as_uuid(),
            row: channel.as_uuid(),
        }
    }

    /// The state of an installation at Slack, which leaves the process sealed and comes back from outside.
    pub(crate) fn slack_state() -> Self {
        Self {
            table: "slack_states",
            team: Uuid::nil(),
            row: Uuid::nil(),
        }
    }

    fn associated_data(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(64);
        data.push(LAYOUT);
        data.extend_from_slice(self.team.as_bytes());
        data.extend_from_slice(self.row.as_bytes());
        data.extend_from_slice(self.table.as_bytes());
        data
    }
}

// === impl Keyring ===

impl Keyring {
    /// A keyring of the configured keys.
    ///
    /// # Errors
    /// [`SealingError::BadKey`].
    pub fn new(settings: &SealingSettings) -> Result<Self, SealingError> {
        Ok(Self {
            current: Key::parse(&settings.key)?,
            older: settings
                .older_keys
                .iter()
                .map(Key::parse)
                .collect::<Result<_, _>>()?,
        })
    }

    /// A new random key, in the form that [`SealingSettings`] takes.
    pub fn generate_key() -> Secret {
        let key = Zeroizing::new(rand::random::<[u8; KEY_LEN]>());
        Secret::new(STANDARD.encode(&key[..]))
    }

    /// Seals `plain` for one row with the current key.
    ///
    /// # Errors
    /// Only for texts of gigabytes, which the cipher does not take.
    pub fn seal(&self, row: RowIdentity, plain: &[u8]) -> Result<Vec<u8>, SealingError> {
        let nonce = rand::random::<[u8; NONCE_LEN]>();
        let payload = Payload {
            msg: plain,
            aad: &row.associated_data(),
        };
        let sealed = self
            .current
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealingError::Malformed)?;
        let mut stored = Vec::with_capacity(1 + KEY_ID_LEN + NONCE_LEN + sealed.len());
        stored.push(LAYOUT);
        stored.extend_from_slice(&self.current.id);
        stored.extend_from_slice(&nonce);
        stored.extend_from_slice(&sealed);
        Ok(stored)
    }

    /// Opens what was sealed for the same row with any key of the ring.
    ///
    /// # Errors
    /// See [`SealingError`].
    pub fn open(&self, row: RowIdentity, stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let (key_id, rest) = split(stored)?;
        let (nonce, sealed) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(SealingError::Malformed)?;
        let key = std::iter::once(&self.current)
            .chain(&self.older)
            .find(|key| key.id == *key_id)
            .ok_or(SealingError::UnknownKey)?;
        let payload = Payload {
            msg: sealed,
            aad: &row.associated_data(),
        };
        let plain = key
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| SealingError::Forged)?;
        Ok(Zeroizing::new(plain))
    }

    /// Whether it was sealed with the current key; what was not should be sealed anew.
    pub fn is_current(&self, stored: &[u8]) -> bool {
        split(stored).is_ok_and(|(key_id, _)| *key_id == self.current.id)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("older_keys", &self.older.len())
            .finish_non_exhaustive()
    }
}

// === impl Key ===

impl Key {
    fn parse(text: &Secret) -> Result<Self, SealingError> {
        let bytes = Zeroizing::new(
            STANDARD
                .decode(text.expose().trim())
                .map_err(|_| SealingError::BadKey)?,
        );
        let cipher = XChaCha20Poly1305::new_from_slice(&bytes).map_err(|_| SealingError::BadKey)?;
        // Derived, so that nobody has to name keys; a hash of 256 random bits tells nothing about them.
        let digest = Sha256::new()
            .chain_update(b"watchbell sealing key id")
            .chain_update(&bytes[..])
            .finalize();
        let mut id = [0; KEY_ID_LEN];
        id.iter_mut()
            .zip(digest.iter())
            .for_each(|(to, from)| *to = *from);
        Ok(Self { id, cipher })
    }
}

fn split(stored: &[u8]) -> Result<(&[u8; KEY_ID_LEN], &[u8]), SealingError> {
    let rest = stored.strip_prefix(&[LAYOUT]).ok_or(SealingError::Malformed)?;
    rest.split_first_chunk::<KEY_ID_LEN>()
        .ok_or(SealingError::Malformed)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn settings(key: &Secret, older: &[&Secret]) -> SealingSettings {
        SealingSettings {
            key: key.clone(),
            older_keys: older.iter().map(|&key| key.clone()).collect(),
        }
    }

    fn row() -> RowIdentity {
        RowIdentity::channel(
            TeamId::generate(DateTime::UNIX_EPOCH),
            ChannelId::generate(DateTime::UNIX_EPOCH),
        )
    }

    fn ring() -> Keyring {
        Keyring::new(&settings(&Keyring::generate_key(), &[])).unwrap()
    }

    #[test]
    fn a_sealed_secret_opens_for_its_own_row_only() {
        let (ring, mine) = (ring(), row());
        let sealed = ring.seal(mine, b"hunter2").unwrap();
        assert_eq!(&ring.open(mine, &sealed).unwrap()[..], b"hunter2");
        let another_channel = RowIdentity {
            row: row().row,
            ..mine
        };
        let another_team = RowIdentity {
            team: row().team,
            ..mine
        };
        let another_table = RowIdentity {
            table: "teams",
            ..mine
        };
        for other in [another_channel, another_team, another_table] {
            assert_eq!(ring.open(other, &sealed), Err(SealingError::Forged));
        }
    }

    #[test]
    fn an_older_key_still_opens_and_a_dropped_one_does_not() {
        let (old, new) = (Keyring::generate_key(), Keyring::generate_key());
        let row = row();
        let before = Keyring::new(&settings(&old, &[])).unwrap();
        let during = Keyring::new(&settings(&new, &[&old])).unwrap();
        let after = Keyring::new(&settings(&new, &[])).unwrap();

        let sealed = before.seal(row, b"hunter2").unwrap();
        assert!(before.is_current(&sealed) && !during.is_current(&sealed));
        let plain = during.open(row, &sealed).unwrap();
        let resealed = during.seal(row, &plain).unwrap();
        assert!(after.is_current(&resealed));
        assert_eq!(&after.open(row, &resealed).unwrap()[..], b"hunter2");
        assert_eq!(after.open(row, &sealed), Err(SealingError::UnknownKey));
    }

    #[test]
    fn the_same_secret_never_seals_to_the_same_bytes() {
        let (ring, row) = (ring(), row());
        assert_ne!(ring.seal(row, b"x").unwrap(), ring.seal(row, b"x").unwrap());
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for key in ["", "c2hvcnQ=", "not base64!"] {
            assert_eq!(
                Keyring::new(&settings(&key.into(), &[])).unwrap_err(),
                SealingError::BadKey
            );
        }
    }

    #[test]
    fn a_keyring_prints_no_key() {
        let key = Keyring::generate_key();
        let ring = Keyring::new(&settings(&key, &[])).unwrap();
        assert!(!format!("{ring:?} {:?}", settings(&key, &[])).contains(key.expose()));
    }

    proptest! {
        #[test]
        fn any_altered_byte_is_noticed(plain: Vec<u8>, at: prop::sample::Index, change in 1..=255_u8) {
            let (ring, row) = (ring(), row());
            let mut sealed = ring.seal(row, &plain).unwrap();
            *at.get_mut(&mut sealed) ^= change;
            prop_assert!(ring.open(row, &sealed).is_err());
        }
    }
}
