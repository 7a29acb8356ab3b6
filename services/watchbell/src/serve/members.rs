//! Where the keys of members' tokens come from: an identity provider's URL, through the egress guard like everything
//! that leaves the process, or a file.

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use watchbell_egress::{Guard, GuardedUrl, HttpClient};
use watchbell_model::clock::SharedClock;
use watchbell_runtime::auth::jwt::{FETCH_TIMEOUT, KeyFile, KeySource, MAX_KEY_SET, MemberTokens};
use watchbell_runtime::problem::Cause;
use watchbell_runtime::settings::{JwtSettings, SettingsError};

/// A key set at a URL.
struct KeyUrl {
    http: HttpClient,
    url: GuardedUrl,
}

/// Whoever checks the tokens that these settings describe.
///
/// # Errors
/// A URL that may not be reached, or a file without keys.
pub(super) async fn tokens(
    settings: &JwtSettings,
    guard: Guard,
    clock: SharedClock,
) -> Result<MemberTokens, SettingsError> {
    Ok(MemberTokens::new(settings, source(settings, guard).await?, clock))
}

pub(super) async fn source(
    settings: &JwtSettings,
    guard: Guard,
) -> Result<Arc<dyn KeySource>, SettingsError> {
    if let Some(path) = &settings.jwks_file {
        let file = KeyFile::open(path).await;
        let failed =
            |why: Cause| SettingsError::new("auth.jwt.jwks_file", format!("{}: {why}", path.display()));
        return Ok(Arc::new(file.map_err(failed)?));
    }
    let url = guard
        .check_url(settings.jwks_url.as_deref().unwrap_or_default())
        .map_err(|refusal| SettingsError::new("auth.jwt.jwks_url", refusal.to_string()))?;
    Ok(Arc::new(KeyUrl {
        http: HttpClient::new(guard),
        url,
    }))
}

#[async_trait]
impl KeySource for KeyUrl {
    async fn fetch(&self) -> Result<Vec<u8>, Cause> {
        let json = HeaderValue::from_static("application/json, application/jwk-set+json");
        let headers = HeaderMap::from_iter([(header::ACCEPT, json)]);
        let answer = self
            .http
            .get(&self.url, headers, FETCH_TIMEOUT, MAX_KEY_SET)
            .await;
        let answer = answer.map_err(|error| format!("{}: {error}", self.url))?;
        if answer.status != StatusCode::OK {
            return Err(format!("{} answered {}", self.url, answer.status.as_u16()).into());
        }
        if !answer.body_complete {
            let why = format!(
                "{} answered more than {MAX_KEY_SET} bytes, or broke off",
                self.url
            );
            return Err(why.into());
        }
        Ok(answer.body_prefix.to_vec())
    }
}
