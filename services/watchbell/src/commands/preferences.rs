//! `preferences`: what members hear by email, topic by topic, and who gets compliance receipts.

use clap::Subcommand;
use watchbell_contracts::config::v1::{
    GetComplianceRecipientsRequest, GetPreferencesRequest, GetPreferencesResponse, Preference,
    PreferenceSetting, ResendRecipientConfirmationRequest, UpdateComplianceRecipientsRequest,
    UpdatePreferencesRequest,
};

use crate::failure::Outcome;
use crate::input;
use crate::session::{Named, Out, Session};
use crate::text::{self, Table};

/// Preferences.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// A member's preference for every topic
    Show {
        /// By id or email
        member: String,
    },
    /// Set topics: findings=critical,high  marketing=off  sla=on  scans=default
    Set {
        /// By id or email
        member: String,
        /// TOPIC=on, off, default, failures, or severities
        #[arg(required = true, value_parser = preference, value_name = "TOPIC=SETTING")]
        topics: Vec<Preference>,
    },
    /// Ask a recipient once more who has not confirmed
    AskAgain {
        /// The recipient's address
        address: String,
    },
    /// Who gets compliance receipts; changes them when given
    Receipts {
        /// These addresses
        #[arg(long = "to", value_name = "ADDRESS", value_delimiter = ',')]
        recipients: Vec<String>,
        /// Back to the Owners
        #[arg(long, conflicts_with = "recipients")]
        owners: bool,
    },
}

fn preference(text: &str) -> Result<Preference, String> {
    let (topic, setting) = text
        .split_once('=')
        .ok_or("must look like findings=critical,high")?;
    let mut severities = Vec::new();
    let setting = match setting.trim().to_ascii_lowercase().as_str() {
        "on" => PreferenceSetting::On,
        "off" => PreferenceSetting::Off,
        "default" => PreferenceSetting::Unspecified,
        "failures" => PreferenceSetting::Failures,
        words => {
            severities = input::severities(words, "on, off, default, failures")?;
            PreferenceSetting::Severities
        }
    };
    Ok(Preference {
        topic: topic.trim().replace('-', "_").to_lowercase(),
        setting: setting as i32,
        severities,
        is_default: false,
    })
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    let team_id = session.team();
    match command {
        Command::Show { member } => {
            let request = GetPreferencesRequest {
                team_id,
                member_id: session.id_of(Named::Member, &member).await?,
            };
            let answer = session
                .preferences()
                .get_preferences(session.ask(request))
                .await?
                .into_inner();
            show(session.out, answer.preferences)
        }
        Command::Set { member, topics } => {
            let request = UpdatePreferencesRequest {
                team_id,
                member_id: session.id_of(Named::Member, &member).await?,
                preferences: topics,
            };
            let answer = session
                .preferences()
                .update_preferences(session.ask(request))
                .await?
                .into_inner();
            show(session.out, answer.preferences)
        }
        Command::AskAgain { address } => {
            let request = ResendRecipientConfirmationRequest { team_id, address };
            let answer = session
                .preferences()
                .resend_recipient_confirmation(session.ask(request))
                .await?
                .into_inner();
            session.out.show(
                "watchbell.config.v1.ResendRecipientConfirmationResponse",
                &answer,
                || {
                    answer
                        .recipient
                        .as_ref()
                        .map(text::unconfirmed)
                        .unwrap_or_default()
                },
            )
        }
        Command::Receipts { recipients, owners } => {
            let now = if owners || !recipients.is_empty() {
                let request = UpdateComplianceRecipientsRequest { team_id, recipients };
                session
                    .preferences()
                    .update_compliance_recipients(session.ask(request))
                    .await?
                    .into_inner()
                    .recipients
            } else {
                let request = GetComplianceRecipientsRequest { team_id };
                session
                    .preferences()
                    .get_compliance_recipients(session.ask(request))
                    .await?
                    .into_inner()
                    .recipients
            };
            if session.out.json {
                return session
                    .out
                    .print(&format!("{}\n", serde_json::json!({"recipients": now})));
            }
            let who = if now.is_empty() {
                "the Owners".to_owned()
            } else {
                now.join(", ")
            };
            session
                .out
                .print(&format!("compliance receipts go by email to {who}\n"))
        }
    }
}

fn show(out: Out, preferences: Vec<Preference>) -> Outcome {
    let all = GetPreferencesResponse { preferences };
    out.show("watchbell.config.v1.GetPreferencesResponse", &all, || {
        let mut table = Table::new(&["TOPIC", "EMAIL", "WHOSE WORD"]);
        for preference in &all.preferences {
            let setting = match PreferenceSetting::try_from(preference.setting) {
                Ok(PreferenceSetting::On) => out.style.good("on"),
                Ok(PreferenceSetting::Off) => out.style.faint("off"),
                Ok(PreferenceSetting::Failures) => "failures".to_owned(),
                Ok(PreferenceSetting::Severities) => text::severities(&preference.severities),
                _ => "-".to_owned(),
            };
            let whose = if preference.is_default {
                "the default"
            } else {
                "the member's"
            };
            table.row([preference.topic.clone(), setting, whose.to_owned()]);
        }
        table.render(out.style, out.width, "no topics")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_on_off_default_or_severities() {
        let read = |text| preference(text).map(|given| (given.topic, given.setting, given.severities));
        assert_eq!(read("marketing=off"), Ok(("marketing".to_owned(), 1, Vec::new())));
        assert_eq!(
            read("atlas-alerts=Critical,moderate"),
            Ok(("atlas_alerts".to_owned(), 3, vec![5, 3]))
        );
        assert_eq!(read("scans=default"), Ok(("scans".to_owned(), 0, Vec::new())));
        assert!(read("findings").is_err() && read("findings=loud").is_err());
    }
}
