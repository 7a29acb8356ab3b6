//! Recipients who confirm that they want a team's emails. The token of the link is its own proof, as of those to
//! unsubscribe.

use watchbell_contracts::config::v1::{
    ConfirmRecipientRequest, ConfirmRecipientResponse, InspectRecipientConfirmationRequest,
    InspectRecipientConfirmationResponse, ResendRecipientConfirmationRequest,
    ResendRecipientConfirmationResponse,
};
use watchbell_model::EmailAddress;
use watchbell_model::confirmation::Confirmation;
use watchbell_model::violation::{Violations, reason};
use watchbell_runtime::problem::Problem;

use super::Anyone;
use crate::author::Writer;
use crate::confirmations;
use crate::error::{Error, Result};
use crate::service::Service;

pub(super) async fn inspect(
    service: &Service,
    _caller: Anyone,
    request: InspectRecipientConfirmationRequest,
) -> Result<InspectRecipientConfirmationResponse> {
    let confirmation = verified(service, &request.token)?;
    let asked = confirmations::inspect(service.store().reader(), &confirmation, service.now()).await?;
    Ok(InspectRecipientConfirmationResponse {
        team_display_name: asked.team_name,
        masked_address: confirmation.address.masked(),
        confirmed: asked.confirmed,
        outdated: asked.outdated,
    })
}

pub(super) async fn confirm(
    service: &Service,
    caller: Anyone,
    request: ConfirmRecipientRequest,
) -> Result<ConfirmRecipientResponse> {
    let confirmation = verified(service, &request.token)?;
    let address = confirmation.address.to_string();
    let author = caller.0.by_link(String::new(), address);
    match confirmations::confirm(service, &confirmation, author).await {
        Ok(confirmed) => Ok(ConfirmRecipientResponse { confirmed }),
        // The team is gone.
        Err(Error::Problem(Problem::NotFound { .. })) => Ok(ConfirmRecipientResponse::default()),
        Err(error) => Err(error),
    }
}

pub(super) async fn resend(
    service: &Service,
    caller: Writer,
    request: ResendRecipientConfirmationRequest,
) -> Result<ResendRecipientConfirmationResponse> {
    let team = caller.team(&request.team_id)?;
    let mut violations = Violations::new();
    let address = violations.parse::<EmailAddress>("address", reason::MALFORMED, &request.address);
    let Some(address) = address else {
        return Err(violations.into());
    };
    Ok(ResendRecipientConfirmationResponse {
        recipient: Some(confirmations::resend(service, team, &address, &caller).await?),
    })
}

fn verified(service: &Service, token: &str) -> Result<Confirmation> {
    service
        .unsubscribe_keys()
        .and_then(|keys| Confirmation::verify(keys, token).ok())
        .ok_or_else(|| Problem::invalid("token", reason::MALFORMED, "the link is not valid").into())
}
