//! `Debug` of messages that hold secrets, which `build.rs` writes: it shows whether a secret is there, and not the secret.

#[cfg(test)]
mod fields;

use std::fmt;

include!(concat!(env!("OUT_DIR"), "/redacted.rs"));

/// A field in the place of its value.
enum Redacted {
    Empty,
    Secret,
}

// === impl Redacted ===

impl Redacted {
    fn of(text: &str) -> Self {
        if text.is_empty() {
            Self::Empty
        } else {
            Self::Secret
        }
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "\"\"",
            Self::Secret => "[secret]",
        })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::FileDescriptorSet;
    use prost_types::field_descriptor_proto::Type;

    use super::fields::FIELDS;
    use crate::FILE_DESCRIPTOR_SET;
    use crate::config::v1::channel::Destination;
    use crate::config::v1::{Channel, CreateChannelRequest, HttpHeader, WebhookDestination};

    /// Parts of the names of fields that hold secrets, or could.
    const SUSPICIOUS: [&str; 9] = [
        "secret",
        "token",
        "password",
        "key",
        "url",
        "credential",
        "document",
        "state",
        "code",
    ];
    /// Texts that may be seen although they are called so.
    const HARMLESS: [&str; 29] = [
        "api_key_id",
        "key_id",
        "configuration_url",
        "dedup_key",
        "error_code",
        "ed25519_public_key",
        "masked_url",
        "masked_webhook_url",
        "next_page_token",
        "page_token",
        "state_message",
        "watchbell.config.v1.AlertSpec.key",
        "watchbell.config.v1.AuthenticateRequest.key_sha256",
        "watchbell.config.v1.ExportTeamConfigResponse.document",
        "watchbell.dispatcher.v1.AcknowledgeAlertRequest.key",
        "watchbell.dispatcher.v1.Alert.key",
        "watchbell.dispatcher.v1.Alert.url",
        "watchbell.dispatcher.v1.AlertStatus.key",
        "watchbell.dispatcher.v1.Folded.alert_key",
        "watchbell.dispatcher.v1.GetAlertRequest.key",
        "watchbell.dispatcher.v1.Notification.url",
        "watchbell.dispatcher.v1.ResolveAlertRequest.key",
        "watchbell.dispatcher.v1.SnoozeAlertRequest.key",
        "watchbell.dispatcher.v1.TableRows.keys",
        "watchbell.event.v1.Event.url",
        "watchbell.event.v1.EventAlert.key",
        "watchbell.event.v1.Reason.code",
        "watchbell.event.v1.RouteGroup.key",
        "watchbell.router.v1.ExplainedAlert.key",
    ];

    #[test]
    fn every_field_that_may_hold_a_secret_is_redacted() {
        let files = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap().file;
        let files = files
            .iter()
            .filter(|file| file.package().starts_with("watchbell."));
        let mut redacted = 0;
        let mut shown = Vec::new();
        for (package, message) in
            files.flat_map(|file| file.message_type.iter().map(|message| (file.package(), message)))
        {
            let name = format!("{package}.{}", message.name());
            let fields = FIELDS.iter().find(|(known, _)| *known == name);
            let fields = fields.map_or(&[][..], |(_, fields)| fields);
            for field in &message.field {
                if fields.contains(&field.name()) {
                    redacted += 1;
                    continue;
                }
                let is_text = matches!(field.r#type(), Type::String | Type::Bytes);
                let full = format!("{name}.{}", field.name());
                let is_harmless = HARMLESS
                    .iter()
                    .any(|harmless| *harmless == field.name() || *harmless == full);
                let is_suspicious = SUSPICIOUS.iter().any(|part| field.name().contains(part));
                if is_text && is_suspicious && !is_harmless {
                    shown.push(full);
                }
            }
        }
        assert_eq!(shown, [""; 0], "they may hold secrets");
        assert_eq!(
            redacted,
            FIELDS.iter().map(|(_, fields)| fields.len()).sum::<usize>()
        );
    }

    #[test]
    fn a_message_shows_its_secrets_to_nobody() {
        let webhook = WebhookDestination {
            url: "https://hooks.example/s3cret".to_owned(),
            masked_url: "https://hooks.example/…".to_owned(),
            headers: vec![HttpHeader {
                name: "x-token".to_owned(),
                value: "s3cret".to_owned(),
            }],
            ..WebhookDestination::default()
        };
        let request = CreateChannelRequest {
            channel: Some(Channel {
                destination: Some(Destination::Webhook(webhook)),
                ..Channel::default()
            }),
            ..CreateChannelRequest::default()
        };
        let shown = format!("{request:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        for seen in [
            "url: [secret]",
            "masked_url: \"https://hooks.example/…\"",
            "signing_secret: \"\"",
            "name: \"x-token\"",
        ] {
            assert!(shown.contains(seen), "{shown}");
        }
    }
}
