//! `rules`: which alerts go where. Slack and Teams each take the first rule that matches.

use std::collections::HashMap;

use clap::{Args, Subcommand};
use watchbell_contracts::config::v1::{
    CreateRuleRequest, DeleteRuleRequest, GetRuleRequest, ListRulesResponse, MoveRuleRequest, Rule,
    SendAction, SilenceAction, UpdateRuleRequest, rule::Action,
};
use watchbell_model::ChannelKind;
use watchbell_model::convert::FromWire as _;

use super::filter_options::{self, FilterOptions};
use super::{mask, present, yes};
use crate::failure::Outcome;
use crate::input;
use crate::session::{Out, Session};
use crate::text::{self, Table};

const NAME: &str = "watchbell.config.v1.Rule";
const LIST: &str = "watchbell.config.v1.ListRulesResponse";

/// Rules.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All rules, in order
    List,
    /// One rule
    Show {
        /// By id or name
        rule: String,
    },
    /// Make a rule
    Create {
        /// Its name; made from what it does when left out
        #[arg(long)]
        name: Option<String>,
        /// Its place from 1; last when left out
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        position: i32,
        #[command(flatten)]
        filter: FilterOptions,
        #[command(flatten)]
        action: RequiredAction,
        /// Go on to the next rule after this one has matched
        #[arg(long = "continue")]
        continues: bool,
        /// Keep the rule, but pass it over
        #[arg(long)]
        paused: bool,
        /// Only check it
        #[arg(long)]
        dry_run: bool,
    },
    /// Change a rule
    Update {
        /// By id or name
        rule: String,
        /// Its name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        filter: FilterOptions,
        #[command(flatten)]
        action: ActionOptions,
        /// Go on to the next rule after this one has matched (true or false)
        #[arg(long = "continue", value_name = "BOOL")]
        continues: Option<bool>,
        /// Keep the rule, but pass it over (true or false)
        #[arg(long, value_name = "BOOL")]
        paused: Option<bool>,
    },
    /// Move a rule to another place
    Move {
        /// By id or name
        rule: String,
        /// Its new place, from 1
        position: i32,
    },
    /// Delete a rule
    Delete {
        /// By id or name
        rule: String,
    },
}

/// What to do.
#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false)]
pub(crate) struct RequiredAction {
    /// Send to these channels, by id or name (slack:#name tells kinds apart)
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',')]
    send: Vec<String>,
    /// Stay silent: on Slack and Teams, or only on the kinds named
    #[arg(long, value_name = "KIND", num_args = 0.., value_delimiter = ',', value_parser = input::word::<ChannelKind>)]
    silence: Option<Vec<ChannelKind>>,
}

/// What to do instead.
#[derive(Debug, Args)]
#[group(id = "what", required = false, multiple = false)]
pub(crate) struct ActionOptions {
    /// Send to these channels, by id or name (slack:#name tells kinds apart)
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',')]
    send: Vec<String>,
    /// Stay silent: on Slack and Teams, or only on the kinds named
    #[arg(long, value_name = "KIND", num_args = 0.., value_delimiter = ',', value_parser = input::word::<ChannelKind>)]
    silence: Option<Vec<ChannelKind>>,
}

