//! `apply` and `export`: a team's whole configuration as one document.

use clap::Args;
use watchbell_config::references;
use watchbell_contracts::config::v1::{
    ApplyTeamConfigRequest, ApplyTeamConfigResponse, ConfigChangeAction, ExportTeamConfigRequest,
};

use crate::failure::{Failure, Outcome};
use crate::input;
use crate::session::Session;
use crate::text::Style;

/// Which document.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The document, YAML or JSON; - is standard input. Secrets can be named as ${env:NAME}
    #[arg(short, long, value_name = "FILE")]
    file: String,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Change nothing when the configuration is no longer at the revision that a dry run has shown
    #[arg(long, value_name = "REVISION", value_parser = clap::value_parser!(i64).range(1..))]
    expect_revision: Option<i64>,
}

pub(super) async fn apply(session: &Session, args: ApplyArgs) -> Outcome {
    let request = ApplyTeamConfigRequest {
        team_id: session.team(),
        document: with_secrets(&input::read_file(&args.file)?)?,
        validate_only: args.dry_run,
        expected_revision: args.expect_revision.unwrap_or_default(),
    };
    let answer = session
        .routing()
        .apply_team_config(session.ask(request))
        .await?
        .into_inner();
    let out = session.out;
    out.warn(&answer.warnings);
    out.show("watchbell.config.v1.ApplyTeamConfigResponse", &answer, || {
        readable(&answer, args.dry_run, out.style)
    })
}

/// Secrets named as `${env:NAME}` come from the environment here, so that the file can be kept where others read it.
fn with_secrets(document: &str) -> Outcome<String> {
    let from_environment = |scheme: &str, name: &str| match scheme {
        "env" => std::env::var(name).map_err(|_| format!("the environment variable {name} is not set")),
        _ => Err(format!("`{scheme}:` is not known; `env:` is")),
    };
    references::resolve(document, from_environment)
        .map_err(|violations| Failure::usage(violations.to_string()))
}

pub(super) async fn export(session: &Session) -> Outcome {
    let request = ExportTeamConfigRequest {
        team_id: session.team(),
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

/// `+ channel #incidents`, `~ rule …` with its fields, `- …`; then how many.
fn readable(answer: &ApplyTeamConfigResponse, dry_run: bool, style: Style) -> String {
    let mut said = String::new();
    for change in &answer.changes {
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
    let count = answer.changes.len();
    said + &match (count, dry_run) {
        (0, _) => "nothing differs\n".to_owned(),
        (1, true) => format!("1 change would be made to revision {}\n", answer.revision),
        (_, true) => format!("{count} changes would be made to revision {}\n", answer.revision),
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
    use watchbell_contracts::config::v1::{ConfigChange, ConfigFieldChange};

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
        let answer = ApplyTeamConfigResponse {
            changes: vec![
                change(ConfigChangeAction::Create, "channel #incidents", Vec::new()),
                change(ConfigChangeAction::Update, "rule noisy", vec![field]),
            ],
            warnings: Vec::new(),
            revision: 12,
        };
        assert_eq!(
            readable(&answer, true, Style::new(false)),
            "+ channel #incidents\n~ rule noisy\n    paused: (nothing) → true\n2 changes would be made to revision 12\n"
        );
        assert_eq!(
            readable(&ApplyTeamConfigResponse::default(), false, Style::new(false)),
            "nothing differs\n"
        );
    }
}
