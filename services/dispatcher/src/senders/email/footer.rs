//! The link at the foot of every email: how its reader stops getting it. Topics stop by one click (RFC 8058); receipts
//! are records and link to the page where their recipient is changed; notices to Owners link to the settings.

use watchbell_model::Topic;
use watchbell_model::brand::Brand;
use watchbell_model::catalog::RECEIPT;
use watchbell_model::catalog::notices::RECIPIENT_CONFIRMATION;
use watchbell_model::unsubscribe::{Subscription, Unsubscribe, UnsubscribeKeys};

use watchbell_model::accepted_event::AcceptedEvent;
use watchbell_model::route::Target;

/// A visible link, which one-click programs may use as well or may not.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Footer {
    /// Text of the link.
    pub(crate) label: String,
    /// Target of the link.
    pub(crate) url: String,
    /// Whether a POST to it unsubscribes.
    pub(crate) one_click: bool,
}

/// The footer of one recipient's email.
pub(crate) fn footer(
    event: &AcceptedEvent,
    target: &Target,
    recipient: &str,
    brand: &Brand,
    keys: &UnsubscribeKeys,
) -> Footer {
    let base = brand.public_url.as_str().trim_end_matches('/');
    let page = |label: &str, path: &str| Footer {
        label: label.to_owned(),
        url: format!("{base}{path}"),
        one_click: false,
    };
    if &*event.event_type == RECEIPT {
        return page(
            "Change who gets compliance receipts",
            "/settings/notifications/compliance",
        );
    }
    if &*event.event_type == RECIPIENT_CONFIRMATION {
        return page(&format!("About {}", brand.name), "/");
    }
    let Some((subscription, label)) = subscription(event, target, recipient) else {
        return page("Change your notification settings", "/settings/notifications");
    };
    let token = keys.sign(&Unsubscribe {
        team: event.team_id,
        subscription,
    });
    Footer {
        label,
        url: format!("{base}/unsubscribe?token={token}"),
        one_click: true,
    }
}

fn subscription(event: &AcceptedEvent, target: &Target, recipient: &str) -> Option<(Subscription, String)> {
    // The caller of a test chooses the recipient, who is not subscribed by it; its link must change nothing.
    if event.test {
        return None;
    }
    match target {
        Target::Person { member, topic, .. } => {
            let topic: Topic = topic.parse().ok()?;
            let address = recipient.parse().ok()?;
            let label = format!("Unsubscribe from {}", topic_words(topic));
            Some((
                Subscription::Topic {
                    member: *member,
                    address,
                    topic,
                },
                label,
            ))
        }
        Target::Channel(channel)
        | Target::Address {
            channel: Some(channel),
            ..
        } => {
            let address = recipient.parse().ok()?;
            Some((
                Subscription::ChannelRecipient {
                    channel: *channel,
                    address,
                },
                "Unsubscribe".to_owned(),
            ))
        }
        // Besides receipts, only the digest goes to addresses that are no channel's, and only it comes rendered.
        Target::Address { channel: None, .. } if event.email.is_some() => {
            let address = recipient.parse().ok()?;
            Some((
                Subscription::DigestRecipient { address },
                "Unsubscribe from the weekly digest".to_owned(),
            ))
        }
        Target::Address { .. } | Target::Inbox | Target::Receipts => None,
    }
}

fn topic_words(topic: Topic) -> &'static str {
    match topic {
        Topic::AuditDelivered => "emails about delivered audits",
        Topic::AuditFailed => "emails about failed audits",
        Topic::AtlasAlerts => "emails about Atlas alerts",
        Topic::Findings => "emails about findings",
        Topic::Sla => "emails about SLAs",
        Topic::Compliance => "emails about compliance",
        Topic::Scans => "emails about scans",
        Topic::Exceptions => "emails about risk exceptions",
        Topic::Account => "emails about the account",
        Topic::WeeklyDigest => "the weekly digest",
        Topic::Marketing => "product news",
    }
}

