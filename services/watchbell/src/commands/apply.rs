//! `apply` and `export`: a team's whole configuration as one document.

use clap::Args;
use watchbell_contracts::config::v1::{
    ApplyTeamConfigRequest, ApplyTeamConfigResponse, ConfigChange, ConfigChangeAction,
    ExportTeamConfigRequest,
};

use super::{check, document};
use crate::confirm::{Confirmation, counted};
use crate::failure::{Failure, Outcome};
use crate::session::Session;
use crate::text::Style;

/// Exit code of a dry run that finds a difference.
const DIFFERS: u8 = 2;

/// Which document.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The document, YAML or JSON; - is standard input. Secrets can be named as ${env:NAME}
    #[arg(short, long, value_name = "FILE")]
    file: String,
    /// Only show what would change; the exit code is 2 when something would, 0 when nothing differs
    #[arg(long)]
    dry_run: bool,
    /// Also show what the document would have made of the events since then: RFC 3339, or how long ago (7d)
    #[arg(long, value_name = "WHEN", requires = "dry_run")]
    against: Option<String>,
    /// Change nothing when the configuration is no longer at the revision that a dry run has shown
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    expect_revision: Option<i64>,
    #[command(flatten)]
    confirmation: Confirmation,
}

/// Which configuration.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// As it was at a revision, which `history` shows; as it is when left out
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    revision: Option<i64>,
}

pub(super) async fn apply(session: &Session, args: ApplyArgs) -> Outcome {
    let document = document::read(&args.file)?;
    let odd = check::warnings(session, &document).await;
    let mut request = ApplyTeamConfigRequest {
        team_id: session.team(),
        document: document.clone(),
        validate_only: args.dry_run,
        expected_revision: args.expect_revision.unwrap_or_default(),
    };
    if !args.dry_run && !args.confirmation.yes {
        request.validate_only = true;
        let planned = call(session, request.clone()).await?;
        let is_deletion = |change: &&ConfigChange| change.action() == ConfigChangeAction::Delete;
        let deleted: Vec<_> = planned.changes.iter().filter(is_deletion).collect();
        if !deleted.is_empty() {
            let subjects: Vec<_> = deleted.iter().map(|change| change.subject.as_str()).collect();
            let count = counted(deleted.len(), ["thing", "things"], usize::MAX);
            let what = format!("This deletes {count}: {}", subjects.join(", "));
            args.confirmation.confirm(&what)?;
            // What was shown is what is done.
            request.expected_revision = planned.revision;
        }
        request.validate_only = false;
    }
    let answer = call(session, request).await?;
    let out = session.out;
    out.warn(&answer.warnings);
    out.warn(&odd);
    out.show("watchbell.config.v1.ApplyTeamConfigResponse", &answer, || {
        changed(&answer.changes, answer.revision, args.dry_run, out.style)
    })?;
    if let Some(since) = &args.against {
        let result = check::backtest(session, document, since).await?;
        out.show("watchbell.router.v1.BacktestResult", &result, || {
            format!("\n{}", check::readable(&result, out.width, out.style))
        })?;
    }
    differs(args.dry_run, &answer.changes)
}

/// How a dry run ends.
pub(super) fn differs(dry_run: bool, changes: &[ConfigChange]) -> Outcome {
    if dry_run && !changes.is_empty() {
        return Err(Failure::Said(DIFFERS));
    }
    Ok(())
}

async fn call(session: &Session, request: ApplyTeamConfigRequest) -> Outcome<ApplyTeamConfigResponse> {
    let answer = session.routing().apply_team_config(session.ask(request)).await?;
    Ok(answer.into_inner())
}

pub(super) async fn export(session: &Session, args: ExportArgs) -> Outcome {
    let request = ExportTeamConfigRequest {
        team_id: session.team(),
        revision: args.revision.unwrap_or_default(),
    };
    let answer = session
        .routing()
        .export_team_config(session.ask(request))
        .await?
        .into_inner();
    session
        .out
        .show("watchbell.config.v1.ExportTeamConfigResponse", &answer, || {
            answer.document.clone()
        })
}

/// `+ channel #incidents`, `~ rule …` with its fields, `- …`.
pub(super) fn differences(changes: &[ConfigChange], style: Style) -> String {
    let mut said = String::new();
    for change in changes {
        said += &match ConfigChangeAction::try_from(change.action) {
            Ok(ConfigChangeAction::Create) => style.good(&format!("+ {}", change.subject)),
            Ok(ConfigChangeAction::Delete) => style.bad(&format!("- {}", change.subject)),
            _ => style.warn(&format!("~ {}", change.subject)),
        };
        said += "\n";
        for field in &change.fields {
            let (before, after) = (or_nothing(&field.before), or_nothing(&field.after));
            said += &format!("    {}: {before} → {after}\n", field.field);
        }
    }
    said
}

/// The differences, then how many.
pub(super) fn changed(changes: &[ConfigChange], revision: i64, dry_run: bool, style: Style) -> String {
    let count = changes.len();
    differences(changes, style)
        + &match (count, dry_run) {
            (0, _) => "nothing differs\n".to_owned(),
            (1, true) => format!("1 change would be made to revision {revision}\n"),
            (_, true) => format!("{count} changes would be made to revision {revision}\n"),
            (1, false) => "1 change made\n".to_owned(),
            (_, false) => format!("{count} changes made\n"),
        }
}

fn or_nothing(value: &str) -> &str {
    if value.is_empty() { "(nothing)" } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchbell_contracts::config::v1::ConfigFieldChange;

    #[test]
    fn a_difference_reads_like_a_diff() {
        let change = |action: ConfigChangeAction, subject: &str, fields| ConfigChange {
            action: action as i32,
            subject: subject.to_owned(),
            fields,
        };
        let field = ConfigFieldChange {
            field: "paused".to_owned(),
            before: String::new(),
            after: "true".to_owned(),
        };
        let changes = [
            change(ConfigChangeAction::Create, "channel #incidents", Vec::new()),
            change(ConfigChangeAction::Update, "rule noisy", vec![field]),
        ];
        assert_eq!(
            changed(&changes, 12, true, Style::new(false)),
            "+ channel #incidents\n~ rule noisy\n    paused: (nothing) → true\n2 changes would be made to revision 12\n"
        );
        assert_eq!(changed(&[], 12, false, Style::new(false)), "nothing differs\n");
    }
}
