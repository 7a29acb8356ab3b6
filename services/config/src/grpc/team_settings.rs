//! Settings of a team as a whole: recipients of receipts, and the digest.

use prost::Message;
use watchbell_contracts::config::v1::{
    DigestSettings, GetComplianceRecipientsRequest, GetComplianceRecipientsResponse,
    GetDigestSettingsRequest, GetDigestSettingsResponse, UpdateComplianceRecipientsRequest,
    UpdateComplianceRecipientsResponse, UpdateDigestSettingsRequest, UpdateDigestSettingsResponse,
};
use watchbell_model::digest_settings;
use watchbell_runtime::auth::Principal;

use super::{checked, existing, required};
use crate::author::Writer;
use crate::confirmations::{self, Listed};
use crate::error::Result;
use crate::service::Service;
use crate::store::teams;
use crate::{check, etag, mask};

pub(super) async fn get_recipients(
    service: &Service,
    caller: Principal,
    request: GetComplianceRecipientsRequest,
) -> Result<GetComplianceRecipientsResponse> {
    let team = existing(service, &caller, &request.team_id).await?;
    teams::get(service.store().reader(), team).await?;
    let settings = teams::settings(service.store().reader(), team).await?;
    Ok(GetComplianceRecipientsResponse {
        recipients: settings.recipients(),
    })
}

pub(super) async fn update_recipients(
    service: &Service,
    caller: Writer,
    request: UpdateComplianceRecipientsRequest,
) -> Result<UpdateComplianceRecipientsResponse> {
    let team = caller.team(&request.team_id)?;
    let recipients = check::compliance_recipients(&request.recipients, "recipients")?;
    let change = service.change(team, &caller).await?;
    let before = Listed::read(change.connection(), team).await?;
    let mut settings = teams::settings(change.connection(), team).await?;
    settings.compliance_recipients = recipients.join("\n");
    teams::put_settings(change.connection(), settings).await?;
    confirmations::ask_new(service, &change, &before).await?;
    service.finish(change, false).await?;
    Ok(UpdateComplianceRecipientsResponse { recipients })
}

pub(super) async fn get_digest(
    service: &Service,
    caller: Principal,
    request: GetDigestSettingsRequest,
) -> Result<GetDigestSettingsResponse> {
    let team = existing(service, &caller, &request.team_id).await?;
    teams::get(service.store().reader(), team).await?;
    let settings = teams::settings(service.store().reader(), team).await?;
    Ok(GetDigestSettingsResponse {
        settings: Some(settings.digest()?),
    })
}

pub(super) async fn update_digest(
    service: &Service,
    caller: Writer,
    request: UpdateDigestSettingsRequest,
) -> Result<UpdateDigestSettingsResponse> {
    let team = caller.team(&request.team_id)?;
    let update = required(request.settings, "settings")?;
    let change = service.change(team, &caller).await?;
    let mut row = teams::settings(change.connection(), team).await?;
    etag::check(&update.etag, row.digest_version, "digest settings", team)?;
    let merged = mask::merge(
        "watchbell.config.v1.DigestSettings",
        &row.digest()?,
        &update,
        request.update_mask.as_ref(),
    )?;
    let digest = checked("settings", digest_settings::DigestSettings::try_from(&merged))?;
    let before = Listed::read(change.connection(), team).await?;
    row.digest = DigestSettings::from(&digest).encode_to_vec();
    row.digest_version += 1;
    let settings = row.digest()?;
    teams::put_settings(change.connection(), row).await?;
    confirmations::ask_new(service, &change, &before).await?;
    service.finish(change, false).await?;
    Ok(UpdateDigestSettingsResponse {
        settings: Some(settings),
    })
}
