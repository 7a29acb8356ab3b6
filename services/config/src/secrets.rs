//! A channel's secrets apart from the channel. Whoever writes a channel gives them inside of its destination; here
//! they are taken out before anything is stored, and what may be shown in their place is put in: a host and a mask,
//! or that there is one. A secret left empty in an update is kept, but never for another URL, server or user than the one
//! it was given for: who may change an address must not learn by that what is sent there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use prost::Message;
use ring::signature::{Ed25519KeyPair, KeyPair};
use watchbell_contracts::config::v1::channel::Destination;
use watchbell_contracts::config::v1::{
    Channel, ChannelSecrets, EmailDestination, HttpHeader, SigningSecret as WireSecret, SmtpServer,
    WebhookDestination,
};
use watchbell_model::channel::needs_header;
use watchbell_model::convert::{instant, timestamp};
use watchbell_model::secret::Secret;
use watchbell_model::signature::SigningSecret;
use watchbell_model::violation::{Violations, reason};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::sealing::{Keyring, RowIdentity};

/// The channel before an update, and its secrets.
pub(crate) struct Before<'a> {
    pub(crate) channel: &'a Channel,
    pub(crate) secrets: &'a ChannelSecrets,
}

/// The secrets of a channel, taken out of it by [`take`].
pub(crate) struct Taken {
    /// To seal.
    pub(crate) secrets: ChannelSecrets,
    /// A signing secret that was made here, to show once.
    pub(crate) made: Option<String>,
}

/// Opens a channel's secrets.
///
/// # Errors
/// When they were sealed with a key that is gone, altered, or belong to another row.
pub(crate) fn open(keyring: &Keyring, row: RowIdentity, sealed: &[u8]) -> Result<ChannelSecrets> {
    let plain = keyring.open(row, sealed)?;
    ChannelSecrets::decode(&plain[..]).map_err(|err| Error::corrupt("channels", err))
}

/// Seals a channel's secrets.
///
/// # Errors
/// See [`Keyring::seal`].
pub(crate) fn seal(keyring: &Keyring, row: RowIdentity, secrets: &ChannelSecrets) -> Result<Vec<u8>> {
    Ok(keyring.seal(row, &Zeroizing::new(secrets.encode_to_vec()))?)
}

/// Takes the secrets out of a checked channel.
///
/// # Errors
/// A secret that must be given, with paths below the channel.
pub(crate) fn take(
    channel: &mut Channel,
    before: Option<&Before<'_>>,
) -> std::result::Result<Taken, Violations> {
    let kept = before.map(|before| before.secrets);
    let mut made = None;
    let secrets = match channel.destination.as_mut() {
        Some(Destination::Slack(slack)) => {
            let url = url(&mut slack.webhook_url, kept, "slack.webhook_url")?;
            slack.masked_webhook_url = masked(&url);
            // Output only: as they were.
            let was = match before.and_then(|before| before.channel.destination.as_ref()) {
                Some(Destination::Slack(was)) => was.clone(),
                _ => Default::default(),
            };
            (slack.workspace, slack.configuration_url) = (was.workspace, was.configuration_url);
            (slack.workspace_id, slack.slack_channel_id) = (was.workspace_id, was.slack_channel_id);
            ChannelSecrets {
                url,
                ..ChannelSecrets::default()
            }
        }
        Some(Destination::Teams(teams)) => {
            let url = url(&mut teams.webhook_url, kept, "teams.webhook_url")?;
            teams.masked_webhook_url = masked(&url);
            ChannelSecrets {
                url,
                ..ChannelSecrets::default()
            }
        }
        Some(Destination::Email(email)) => {
            let smtp_password = password(email, before).map_err(|missing| missing.under("email.smtp"))?;
            ChannelSecrets {
                smtp_password,
                ..ChannelSecrets::default()
            }
        }
        Some(Destination::Webhook(webhook)) => {
            let (secrets, generated) =
                webhook_secrets(webhook, before).map_err(|missing| missing.under("webhook"))?;
            made = generated;
            secrets
        }
        Some(Destination::InApp(_)) | None => ChannelSecrets::default(),
    };
    Ok(Taken { secrets, made })
}

