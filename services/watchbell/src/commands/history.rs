//! `history` and `revert`: who changed a team's configuration, when, and what, and how to take it back.

use clap::Args;
use watchbell_contracts::config::v1::{
    ConfigActor, ConfigActorKind, ConfigRevision, ListConfigChangesRequest, ListConfigChangesResponse,
    RevertConfigChangeRequest,
};
use watchbell_model::convert;

use super::apply;
use crate::failure::Outcome;
use crate::input;
use crate::session::Session;
use crate::text::{self, Style};

/// Which changes.
#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Only changes made since: RFC 3339, or how long ago (7d)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only changes made before: RFC 3339, or how long ago (7d)
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only changes of this key or person, by id or exact name
    #[arg(long, value_name = "ACTOR")]
    by: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_parser = input::limit)]
    limit: usize,
}

pub(super) async fn run(session: &Session, args: HistoryArgs) -> Outcome {
    let at = |when: &Option<String>| {
        when.as_ref()
            .map(|when| input::moment(when, session.now()).map(convert::timestamp))
            .transpose()
    };
    let request = ListConfigChangesRequest {
        team_id: session.team(),
        start_time: at(&args.since)?,
        end_time: at(&args.until)?,
        actor: args.by.clone().unwrap_or_default(),
        ..ListConfigChangesRequest::default()
    };
    let all: ListConfigChangesResponse = session
        .list(
            "watchbell.config.v1.TeamService",
            "ListConfigChanges",
            &request,
            args.limit,
        )
        .await?;
    let out = session.out;
    out.show("watchbell.config.v1.ListConfigChangesResponse", &all, || {
        if all.revisions.is_empty() {
            return "nothing was changed\n".to_owned();
        }
        let said = all.revisions.iter().map(|revision| readable(revision, out.style));
        said.collect::<Vec<_>>().join("\n")
    })
}

/// Which change.
#[derive(Debug, Args)]
pub(crate) struct RevertArgs {
    /// The revision that the change made, which `history` shows
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    revision: i64,
    /// Only show what would change; the exit code is 2 when something would, 0 when nothing differs
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn revert(session: &Session, args: RevertArgs) -> Outcome {
    let request = RevertConfigChangeRequest {
        team_id: session.team(),
        revision: args.revision,
        validate_only: args.dry_run,
    };
    let answer = session
        .teams()
        .revert_config_change(session.ask(request))
        .await?
        .into_inner();
    let out = session.out;
    out.show("watchbell.config.v1.RevertConfigChangeResponse", &answer, || {
        apply::changed(&answer.changes, answer.revision, args.dry_run, out.style)
    })?;
    apply::differs(args.dry_run, &answer.changes)
}

/// The revision with its author, then what changed.
fn readable(revision: &ConfigRevision, style: Style) -> String {
    let mut head = format!(
        "{}  {}  {}  {}",
        style.bold(&format!("revision {}", revision.revision)),
        text::local(revision.change_time.as_ref()),
        actor(revision.actor.as_ref()),
        revision.method,
    );
    if !revision.address.is_empty() {
        head += &format!("  from {}", revision.address);
    }
    head + "\n" + &apply::differences(&revision.changes, style)
}

/// An actor as people call it.
pub(super) fn actor(actor: Option<&ConfigActor>) -> String {
    let Some(actor) = actor else {
        return "-".to_owned();
    };
    let name = if actor.display_name.is_empty() {
        &actor.id
    } else {
        &actor.display_name
    };
    match actor.kind() {
        ConfigActorKind::ApiKey => format!("key {name}"),
        ConfigActorKind::EmailLink => format!("{name} by an email's link"),
        ConfigActorKind::Member => name.clone(),
        ConfigActorKind::Platform | ConfigActorKind::Unspecified => "Watchbell".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use watchbell_contracts::config::v1::{ConfigChange, ConfigChangeAction, ConfigFieldChange};

    #[test]
    fn a_change_is_said_with_its_author_and_every_field() {
        let revision = ConfigRevision {
            revision: 7,
            actor: Some(ConfigActor {
                kind: ConfigActorKind::ApiKey.into(),
                id: "key_1".to_owned(),
                display_name: "ci".to_owned(),
            }),
            method: "ApplyTeamConfig".to_owned(),
            address: "192.0.2.7".to_owned(),
            changes: vec![ConfigChange {
                action: ConfigChangeAction::Update.into(),
                subject: "rule noisy".to_owned(),
                fields: vec![ConfigFieldChange {
                    field: "paused".to_owned(),
                    before: String::new(),
                    after: "true".to_owned(),
                }],
            }],
            ..ConfigRevision::default()
        };
        assert_eq!(
            readable(&revision, Style::new(false)),
            "revision 7    key ci  ApplyTeamConfig  from 192.0.2.7\n~ rule noisy\n    paused: (nothing) → true\n"
        );
    }
}
