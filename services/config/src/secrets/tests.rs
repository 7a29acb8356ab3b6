//! What leaves a channel, and what stays.

use chrono::TimeDelta;
use prost::Message as _;
use watchbell_contracts::config::v1::SlackDestination;

use super::*;

fn webhook(url: &str, header: &str) -> Channel {
    Channel {
        destination: Some(Destination::Webhook(WebhookDestination {
            url: url.to_owned(),
            headers: vec![HttpHeader {
                name: "X-Token".to_owned(),
                value: header.to_owned(),
            }],
            ..WebhookDestination::default()
        })),
        ..Channel::default()
    }
}

fn smtp(host: &str, password: &str) -> Channel {
    let server = SmtpServer {
        host: host.to_owned(),
        username: "u".to_owned(),
        password: password.to_owned(),
        ..SmtpServer::default()
    };
    Channel {
        destination: Some(Destination::Email(EmailDestination {
            smtp: Some(server),
            ..EmailDestination::default()
        })),
        ..Channel::default()
    }
}

/// The channel and its secrets after it was created.
fn created(mut channel: Channel) -> (Channel, Taken) {
    let taken = take(&mut channel, None).unwrap();
    (channel, taken)
}

fn updated(
    before: &(Channel, Taken),
    mut update: Channel,
) -> std::result::Result<(Channel, Taken), Violations> {
    let was = Before {
        channel: &before.0,
        secrets: &before.1.secrets,
    };
    let taken = take(&mut update, Some(&was))?;
    Ok((update, taken))
}

#[test]
fn nothing_secret_stays_in_a_channel() {
    for channel in [
        webhook("https://h.example/hook?token=s3cret", "s3cret"),
        smtp("mail.example", "s3cret"),
        Channel {
            destination: Some(Destination::Slack(SlackDestination {
                webhook_url: "https://hooks.slack.com/services/s3cret".to_owned(),
                ..SlackDestination::default()
            })),
            ..Channel::default()
        },
    ] {
        let (kept, taken) = created(channel);
        let carried = |message: Vec<u8>| String::from_utf8_lossy(&message).contains("s3cret");
        assert!(!carried(kept.encode_to_vec()), "{kept:?}");
        assert!(carried(taken.secrets.encode_to_vec()));
    }
}

#[test]
fn what_is_shown_of_a_url_is_its_host() {
    for (url, shown) in [
        (
            "https://Hooks.Example:8443/a/b?c#d",
            "https://hooks.example:8443/…",
        ),
        ("https://user:pw@h.example", "https://h.example/…"),
        ("nonsense", ""),
    ] {
        assert_eq!(masked(url), shown);
    }
}

#[test]
fn an_update_without_secrets_keeps_them() {
    let before = created(webhook("https://h.example/1", "t0ken"));
    let after = updated(&before, webhook("", "")).unwrap();
    assert_eq!(after.1.secrets, before.1.secrets);
    assert!(before.1.made.is_some() && after.1.made.is_none());
}

#[test]
fn a_header_is_not_sent_to_an_endpoint_it_was_not_given_for() {
    let before = created(webhook("https://h.example/1?a=1", "t0ken"));
    for same in ["https://h.example/1?a=1", "https://H.example:443/1?a=1#top", ""] {
        let after = updated(&before, webhook(same, "")).unwrap();
        assert_eq!(after.1.secrets.headers[0].value, "t0ken", "{same}");
    }
    for other in [
        "https://evil.example/1?a=1",
        "https://h.example/2?a=1",
        "https://h.example/1?a=2",
        "https://h.example:8443/1?a=1",
        "http://h.example/1?a=1",
    ] {
        let violations = updated(&before, webhook(other, "")).violated();
        assert_eq!(violations, ["webhook.headers[0].value"], "{other}");
        assert!(updated(&before, webhook(other, "other")).is_ok());
    }
}

#[test]
fn a_header_that_a_preset_or_a_body_needs_is_not_empty() {
    let with = |preset: &str, body: &str, name: &str, value: &str| {
        let mut channel = webhook("https://h.example/1", value);
        if let Some(Destination::Webhook(webhook)) = &mut channel.destination {
            (webhook.preset, webhook.body) = (preset.to_owned(), body.to_owned());
            webhook.headers[0].name = name.to_owned();
        }
        channel
    };
    let wrong = |mut channel: Channel| match take(&mut channel, None) {
        Ok(_) => vec![],
        Err(violations) => violations
            .iter()
            .map(|one| format!("{} {}", one.field, one.description))
            .collect(),
    };
    let key = "x-routing-key";
    for value in ["", "  "] {
        assert_eq!(
            wrong(with("pagerduty", "", key, value)),
            ["webhook.headers[0].value must not be empty, since the preset pagerduty needs it"]
        );
    }
    for body in [
        r#"{"key": "${headers['x-token']}"}"#,
        r#"{"key": "${headers[\"x-token\"]}"}"#,
    ] {
        assert_eq!(
            wrong(with("", body, "X-Token", "")),
            ["webhook.headers[0].value must not be empty, since the body needs it"]
        );
    }
    assert_eq!(wrong(with("pagerduty", "", key, "0123")), Vec::<String>::new());
    assert_eq!(
        wrong(with("discord", "", "X-Note", "")),
        Vec::<String>::new(),
        "nothing needs it"
    );
    // An update keeps what is kept.
    let before = created(with("pagerduty", "", key, "0123"));
    assert!(updated(&before, with("pagerduty", "", key, "")).is_ok());
}

