//! `mentions`: who is called by name in Slack and Teams messages.

use clap::{Args, Subcommand};
use watchbell_contracts::config::v1::{
    CreateMentionRuleRequest, DeleteMentionRuleRequest, GetMentionRuleRequest, ListMentionRulesRequest,
    ListMentionRulesResponse, MentionRule, UpdateMentionRuleRequest,
};
use watchbell_contracts::event::v1::{Mention, TeamsUser, mention::Who};
use watchbell_model::Severity;
use watchbell_model::convert::FromWire as _;

use super::{mask, present};
use crate::failure::Outcome;
use crate::input;
use crate::session::{Session, every};
use crate::text::{self, Style, Table};

const NAME: &str = "watchbell.config.v1.MentionRule";

/// Mention rules.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All mention rules
    List,
    /// One mention rule
    Show {
        /// mnr_…
        id: String,
    },
    /// Make a mention rule
    Create {
        /// Types: exact, a group such as 'audit.*', or '*'
        #[arg(long = "type", value_name = "PATTERN", value_delimiter = ',', required = true)]
        types: Vec<String>,
        /// Only these severities; all when left out
        #[arg(long = "severity", value_parser = input::word::<Severity>, value_name = "SEVERITY", value_delimiter = ',')]
        severities: Vec<Severity>,
        #[command(flatten)]
        who: WhoOptions,
    },
    /// Change a mention rule
    Update {
        /// mnr_…
        id: String,
        /// Types: exact, a group such as 'audit.*', or '*'
        #[arg(long = "type", value_name = "PATTERN", value_delimiter = ',')]
        types: Vec<String>,
        /// Only these severities
        #[arg(long = "severity", value_parser = input::word::<Severity>, value_name = "SEVERITY", value_delimiter = ',')]
        severities: Vec<Severity>,
        #[command(flatten)]
        who: WhoOptions,
    },
    /// Delete a mention rule
    Delete {
        /// mnr_…
        id: String,
    },
}

/// Who is called.
#[derive(Debug, Args)]
pub(crate) struct WhoOptions {
    /// A Slack user, U… or W…
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    slack_user: Vec<String>,
    /// A Slack user group, S…
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    slack_group: Vec<String>,
    /// A member, by id or address: the one with the member's Slack user id
    #[arg(long, value_name = "MEMBER", value_delimiter = ',')]
    member: Vec<String>,
    /// Everybody active in the Slack channel
    #[arg(long)]
    here: bool,
    /// A Teams user: 'ID=Name', with the Entra object id or user principal name
    #[arg(long, value_name = "ID=NAME", value_parser = teams_user)]
    teams_user: Vec<TeamsUser>,
}

fn teams_user(text: &str) -> Result<TeamsUser, String> {
    let (id, name) = text
        .split_once('=')
        .ok_or("must look like `ada@example.com=Ada Lovelace`")?;
    Ok(TeamsUser {
        id: id.to_owned(),
        name: name.to_owned(),
    })
}