async fn action(
    session: &Session,
    send: &[String],
    silence: Option<Vec<ChannelKind>>,
) -> Outcome<Option<Action>> {
    if let Some(kinds) = silence {
        let kinds = kinds.into_iter().map(ChannelKind::to_wire).collect();
        return Ok(Some(Action::Silence(SilenceAction { kinds })));
    }
    if send.is_empty() {
        return Ok(None);
    }
    Ok(Some(Action::Send(SendAction {
        channel_ids: session.channel_ids(send).await?,
    })))
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    let out = session.out;
    match command {
        Command::List => {
            let rules = session.all_rules().await?;
            list(session, rules).await
        }
        Command::Show { rule } => {
            let rule = get(session, &rule).await?;
            show(session, &rule).await
        }
        Command::Create {
            name,
            position,
            filter,
            action: what,
            continues,
            paused,
            dry_run,
        } => {
            let name = name.unwrap_or_else(|| proposed_name(&filter, &what));
            let rule = Rule {
                display_name: name,
                position,
                paused,
                continues,
                r#match: Some(filter.filter()),
                action: action(session, &what.send, what.silence).await?,
                ..Rule::default()
            };
            let request = CreateRuleRequest {
                team_id: session.team(),
                rule: Some(rule),
                validate_only: dry_run,
            };
            let answer = session
                .routing()
                .create_rule(session.ask(request))
                .await?
                .into_inner();
            session.out.warn(&answer.warnings);
            let rule = present(answer.rule)?;
            show(session, &rule).await
        }
        Command::Update {
            rule,
            name,
            filter,
            action: what,
            continues,
            paused,
        } => {
            let mut rule = get(session, &rule).await?;
            let mut paths = filter.paths("match");
            if !paths.is_empty() {
                rule.r#match = Some(filter.filter());
            }
            if let Some(name) = name {
                rule.display_name = name;
                paths.push("display_name".to_owned());
            }
            if let Some(action) = action(session, &what.send, what.silence).await? {
                let (send, silence) = match action {
                    Action::Send(_) => ("send", "silence"),
                    Action::Silence(_) => ("silence", "send"),
                };
                // Of two that exclude one another, the one set last stays.
                paths.extend([silence.to_owned(), send.to_owned()]);
                rule.action = Some(action);
            }
            if let Some(continues) = continues {
                rule.continues = continues;
                paths.push("continues".to_owned());
            }
            if let Some(paused) = paused {
                rule.paused = paused;
                paths.push("paused".to_owned());
            }
            let request = UpdateRuleRequest {
                team_id: session.team(),
                rule: Some(rule),
                update_mask: mask(paths.iter().map(String::as_str).collect())?,
                validate_only: false,
            };
            let answer = session
                .routing()
                .update_rule(session.ask(request))
                .await?
                .into_inner();
            session.out.warn(&answer.warnings);
            let rule = present(answer.rule)?;
            show(session, &rule).await
        }
        Command::Move { rule, position } => {
            let request = MoveRuleRequest {
                team_id: session.team(),
                rule_id: session.rule_id(&rule).await?,
                position,
            };
            let rules = session
                .routing()
                .move_rule(session.ask(request))
                .await?
                .into_inner()
                .rules;
            list(session, rules).await
        }
        Command::Delete { rule } => {
            let rule_id = session.rule_id(&rule).await?;
            let request = DeleteRuleRequest {
                team_id: session.team(),
                rule_id: rule_id.clone(),
                etag: String::new(),
            };
            session.routing().delete_rule(session.ask(request)).await?;
            out.print(&format!("deleted {rule_id}\n"))
        }
    }
}

async fn get(session: &Session, given: &str) -> Outcome<Rule> {
    let request = GetRuleRequest {
        team_id: session.team(),
        rule_id: session.rule_id(given).await?,
    };
    present(
        session
            .routing()
            .get_rule(session.ask(request))
            .await?
            .into_inner()
            .rule,
    )
}

async fn list(session: &Session, rules: Vec<Rule>) -> Outcome {
    let names = if session.out.json {
        HashMap::new()
    } else {
        session.channel_names().await
    };
    let all = ListRulesResponse {
        rules,
        ..ListRulesResponse::default()
    };
    session
        .out
        .show(LIST, &all, || table(&all.rules, &names, session.out))
}

fn table(rules: &[Rule], names: &HashMap<String, String>, out: Out) -> String {
    let mut table = Table::new(&["#", "NAME", "WHEN", "THEN", "", "ID"]).keep(&[5]);
    for rule in rules {
        let mut notes = Vec::new();
        if rule.paused {
            notes.push(out.style.warn("paused"));
        }
        if rule.continues {
            notes.push("continues".to_owned());
        }
        table.row([
            rule.position.to_string(),
            rule.display_name.clone(),
            rule.r#match
                .as_ref()
                .map_or_else(|| "everything".to_owned(), filter_options::words),
            then(rule, names),
            notes.join(", "),
            rule.id.clone(),
        ]);
    }
    table.render(
        out.style,
        out.width,
        "no rules: alerts go to the default channels",
    )
}