#[test]
fn a_password_is_not_sent_to_a_server_it_was_not_given_for() {
    let before = created(smtp("mail.example", "hunter2"));
    assert_eq!(
        updated(&before, smtp("mail.example", ""))
            .unwrap()
            .1
            .secrets
            .smtp_password,
        "hunter2"
    );
    assert_eq!(
        updated(&before, smtp("evil.example", "")).violated(),
        ["email.smtp.password"]
    );
    let mut plain = smtp("mail.example", "");
    if let Some(Destination::Email(EmailDestination {
        smtp: Some(server), ..
    })) = &mut plain.destination
    {
        server.security = 4;
    }
    assert!(updated(&before, plain).is_err(), "less protection is another way");
}

#[test]
fn a_rotation_keeps_the_old_secret_for_the_overlap_and_never_three() {
    let now = DateTime::UNIX_EPOCH;
    let (_, mut taken) = created(webhook("https://h.example", ""));
    let first = taken.made.clone().unwrap();
    let signing = |secrets: &ChannelSecrets, at| -> Vec<String> {
        live(secrets.clone(), at)
            .signing_secrets
            .into_iter()
            .map(|secret| secret.secret)
            .collect()
    };
    let (second, third) = (Secret::from("second-secret"), Secret::from("third-secret"));
    let hour = now + TimeDelta::hours(1);
    let secrets = &mut taken.secrets;
    assert_eq!(rotate(secrets, &second, now, hour), Rotation::Begun);
    assert_eq!(signing(secrets, now), ["second-secret", &first]);

    assert_eq!(
        rotate(secrets, &second, now, now + TimeDelta::hours(5)),
        Rotation::Unchanged
    );
    assert_eq!(
        rotate(secrets, &third, now, now + TimeDelta::hours(2)),
        Rotation::Running(hour)
    );
    assert_eq!(
        signing(secrets, now),
        ["second-secret", &first],
        "the first lives as promised"
    );
    assert_eq!(signing(secrets, hour), ["second-secret"]);

    let mut back = secrets.clone();
    assert_eq!(
        rotate(&mut back, &Secret::from(first.as_str()), now, hour),
        Rotation::Begun
    );
    assert_eq!(signing(&back, now), [first.as_str(), "second-secret"]);

    let mut leaked = secrets.clone();
    assert_eq!(rotate(&mut leaked, &third, now, now), Rotation::Begun);
    assert_eq!(
        signing(&leaked, now),
        ["third-secret"],
        "no overlap ends all others at once"
    );

    assert_eq!(
        rotate(secrets, &third, hour, hour + TimeDelta::hours(1)),
        Rotation::Begun
    );
    assert_eq!(signing(secrets, hour), ["third-secret", "second-secret"]);
}

#[test]
fn a_signing_secret_given_again_goes_on_signing_with_the_one_before_it() {
    let mut before = created(webhook("https://h.example", ""));
    let now = DateTime::UNIX_EPOCH;
    rotate(
        &mut before.1.secrets,
        &Secret::from("second-secret"),
        now,
        now + TimeDelta::hours(1),
    );
    let mut again = webhook("", "");
    if let Some(Destination::Webhook(webhook)) = &mut again.destination {
        webhook.signing_secret = "second-secret".to_owned();
    }
    let after = updated(&before, again).unwrap();
    assert_eq!(after.1.secrets.signing_secrets, before.1.secrets.signing_secrets);
}

#[test]
fn ed25519_keys_are_made_once_and_belong_together() {
    let mut channel = webhook("https://h.example", "");
    if let Some(Destination::Webhook(webhook)) = &mut channel.destination {
        webhook.sign_ed25519 = true;
    }
    let before = created(channel.clone());
    let after = updated(&before, channel).unwrap();
    let private = &before.1.secrets.ed25519_private_key;
    assert_eq!(private, &after.1.secrets.ed25519_private_key);
    let bytes = STANDARD.decode(private.strip_prefix("whsk_").unwrap()).unwrap();
    assert!(Ed25519KeyPair::from_seed_and_public_key(&bytes[..32], &bytes[32..]).is_ok());
    let Some(Destination::Webhook(shown)) = after.0.destination else {
        panic!("a webhook")
    };
    assert_eq!(
        shown.ed25519_public_key,
        format!("whpk_{}", STANDARD.encode(&bytes[32..]))
    );
}

/// The fields of the violations there must be.
trait Fields {
    fn violated(self) -> Vec<String>;
}

impl<T> Fields for std::result::Result<T, Violations> {
    fn violated(self) -> Vec<String> {
        let violations = self.err().unwrap_or_default();
        violations
            .iter()
            .map(|violation| violation.field.clone())
            .collect()
    }
}