fn url(
    given: &mut String,
    kept: Option<&ChannelSecrets>,
    field: &str,
) -> std::result::Result<String, Violations> {
    let given = std::mem::take(given);
    let url = if given.is_empty() {
        kept.map(|kept| kept.url.clone()).unwrap_or_default()
    } else {
        given
    };
    if url.is_empty() {
        return Err(Violations::one(field, reason::REQUIRED, "must be given"));
    }
    Ok(url)
}

fn password(
    email: &mut EmailDestination,
    before: Option<&Before<'_>>,
) -> std::result::Result<String, Violations> {
    let Some(server) = &mut email.smtp else {
        return Ok(String::new());
    };
    let given = std::mem::take(&mut server.password);
    let kept = before
        .map(|before| before.secrets.smtp_password.clone())
        .unwrap_or_default();
    let password = if server.username.is_empty() {
        String::new()
    } else if !given.is_empty() || kept.is_empty() {
        given
    } else if before
        .and_then(smtp_before)
        .is_some_and(|was| same_login(was, server))
    {
        kept
    } else {
        return Err(Violations::one(
            "password",
            reason::REQUIRED,
            "must be given again, since the server or the user has changed",
        ));
    };
    server.has_password = !password.is_empty();
    Ok(password)
}

fn smtp_before<'a>(before: &Before<'a>) -> Option<&'a SmtpServer> {
    match &before.channel.destination {
        Some(Destination::Email(email)) => email.smtp.as_ref(),
        _ => None,
    }
}

/// Whether a password goes to the same server, as the same user, protected as well on the way.
fn same_login(was: &SmtpServer, now: &SmtpServer) -> bool {
    (&was.host, was.port, &was.username, was.security) == (&now.host, now.port, &now.username, now.security)
}

fn webhook_secrets(
    webhook: &mut WebhookDestination,
    before: Option<&Before<'_>>,
) -> std::result::Result<(ChannelSecrets, Option<String>), Violations> {
    let kept = before.map(|before| before.secrets);
    let mut violations = Violations::new();
    let url = violations
        .take(url(&mut webhook.url, kept, "url"))
        .unwrap_or_default();
    webhook.masked_url = masked(&url);
    let same_endpoint = kept.is_some_and(|kept| is_same_endpoint(&kept.url, &url));

    let needed: Vec<_> = webhook
        .headers
        .iter()
        .map(|header| needs_header(webhook, &header.name))
        .collect();
    let mut headers = Vec::new();
    for (index, header) in webhook.headers.iter_mut().enumerate() {
        let given = std::mem::take(&mut header.value);
        let was = kept.and_then(|kept| {
            kept.headers
                .iter()
                .find(|was| was.name.eq_ignore_ascii_case(&header.name))
                .map(|was| &was.value)
        });
        let value = match was {
            Some(was) if given.is_empty() && same_endpoint => was.clone(),
            Some(was) if given.is_empty() && !was.is_empty() => {
                violations.add(
                    format!("headers[{index}].value"),
                    reason::REQUIRED,
                    "must be given again, since the URL has changed",
                );
                continue;
            }
            _ => given,
        };
        if value.trim().is_empty()
            && let Some(user) = needed.get(index).and_then(Option::as_ref)
        {
            violations.add(
                format!("headers[{index}].value"),
                reason::REQUIRED,
                format!("must not be empty, since {user} needs it"),
            );
        }
        headers.push(HttpHeader {
            name: header.name.clone(),
            value,
        });
    }

    let given = Secret::new(std::mem::take(&mut webhook.signing_secret));
    let mut made = None;
    let signing_secrets = match (given.is_empty(), kept) {
        (true, Some(kept)) if !kept.signing_secrets.is_empty() => kept.signing_secrets.clone(),
        // The one that signs already changes nothing: a rotation goes on.
        (false, Some(kept)) if signs_first(kept, &given) => kept.signing_secrets.clone(),
        (true, _) => {
            let secret = generate_signing_secret();
            made = Some(secret.clone());
            vec![WireSecret {
                secret,
                expire_time: None,
            }]
        }
        (false, _) => {
            violations.take_under("signing_secret", SigningSecret::parse(given.clone()));
            vec![WireSecret {
                secret: given.expose().to_owned(),
                expire_time: None,
            }]
        }
    };

    let ed25519_private_key = if webhook.sign_ed25519 {
        let kept = kept
            .map(|kept| kept.ed25519_private_key.as_str())
            .filter(|kept| !kept.is_empty());
        let (private, public) = ed25519_keys(kept);
        webhook.ed25519_public_key = public;
        private
    } else {
        webhook.ed25519_public_key = String::new();
        String::new()
    };
    webhook.live_secret_count = 0;
    let secrets = ChannelSecrets {
        url,
        signing_secrets,
        headers,
        ed25519_private_key,
        ..Default::default()
    };
    violations.into_result((secrets, made))
}