/// `send to #incidents`, `stay silent`.
fn then(rule: &Rule, names: &HashMap<String, String>) -> String {
    match &rule.action {
        Some(Action::Send(send)) => {
            let channels: Vec<_> = send
                .channel_ids
                .iter()
                .map(|id| names.get(id).unwrap_or(id).as_str())
                .collect();
            format!("send to {}", channels.join(", "))
        }
        Some(Action::Silence(silence)) if silence.kinds.is_empty() => "stay silent".to_owned(),
        Some(Action::Silence(silence)) => {
            let kinds: Vec<_> = silence.kinds.iter().map(|kind| text::kind(*kind)).collect();
            format!("stay silent on {}", kinds.join(", "))
        }
        None => "nothing".to_owned(),
    }
}

async fn show(session: &Session, rule: &Rule) -> Outcome {
    let names = if session.out.json {
        HashMap::new()
    } else {
        session.channel_names().await
    };
    let style = session.out.style;
    session.out.show(NAME, rule, || {
        text::pairs(
            style,
            &[
                ("id", style.name(&rule.id)),
                ("name", rule.display_name.clone()),
                ("position", rule.position.to_string()),
                (
                    "when",
                    rule.r#match
                        .as_ref()
                        .map_or_else(|| "everything".to_owned(), filter_options::words),
                ),
                ("then", then(rule, &names)),
                ("continues", yes(rule.continues)),
                ("paused", yes(rule.paused)),
                ("created", text::local(rule.create_time.as_ref())),
                ("updated", text::local(rule.update_time.as_ref())),
            ],
        )
    })
}

/// `audit.delivered → #appsec`.
fn proposed_name(filter: &FilterOptions, action: &RequiredAction) -> String {
    let then = if action.silence.is_some() {
        "silent".to_owned()
    } else {
        action.send.join(", ")
    };
    let name = format!("{} → {then}", filter_options::words(&filter.filter()));
    name.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Style;
    use watchbell_contracts::config::v1::EventFilter;

    #[test]
    fn a_rule_reads_as_a_sentence() {
        let rule = |position, action| Rule {
            id: format!("rul_{position}"),
            display_name: format!("r{position}"),
            position,
            r#match: Some(EventFilter {
                types: vec!["audit.*".to_owned()],
                ..EventFilter::default()
            }),
            action: Some(action),
            continues: position == 2,
            ..Rule::default()
        };
        let rules = [
            rule(
                1,
                Action::Send(SendAction {
                    channel_ids: vec!["chn_1".to_owned(), "chn_2".to_owned()],
                }),
            ),
            rule(
                2,
                Action::Silence(SilenceAction {
                    kinds: vec![ChannelKind::Slack.to_wire()],
                }),
            ),
        ];
        let names = HashMap::from([("chn_1".to_owned(), "#appsec".to_owned())]);
        let out = Out {
            json: false,
            style: Style::new(false),
            width: None,
        };
        let lines: Vec<_> = table(&rules, &names, out)
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "# NAME WHEN THEN ID",
                "1 r1 audit.* send to #appsec, chn_2 rul_1",
                "2 r2 audit.* stay silent on slack continues rul_2"
            ]
        );
    }

    #[test]
    fn a_name_is_proposed_from_what_the_rule_does() {
        let filter = FilterOptions {
            types: vec!["audit.delivered".to_owned()],
            ..FilterOptions::default()
        };
        let action = RequiredAction {
            send: vec!["#appsec".to_owned()],
            silence: None,
        };
        assert_eq!(proposed_name(&filter, &action), "audit.delivered → #appsec");
    }
}
