//! The token of a link by which a reader of a message takes its alert on: which life of which alert, for whom the message
//! was, and until when. Signed with the keys of unsubscribe links, for another use: neither kind of token passes for the
//! other. Whether the alert still goes on, and whether its holder is still told of it, is the Dispatcher's to say.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::alert::AlertKey;
use crate::email::EmailAddress;
use crate::ids::{ChannelId, TeamId};
use crate::unsubscribe::{InvalidToken, UnsubscribeKeys};

/// How long a link works after its message was sent.
pub const LINK_LIFETIME: TimeDelta = TimeDelta::days(30);

/// What a link stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertLink {
    /// Whose alert.
    pub team: TeamId,
    /// Which.
    pub key: AlertKey,
    /// When the life of the alert began that the message tells of, to the microsecond: an end at or after it ends what the
    /// link can do.
    pub opened_at: DateTime<Utc>,
    /// Until when, to the second.
    pub expires_at: DateTime<Utc>,
    /// For whom the message was.
    pub holder: LinkHolder,
}

/// For whom a message was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkHolder {
    /// Whoever reads a channel's chat.
    Channel(ChannelId),
    /// The reader of a mailbox.
    Mailbox(EmailAddress),
}

/// Signed with the content, so that no other use of the same key can yield a token.
const CONTEXT: &[u8] = b"watchbell alert link v1\n";
/// Between an address and a key, neither of which contains it.
const SEPARATOR: char = '\n';

const CHANNEL: u8 = b'c';
const MAILBOX: u8 = b'm';

// === impl AlertLink ===

impl AlertLink {
    /// The token; URL-safe as it is.
    #[must_use]
    pub fn sign(&self, keys: &UnsubscribeKeys) -> String {
        let (kind, id, address) = match &self.holder {
            LinkHolder::Channel(id) => (CHANNEL, Some(id.as_uuid()), String::new()),
            LinkHolder::Mailbox(address) => (MAILBOX, None, format!("{address}{SEPARATOR}")),
        };
        let mut bytes = vec![kind];
        bytes.extend_from_slice(self.team.as_uuid().as_bytes());
        bytes.extend_from_slice(&self.opened_at.timestamp_micros().to_be_bytes());
        bytes.extend_from_slice(&self.expires_at.timestamp().to_be_bytes());
        bytes.extend(id.iter().flat_map(Uuid::as_bytes));
        bytes.extend_from_slice(address.as_bytes());
        bytes.extend_from_slice(self.key.as_str().as_bytes());
        keys.seal(CONTEXT, &bytes)
    }

    /// What a token stands for, when one of the keys signed it. Expired ones verify, too: their reader is told so.
    ///
    /// # Errors
    /// For every other text.
    pub fn verify(keys: &UnsubscribeKeys, token: &str) -> Result<Self, InvalidToken> {
        decode(&keys.open(CONTEXT, token)?).ok_or(InvalidToken)
    }
}

fn decode(bytes: &[u8]) -> Option<AlertLink> {
    let (kind, rest) = bytes.split_first()?;
    let (team, rest) = rest.split_at_checked(16)?;
    let (opened_at, rest) = rest.split_first_chunk()?;
    let (expires_at, rest) = rest.split_first_chunk()?;
    let (holder, key) = match *kind {
        CHANNEL => {
            let (id, key) = rest.split_at_checked(16)?;
            let id = ChannelId::from_uuid(Uuid::from_slice(id).ok()?);
            (LinkHolder::Channel(id), str::from_utf8(key).ok()?)
        }
        MAILBOX => {
            let (address, key) = str::from_utf8(rest).ok()?.split_once(SEPARATOR)?;
            (LinkHolder::Mailbox(address.parse().ok()?), key)
        }
        _ => return None,
    };
    Some(AlertLink {
        team: TeamId::from_uuid(Uuid::from_slice(team).ok()?),
        key: key.parse().ok()?,
        opened_at: DateTime::from_timestamp_micros(i64::from_be_bytes(*opened_at))?,
        expires_at: DateTime::from_timestamp(i64::from_be_bytes(*expires_at), 0)?,
        holder,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::confirmation::Confirmation;
    use crate::secret::Secret;

    fn keys() -> UnsubscribeKeys {
        UnsubscribeKeys::new([Secret::from("a key of many bytes")]).unwrap()
    }

    fn samples() -> [AlertLink; 2] {
        let opened_at = DateTime::from_timestamp_micros(1_795_000_000_123_456).unwrap();
        let mailbox = LinkHolder::Mailbox("ann@example.com".parse().unwrap());
        [
            LinkHolder::Channel(ChannelId::from_uuid(Uuid::from_u128(9))),
            mailbox,
        ]
        .map(|holder| AlertLink {
            team: TeamId::from_uuid(Uuid::from_u128(7)),
            key: "finding_id=F 1/ä".parse().unwrap(),
            opened_at,
            expires_at: DateTime::from_timestamp(1_797_592_000, 0).unwrap(),
            holder,
        })
    }

    #[test]
    fn a_token_reads_back_and_an_altered_one_does_not() {
        for link in samples() {
            let token = link.sign(&keys());
            assert_eq!(AlertLink::verify(&keys(), &token).as_ref(), Ok(&link));
            for at in 0..token.len() {
                let mut altered = token.clone().into_bytes();
                altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
                let altered = String::from_utf8(altered).unwrap();
                assert_eq!(AlertLink::verify(&keys(), &altered), Err(InvalidToken), "{at}");
            }
        }
    }

    #[test]
    fn the_longest_key_of_the_longest_address_fits() {
        let [_, link] = samples();
        let link = AlertLink {
            key: "x".repeat(512).parse().unwrap(),
            holder: LinkHolder::Mailbox(
                format!("{}@{}.example", "a".repeat(64), "b".repeat(60))
                    .parse()
                    .unwrap(),
            ),
            ..link
        };
        assert_eq!(AlertLink::verify(&keys(), &link.sign(&keys())), Ok(link));
    }

    #[test]
    fn other_links_take_no_alert_on_and_the_other_way_round() {
        let confirmation = Confirmation {
            team: TeamId::from_uuid(Uuid::from_u128(7)),
            address: "ann@example.com".parse().unwrap(),
            nonce: Uuid::from_u128(9),
        };
        let token = confirmation.sign(&keys());
        assert_eq!(AlertLink::verify(&keys(), &token), Err(InvalidToken));
        for link in samples() {
            let token = link.sign(&keys());
            assert_eq!(Confirmation::verify(&keys(), &token), Err(InvalidToken));
            assert_eq!(keys().verify(&token), Err(InvalidToken));
        }
    }
}