/// A new `whsec_…`.
pub(crate) fn generate_signing_secret() -> String {
    SigningSecret::generate(rand::random())
        .secret()
        .expose()
        .to_owned()
}

/// The result of a rotation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// The new secret is in place, and the one before it signs until then.
    Begun,
    /// The secret given is the present one; nothing changes.
    Unchanged,
    /// Refused: a rotation runs until then, and a third secret would end it early.
    Running(DateTime<Utc>),
}

/// Puts a new signing secret before the present one, which signs until `until`. At most two secrets sign, and each for as
/// long as it was promised: while a rotation runs, its two secrets may change places, and a third one is taken only with
/// an `until` that is not after `now`, which ends all others at once.
pub(crate) fn rotate(
    secrets: &mut ChannelSecrets,
    new: &Secret,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Rotation {
    if signs_first(secrets, new) {
        return Rotation::Unchanged;
    }
    *secrets = live(std::mem::take(secrets), now);
    let third = |old: &&WireSecret| old.secret != new.expose();
    if let Some(old) = secrets.signing_secrets.get(1).filter(third)
        && until > now
    {
        let end = instant(old.expire_time.as_ref(), "expire_time", &mut Violations::new());
        return Rotation::Running(end.unwrap_or(now));
    }
    secrets.signing_secrets.truncate(usize::from(until > now));
    for old in &mut secrets.signing_secrets {
        old.expire_time = Some(timestamp(until));
    }
    let new = WireSecret {
        secret: new.expose().to_owned(),
        expire_time: None,
    };
    secrets.signing_secrets.insert(0, new);
    Rotation::Begun
}

fn signs_first(secrets: &ChannelSecrets, secret: &Secret) -> bool {
    let first = secrets.signing_secrets.first();
    first.is_some_and(|first| Secret::from(first.secret.as_str()) == *secret)
}

/// The secrets without signing secrets whose time is over.
pub(crate) fn live(mut secrets: ChannelSecrets, now: DateTime<Utc>) -> ChannelSecrets {
    let now = timestamp(now);
    secrets.signing_secrets.retain(|secret| {
        secret
            .expire_time
            .is_none_or(|end| (end.seconds, end.nanos) > (now.seconds, now.nanos))
    });
    secrets
}

/// A pair of Ed25519 keys in the form of Standard Webhooks: `whsk_` and base64 of the seed and the public key, `whpk_`
/// and base64 of the public key. The one that is there already, or a new one.
fn ed25519_keys(kept: Option<&str>) -> (String, String) {
    let stored = kept
        .and_then(|kept| STANDARD.decode(kept.strip_prefix("whsk_")?).ok())
        .map(Zeroizing::new)
        .and_then(|bytes| bytes.first_chunk::<32>().copied());
    let seed = Zeroizing::new(stored.unwrap_or_else(rand::random::<[u8; 32]>));
    // A seed of 32 bytes is always taken.
    let public = match Ed25519KeyPair::from_seed_unchecked(&seed[..]) {
        Ok(pair) => pair.public_key().as_ref().to_vec(),
        Err(_) => Vec::new(),
    };
    let private = Zeroizing::new([&seed[..], &public].concat());
    (
        format!("whsk_{}", STANDARD.encode(&private[..])),
        format!("whpk_{}", STANDARD.encode(&public)),
    )
}

/// Whether two URLs lead to one endpoint; a fragment is not sent.
fn is_same_endpoint(was: &str, now: &str) -> bool {
    let endpoint = |text: &str| {
        let mut url = url::Url::parse(text).ok()?;
        url.set_fragment(None);
        Some(url)
    };
    was == now || endpoint(was).is_some_and(|was| Some(was) == endpoint(now))
}

/// The scheme and host of a URL, the rest masked.
fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return String::new();
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!(
        "{}://{}/…",
        scheme.to_ascii_lowercase(),
        host.to_ascii_lowercase()
    )
}

#[cfg(test)]
mod tests;
