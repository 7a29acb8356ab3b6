//! Claims of a token, and the member that they identify. Pure: the signature was verified before.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use watchbell_model::vocabulary::{Permission, Role};

use super::TokenError;
use crate::auth::{Grant, Principal};
use crate::settings::{ClaimNames, JwtSettings};

/// How far the provider's clock and this one may be apart.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);

/// Expected claims, from the settings.
#[derive(Debug)]
pub(super) struct Rules {
    issuer: String,
    audience: String,
    names: ClaimNames,
}

// === impl Rules ===

impl Rules {
    pub(super) fn new(settings: &JwtSettings) -> Self {
        Self {
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            names: settings.claims.clone(),
        }
    }

    /// The member of a token, and its expiry.
    pub(super) fn judge(&self, claims: &Map<String, Value>, now: DateTime<Utc>) -> Result<Grant, TokenError> {
        let expires_at = times(claims, now)?;
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(TokenError::Claim("iss"));
        }
        if !claims.get("aud").is_some_and(|aud| names(aud, &self.audience)) {
            return Err(TokenError::Claim("aud"));
        }
        let role = word(claims, &self.names.role, "role")?;
        Ok(Grant {
            principal: Principal::Member {
                member_id: word(claims, &self.names.member_id, "member_id")?,
                team_id: word(claims, &self.names.team_id, "team_id")?,
                role,
                manages_integrations: self.allows(claims, role, Permission::ManageIntegrations)?,
                session: None,
            },
            expires_at,
        })
    }

    /// By role or by grant. Permissions that are not Watchbell's are no fault: the list may be shared with others.
    fn allows(
        &self,
        claims: &Map<String, Value>,
        role: Role,
        wanted: Permission,
    ) -> Result<bool, TokenError> {
        let granted = match claims.get(&self.names.permissions) {
            None => &[],
            Some(Value::Array(granted)) => granted.as_slice(),
            Some(_) => return Err(TokenError::Claim("permissions")),
        };
        let granted = granted
            .iter()
            .map(|word| word.as_str().ok_or(TokenError::Claim("permissions")))
            .collect::<Result<Vec<_>, _>>()?;
        let is_granted = granted.into_iter().any(|word| word.parse() == Ok(wanted));
        Ok(is_granted || role.permissions().contains(&wanted))
    }
}

/// RFC 7519 §4.1.4 to §4.1.6. The moment from which on the token is refused; `None` when no calendar has it.
fn times(claims: &Map<String, Value>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, TokenError> {
    let seconds = |at: DateTime<Utc>| at.timestamp_micros() as f64 / 1e6;
    let date = |name| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(TokenError::Claim(name)),
    };
    let exp = date("exp")?.ok_or(TokenError::Claim("exp"))?;
    if exp <= seconds(now - LEEWAY) {
        return Err(TokenError::Expired);
    }
    for name in ["nbf", "iat"] {
        if date(name)?.is_some_and(|from| from > seconds(now + LEEWAY)) {
            return Err(TokenError::TooEarly);
        }
    }
    let milliseconds = (exp * 1e3).ceil() as i64;
    Ok(DateTime::from_timestamp_millis(milliseconds).and_then(|exp| exp.checked_add_signed(LEEWAY)))
}

/// Whether an audience, one or a list of them (RFC 7519 §4.1.3), names this one.
fn names(audience: &Value, ours: &str) -> bool {
    match audience {
        Value::String(one) => one == ours,
        Value::Array(many) => many.iter().all(Value::is_string) && many.iter().any(|one| one == ours),
        _ => false,
    }
}

fn word<T: std::str::FromStr>(
    claims: &Map<String, Value>,
    name: &str,
    setting: &'static str,
) -> Result<T, TokenError> {
    let text = claims.get(name).and_then(Value::as_str);
    text.and_then(|text| text.parse().ok())
        .ok_or(TokenError::Claim(setting))
}
