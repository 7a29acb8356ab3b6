//! `digest`: the weekly summary, its runs and its settings.

use clap::Subcommand;
use watchbell_contracts::config::v1::{
    DigestSettings, GetDigestSettingsRequest, UpdateDigestSettingsRequest,
};
use watchbell_contracts::digest::v1::{
    DigestRun, DigestRunState, ListDigestRunsRequest, ListDigestRunsResponse, PreviewDigestRequest,
    SendDigestRequest,
};

use super::mask;
use crate::failure::{Outcome, present};
use crate::input;
use crate::session::Session;
use crate::text::{self, Style, Table};

/// The weekly digest.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The digest of the last whole week, rendered and not sent
    Preview {
        /// The HTML part instead of the text
        #[arg(long)]
        html: bool,
    },
    /// Send the digest of the last whole week now, if it has not been sent
    Send,
    /// Digests that were made, newest first
    Runs {
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = input::limit)]
        limit: usize,
    },
    /// When it goes out and to whom; changes what is given
    Settings {
        /// Five fields of cron in the team's zone, such as '0 9 * * MON'
        #[arg(long)]
        cron: Option<String>,
        /// Who gets it; the Owners when never set
        #[arg(long = "to", value_name = "ADDRESS", value_delimiter = ',')]
        recipients: Vec<String>,
        /// Back to the Owners
        #[arg(long, conflicts_with = "recipients")]
        owners: bool,
        /// No digest at all (true or false)
        #[arg(long, value_name = "BOOL")]
        paused: Option<bool>,
    },
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    let out = session.out;
    let team_id = session.team();
    match command {
        Command::Preview { html } => {
            let request = PreviewDigestRequest { team_id };
            let answer = session
                .digest()
                .preview_digest(session.ask(request))
                .await?
                .into_inner();
            out.show("watchbell.digest.v1.PreviewDigestResponse", &answer, || {
                if html {
                    return answer.html.clone();
                }
                let head = [
                    ("subject", answer.subject.clone()),
                    ("to", answer.recipients.join(", ")),
                ];
                format!("{}\n{}\n", text::pairs(out.style, &head), answer.text.trim_end())
            })
        }
        Command::Send => {
            let request = SendDigestRequest { team_id };
            let answer = session
                .digest()
                .send_digest(session.ask(request))
                .await?
                .into_inner();
            out.show("watchbell.digest.v1.SendDigestResponse", &answer, || {
                let said = if answer.sent {
                    out.style.good("sent\n")
                } else {
                    out.style
                        .warn("not sent now: the digest of this week has been made before\n")
                };
                said + &answer
                    .run
                    .as_ref()
                    .map(|run| shown(run, out.style))
                    .unwrap_or_default()
            })
        }
        Command::Runs { limit } => {
            let request = ListDigestRunsRequest {
                team_id,
                ..ListDigestRunsRequest::default()
            };
            let all: ListDigestRunsResponse = session
                .list(
                    "watchbell.digest.v1.DigestService",
                    "ListDigestRuns",
                    &request,
                    limit,
                )
                .await?;
            out.show("watchbell.digest.v1.ListDigestRunsResponse", &all, || {
                let mut table = Table::new(&["WEEK FROM", "STATE", "TO", "NOTE", "EVENT", "ID"]).keep(&[5]);
                for run in &all.digest_runs {
                    table.row([
                        text::local(run.period_start.as_ref()),
                        out.style.state(&state(run)),
                        run.recipients.join(", "),
                        run.message.clone(),
                        run.event_id.clone(),
                        run.id.clone(),
                    ]);
                }
                table.render(out.style, out.width, "no digest was made yet")
            })
        }
        Command::Settings {
            cron,
            recipients,
            owners,
            paused,
        } => {
            let request = GetDigestSettingsRequest {
                team_id: team_id.clone(),
            };
            let answer = session
                .preferences()
                .get_digest_settings(session.ask(request))
                .await?
                .into_inner();
            let mut settings = present(answer.settings)?;
            let mut paths = Vec::new();
            if let Some(cron) = cron {
                settings.cron = cron;
                paths.push("cron");
            }
            if owners || !recipients.is_empty() {
                settings.recipients = recipients;
                paths.push("recipients");
            }
            if let Some(paused) = paused {
                settings.paused = paused;
                paths.push("paused");
            }
            if !paths.is_empty() {
                let request = UpdateDigestSettingsRequest {
                    team_id,
                    settings: Some(settings),
                    update_mask: mask(paths)?,
                };
                let answer = session
                    .preferences()
                    .update_digest_settings(session.ask(request))
                    .await?
                    .into_inner();
                settings = present(answer.settings)?;
            }
            out.show("watchbell.config.v1.DigestSettings", &settings, || {
                shown_settings(&settings, out.style)
            })
        }
    }
}

fn state(run: &DigestRun) -> String {
    DigestRunState::try_from(run.state).map_or_else(
        |_| run.state.to_string(),
        |state| {
            state
                .as_str_name()
                .trim_start_matches("DIGEST_RUN_STATE_")
                .to_owned()
        },
    )
}

fn shown(run: &DigestRun, style: Style) -> String {
    text::pairs(
        style,
        &[
            ("id", style.name(&run.id)),
            ("state", style.state(&state(run))),
            ("note", run.message.clone()),
            ("from", text::local(run.period_start.as_ref())),
            ("until", text::local(run.period_end.as_ref())),
            ("to", run.recipients.join(", ")),
            ("event", run.event_id.clone()),
            ("made", text::local(run.create_time.as_ref())),
        ],
    )
}

fn shown_settings(settings: &DigestSettings, style: Style) -> String {
    let recipients = if settings.recipients.is_empty() {
        "the Owners".to_owned()
    } else {
        settings.recipients.join(", ")
    };
    let cron = match settings.cron.as_str() {
        "" => "0 9 * * MON (the default)".to_owned(),
        cron => cron.to_owned(),
    };
    let fields = [
        ("cron", cron),
        ("to", recipients),
        ("paused", text::yes(settings.paused)),
    ];
    text::pairs(style, &fields)
}