#[cfg(test)]
mod tests {
    use watchbell_model::accepted_event::RenderedEmail;
    use watchbell_model::ids::{ChannelId, MemberId};
    use watchbell_model::secret::Secret;

    use super::*;
    use crate::senders::fixtures;

    fn keys() -> UnsubscribeKeys {
        UnsubscribeKeys::new([Secret::from("a key of many bytes")]).unwrap()
    }

    fn of(event: &AcceptedEvent, target: &Target) -> Footer {
        let brand = Brand {
            public_url: "https://bell.example.com/".parse().unwrap(),
            ..Brand::default()
        };
        footer(event, target, "ann@example.com", &brand, &keys())
    }

    fn address_of(channel: Option<ChannelId>) -> Target {
        Target::Address {
            address: "ann@example.com".to_owned(),
            channel,
        }
    }

    fn opened(footer: &Footer) -> Subscription {
        let token = footer
            .url
            .strip_prefix("https://bell.example.com/unsubscribe?token=")
            .unwrap();
        let what = keys().verify(token).unwrap();
        assert_eq!(what.team, fixtures::team());
        assert!(footer.one_click);
        what.subscription
    }

    #[test]
    fn a_members_link_stops_the_topic_of_the_email() {
        let member = MemberId::generate(fixtures::noon());
        for topic in Topic::ALL {
            let target = Target::Person {
                member,
                address: "ann@example.com".to_owned(),
                topic: topic.as_str().to_owned(),
                channel: None,
            };
            let footer = of(&fixtures::event("finding.created"), &target);
            assert_eq!(
                opened(&footer),
                Subscription::Topic {
                    member,
                    address: "ann@example.com".parse().unwrap(),
                    topic: *topic
                }
            );
            assert!(footer.label.starts_with("Unsubscribe from "));
        }
    }

    #[test]
    fn a_channels_recipient_and_a_digests_leave_the_list() {
        let channel = ChannelId::generate(fixtures::noon());
        let address = "ann@example.com".parse().unwrap();
        let footer = of(&fixtures::event("finding.created"), &address_of(Some(channel)));
        assert_eq!(
            opened(&footer),
            Subscription::ChannelRecipient { channel, address }
        );
        let email = RenderedEmail {
            subject: String::new(),
            text: String::new(),
            html: String::new(),
        };
        let digest = AcceptedEvent {
            email: Some(email),
            ..fixtures::event("digest.weekly")
        };
        let address = "ann@example.com".parse().unwrap();
        let footer = of(&digest, &address_of(None));
        assert_eq!(opened(&footer), Subscription::DigestRecipient { address });
    }

    #[test]
    fn a_test_has_no_link_that_could_be_undone() {
        let test = AcceptedEvent {
            test: true,
            ..fixtures::event("finding.created")
        };
        let footer = of(&test, &address_of(Some(ChannelId::generate(fixtures::noon()))));
        assert!(
            !footer.one_click && !footer.url.contains("token"),
            "{}",
            footer.url
        );
    }

    #[test]
    fn receipts_and_notices_have_a_page_and_no_one_click() {
        let receipt = fixtures::event("compliance.receipt.issued");
        let member = MemberId::generate(fixtures::noon());
        let owner = Target::Person {
            member,
            address: "ann@example.com".to_owned(),
            topic: String::new(),
            channel: None,
        };
        for target in [address_of(None), owner.clone()] {
            let footer = of(&receipt, &target);
            assert_eq!(
                footer.url,
                "https://bell.example.com/settings/notifications/compliance"
            );
            assert!(!footer.one_click);
        }
        let footer = of(&fixtures::event("channel.unhealthy"), &owner);
        assert_eq!(
            (footer.url.as_str(), footer.one_click),
            ("https://bell.example.com/settings/notifications", false)
        );
    }
}