impl WhoOptions {
    async fn mentions(self, session: &Session) -> Outcome<Vec<Mention>> {
        let mut members = Vec::new();
        for member in &self.member {
            members.push(Who::MemberId(session.member_id(member).await?));
        }
        let users = self.slack_user.into_iter().map(Who::SlackUser);
        let groups = self.slack_group.into_iter().map(Who::SlackGroup);
        let here = self.here.then_some(Who::Here(true));
        let teams = self.teams_user.into_iter().map(Who::TeamsUser);
        let all = users.chain(groups).chain(members).chain(here).chain(teams);
        Ok(all.map(|who| Mention { who: Some(who) }).collect())
    }
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    let out = session.out;
    match command {
        Command::List => {
            let mention_rules = every(usize::MAX, |page_size, page_token| async move {
                let request = ListMentionRulesRequest {
                    team_id: session.team(),
                    page_size,
                    page_token,
                };
                let answer = session
                    .routing()
                    .list_mention_rules(session.ask(request))
                    .await?
                    .into_inner();
                Ok((answer.mention_rules, answer.next_page_token))
            })
            .await?;
            let all = ListMentionRulesResponse {
                mention_rules,
                ..ListMentionRulesResponse::default()
            };
            out.show("watchbell.config.v1.ListMentionRulesResponse", &all, || {
                let mut table = Table::new(&["ID", "TYPES", "SEVERITIES", "WHO"]).keep(&[0]);
                for rule in &all.mention_rules {
                    table.row([
                        rule.id.clone(),
                        rule.types.join(", "),
                        severities(rule),
                        who(rule),
                    ]);
                }
                table.render(out.style, out.width, "no mention rules: nobody is called by name")
            })
        }
        Command::Show { id } => {
            let rule = get(session, id).await?;
            out.show(NAME, &rule, || shown(&rule, out.style))
        }
        Command::Create {
            types,
            severities,
            who,
        } => {
            let mention_rule = MentionRule {
                types,
                severities: severities.into_iter().map(Severity::to_wire).collect(),
                mentions: who.mentions(session).await?,
                ..MentionRule::default()
            };
            let request = CreateMentionRuleRequest {
                team_id: session.team(),
                mention_rule: Some(mention_rule),
                validate_only: false,
            };
            let answer = session
                .routing()
                .create_mention_rule(session.ask(request))
                .await?
                .into_inner();
            out.warn(&answer.warnings);
            let rule = present(answer.mention_rule)?;
            out.show(NAME, &rule, || shown(&rule, out.style))
        }
        Command::Update {
            id,
            types,
            severities,
            who,
        } => {
            let mut rule = get(session, id).await?;
            let mut paths = Vec::new();
            if !types.is_empty() {
                rule.types = types;
                paths.push("types");
            }
            if !severities.is_empty() {
                rule.severities = severities.into_iter().map(Severity::to_wire).collect();
                paths.push("severities");
            }
            let mentions = who.mentions(session).await?;
            if !mentions.is_empty() {
                rule.mentions = mentions;
                paths.push("mentions");
            }
            let request = UpdateMentionRuleRequest {
                team_id: session.team(),
                mention_rule: Some(rule),
                update_mask: mask(paths)?,
                validate_only: false,
            };
            let answer = session
                .routing()
                .update_mention_rule(session.ask(request))
                .await?
                .into_inner();
            out.warn(&answer.warnings);
            let rule = present(answer.mention_rule)?;
            out.show(NAME, &rule, || shown(&rule, out.style))
        }
        Command::Delete { id } => {
            let request = DeleteMentionRuleRequest {
                team_id: session.team(),
                mention_rule_id: id.clone(),
                etag: String::new(),
            };
            session
                .routing()
                .delete_mention_rule(session.ask(request))
                .await?;
            out.print(&format!("deleted {id}\n"))
        }
    }
}

async fn get(session: &Session, mention_rule_id: String) -> Outcome<MentionRule> {
    let request = GetMentionRuleRequest {
        team_id: session.team(),
        mention_rule_id,
    };
    present(
        session
            .routing()
            .get_mention_rule(session.ask(request))
            .await?
            .into_inner()
            .mention_rule,
    )
}

fn severities(rule: &MentionRule) -> String {
    if rule.severities.is_empty() {
        "all".to_owned()
    } else {
        text::severities(&rule.severities)
    }
}

fn who(rule: &MentionRule) -> String {
    rule.mentions
        .iter()
        .map(text::mention)
        .collect::<Vec<_>>()
        .join(", ")
}

fn shown(rule: &MentionRule, style: Style) -> String {
    text::pairs(
        style,
        &[
            ("id", style.name(&rule.id)),
            ("types", rule.types.join(", ")),
            ("severities", severities(rule)),
            ("mentions", who(rule)),
            ("created", text::local(rule.create_time.as_ref())),
            ("updated", text::local(rule.update_time.as_ref())),
        ],
    )
}
