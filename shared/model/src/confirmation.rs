//! The token of a confirmation's link: which address would let which team send it email. Signed with the keys of
//! unsubscribe links, for another use: neither kind of token passes for the other. Whether it is still good is Config's
//! to say, which knows the asking that it belongs to.

use uuid::Uuid;

use crate::email::EmailAddress;
use crate::ids::TeamId;
use crate::unsubscribe::{InvalidToken, UnsubscribeKeys};

/// What a link confirms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// Which team may send.
    pub team: TeamId,
    /// To whom.
    pub address: EmailAddress,
    /// Which asking the link belongs to.
    pub nonce: Uuid,
}

/// Signed with the content, so that no other use of the same key can yield a token.
const CONTEXT: &[u8] = b"watchbell confirmation v1\n";

// === impl Confirmation ===

impl Confirmation {
    /// The token; URL-safe as it is.
    #[must_use]
    pub fn sign(&self, keys: &UnsubscribeKeys) -> String {
        let mut bytes = Vec::with_capacity(32 + self.address.as_str().len());
        bytes.extend_from_slice(self.team.as_uuid().as_bytes());
        bytes.extend_from_slice(self.nonce.as_bytes());
        bytes.extend_from_slice(self.address.as_str().as_bytes());
        keys.seal(CONTEXT, &bytes)
    }

    /// What a token stands for, when one of the keys signed it.
    ///
    /// # Errors
    /// For every other text.
    pub fn verify(keys: &UnsubscribeKeys, token: &str) -> Result<Self, InvalidToken> {
        decode(&keys.open(CONTEXT, token)?).ok_or(InvalidToken)
    }
}

fn decode(bytes: &[u8]) -> Option<Confirmation> {
    let (team, rest) = bytes.split_at_checked(16)?;
    let (nonce, address) = rest.split_at_checked(16)?;
    Some(Confirmation {
        team: TeamId::from_uuid(Uuid::from_slice(team).ok()?),
        nonce: Uuid::from_slice(nonce).ok()?,
        address: str::from_utf8(address).ok()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ChannelId;
    use crate::secret::Secret;
    use crate::unsubscribe::{Subscription, Unsubscribe};

    fn keys() -> UnsubscribeKeys {
        UnsubscribeKeys::new([Secret::from("a key of many bytes")]).unwrap()
    }

    fn sample() -> Confirmation {
        Confirmation {
            team: TeamId::from_uuid(Uuid::from_u128(7)),
            address: "someone@example.com".parse().unwrap(),
            nonce: Uuid::from_u128(9),
        }
    }

    #[test]
    fn a_token_reads_back_and_an_altered_one_does_not() {
        let token = sample().sign(&keys());
        assert_eq!(Confirmation::verify(&keys(), &token), Ok(sample()));
        for at in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(Confirmation::verify(&keys(), &altered), Err(InvalidToken), "{at}");
        }
    }

    #[test]
    fn a_link_to_unsubscribe_confirms_nothing_and_the_other_way_round() {
        let unsubscribe = Unsubscribe {
            team: sample().team,
            subscription: Subscription::ChannelRecipient {
                channel: ChannelId::from_uuid(sample().nonce),
                address: sample().address,
            },
        };
        assert_eq!(
            Confirmation::verify(&keys(), &keys().sign(&unsubscribe)),
            Err(InvalidToken)
        );
        assert_eq!(keys().verify(&sample().sign(&keys())), Err(InvalidToken));
    }
}
