//! `status`: one line for each kind of channel.

use watchbell_contracts::config::v1::{GetIntegrationStatusRequest, GetIntegrationStatusResponse};

use crate::failure::Outcome;
use crate::session::Session;
use crate::text::{self, Table};

pub(super) async fn run(session: &Session) -> Outcome {
    let out = session.out;
    let request = GetIntegrationStatusRequest {
        team_id: session.team(),
    };
    let answer: GetIntegrationStatusResponse = session
        .teams()
        .get_integration_status(session.ask(request))
        .await?
        .into_inner();
    let names = if out.json {
        Default::default()
    } else {
        session.channel_names().await
    };
    out.show(
        "watchbell.config.v1.GetIntegrationStatusResponse",
        &answer,
        || {
            let now = session.now();
            let mut table = Table::new(&[
                "KIND",
                "HEALTH",
                "CHANNELS",
                "DEFAULT",
                "LAST DELIVERED",
                "OLDEST WAITING",
                "LAST ERROR",
            ]);
            for status in &answer.integrations {
                let health = if status.configured {
                    out.style.state(&text::health(status.health))
                } else {
                    out.style.faint("not set up")
                };
                let count = match status.unhealthy_count {
                    0 => status.channel_count.to_string(),
                    unhealthy => format!("{} ({unhealthy} unhealthy)", status.channel_count),
                };
                table.row([
                    text::kind(status.kind),
                    health,
                    count,
                    names
                        .get(&status.default_channel_id)
                        .unwrap_or(&status.default_channel_id)
                        .clone(),
                    text::ago(status.last_success_time.as_ref(), now),
                    text::ago(status.oldest_waiting_time.as_ref(), now),
                    status.last_error.clone(),
                ]);
            }
            table.render(out.style, out.width, "nothing is set up")
        },
    )
}
