//! Who has an event already, so that nobody gets it twice, whichever way leads there.

use std::collections::HashSet;

use crate::ids::MemberId;
use crate::route::{Target, TargetKey};

/// Who has an event already.
#[derive(Debug, Default)]
pub struct Recipients {
    places: HashSet<TargetKey>,
    /// By email, whatever their address was.
    members: HashSet<MemberId>,
    /// Whoever got the team's receipts when it was sent.
    receipts: bool,
}

// === impl Recipients ===

impl Recipients {
    /// Adds whoever is at a target.
    pub fn add(&mut self, target: &Target) {
        if let Target::Person { member, .. } = target {
            self.members.insert(*member);
        }
        match TargetKey::of(target) {
            Some(key) => drop(self.places.insert(key)),
            None => self.receipts = true,
        }
    }

    /// Whether whoever is at a target has it. Of a receipt that was sent to whoever got receipts then, everyone by email counts.
    #[must_use]
    pub fn have(&self, target: &Target) -> bool {
        if let Target::Person { member, .. } = target
            && self.members.contains(member)
        {
            return true;
        }
        match TargetKey::of(target) {
            Some(TargetKey::Mailbox(_)) if self.receipts => true,
            Some(key) => self.places.contains(&key),
            None => self.receipts || !self.places.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ids::ChannelId;

    use super::*;

    fn person(number: u128, address: &str) -> Target {
        Target::Person {
            member: MemberId::from_uuid(uuid::Uuid::from_u128(number)),
            address: address.to_owned(),
            topic: "findings".to_owned(),
            channel: None,
        }
    }

    fn address(address: &str) -> Target {
        Target::Address {
            address: address.to_owned(),
            channel: None,
        }
    }

    fn of(targets: &[Target]) -> Recipients {
        let mut recipients = Recipients::default();
        targets.iter().for_each(|target| recipients.add(target));
        recipients
    }

    #[test]
    fn who_has_an_event_is_told_by_channel_mailbox_member_and_inbox() {
        let channel = |number| Target::Channel(ChannelId::from_uuid(uuid::Uuid::from_u128(number)));
        let have = of(&[channel(1), person(1, "Ann@example.com"), Target::Inbox]);
        assert!(have.have(&channel(1)) && have.have(&Target::Inbox));
        assert!(
            have.have(&person(1, "new@example.com")),
            "Ann, at her new address"
        );
        assert!(have.have(&address("ann@EXAMPLE.com")), "the same mailbox");
        assert!(!have.have(&channel(2)) && !have.have(&person(2, "bob@example.com")));
        assert!(!of(&[]).have(&Target::Inbox));
    }

    #[test]
    fn nobody_gets_a_receipt_twice() {
        let sent = of(&[Target::Receipts]);
        assert!(sent.have(&address("ann@example.com")) && sent.have(&Target::Receipts));
        let sent = of(&[address("ann@example.com")]);
        assert!(sent.have(&address("ann@example.com")) && sent.have(&Target::Receipts));
        assert!(!sent.have(&address("bob@example.com")), "a new recipient");
        assert!(!of(&[]).have(&Target::Receipts));
    }
}
