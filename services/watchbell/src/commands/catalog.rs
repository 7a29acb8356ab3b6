//! `catalog`: event types. The built-in ones are there to look at; a team's own can be made and changed.

use clap::{Args, Subcommand};
use watchbell_contracts::config::v1::{
    AlertPolicy, AlertWhen, CreateEventTypeRequest, DeleteEventTypeRequest, EventType, GetEventTypeRequest,
    ListEventTypesRequest, ListEventTypesResponse, UpdateEventTypeRequest,
};
use watchbell_model::convert::{self, FromWire as _};
use watchbell_model::{Category, Severity};

use super::{mask, present};
use crate::failure::Outcome;
use crate::input;
use crate::session::{Session, every};
use crate::text::{self, Style, Table};

const NAME: &str = "watchbell.config.v1.EventType";

/// Event types.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All event types
    List,
    /// One event type with its schema and an example
    Show {
        /// Such as finding.created
        name: String,
    },
    /// Make an event type of the team's own
    Create {
        /// Dotted and lower-case, such as billing.invoice.paid
        name: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Change an event type of the team's own
    Update {
        /// Such as billing.invoice.paid
        name: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Delete an event type of the team's own
    Delete {
        /// Such as billing.invoice.paid
        name: String,
    },
}

/// What an event type has besides its name.
#[derive(Debug, Args)]
pub(crate) struct Fields {
    /// What it says, in one line
    #[arg(long)]
    description: Option<String>,
    /// The title when an event brings none
    #[arg(long)]
    title: Option<String>,
    /// security-alert, system-notification or system-error
    #[arg(long, value_parser = input::word::<Category>)]
    category: Option<Category>,
    /// The severity when an event brings none
    #[arg(long, value_parser = input::word::<Severity>)]
    severity: Option<Severity>,
    /// What alerts by default: never, always, or severities
    #[arg(long, value_parser = policy, value_name = "WHEN")]
    alert: Option<AlertPolicy>,
    /// The email topic; empty for none
    #[arg(long)]
    topic: Option<String>,
    /// JSON Schema of the data, or @FILE
    #[arg(long, value_name = "JSON")]
    schema: Option<String>,
    /// An example of the data, or @FILE
    #[arg(long, value_name = "JSON")]
    example: Option<String>,
}

fn policy(text: &str) -> Result<AlertPolicy, String> {
    let mut severities = Vec::new();
    let when = match text.to_ascii_lowercase().as_str() {
        "never" => AlertWhen::Never,
        "always" => AlertWhen::Always,
        words => {
            for word in words.split(',') {
                let severity = input::word::<Severity>(word)
                    .map_err(|error| format!("must be never, always or severities; {error}"))?;
                severities.push(severity.to_wire());
            }
            AlertWhen::Severities
        }
    };
    Ok(AlertPolicy {
        when: when as i32,
        severities,
    })
}

impl Fields {
    /// Puts what was given into an event type; says what that was.
    fn put(self, event_type: &mut EventType) -> Outcome<Vec<&'static str>> {
        let mut paths = Vec::new();
        for (given, field, path) in [
            (self.description, &mut event_type.description, "description"),
            (self.title, &mut event_type.title, "title"),
            (self.topic, &mut event_type.topic, "topic"),
        ] {
            if let Some(given) = given {
                *field = given;
                paths.push(path);
            }
        }
        if let Some(category) = self.category {
            event_type.category = category.to_wire();
            paths.push("category");
        }
        if let Some(severity) = self.severity {
            event_type.default_severity = severity.to_wire();
            paths.push("default_severity");
        }
        if let Some(policy) = self.alert {
            event_type.alert_policy = Some(policy);
            paths.push("alert_policy");
        }
        if let Some(schema) = self.schema {
            event_type.data_schema = Some(convert::structure(&input::object(&schema, "--schema")?));
            paths.push("data_schema");
        }
        if let Some(example) = self.example {
            event_type.example = Some(convert::structure(&input::object(&example, "--example")?));
            paths.push("example");
        }
        Ok(paths)
    }
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    let out = session.out;
    match command {
        Command::List => {
            let event_types = every(usize::MAX, |page_size, page_token| async move {
                let request = ListEventTypesRequest {
                    team_id: session.team(),
                    page_size,
                    page_token,
                };
                let answer = session
                    .catalog()
                    .list_event_types(session.ask(request))
                    .await?
                    .into_inner();
                Ok((answer.event_types, answer.next_page_token))
            })
            .await?;
            let all = ListEventTypesResponse {
                event_types,
                ..ListEventTypesResponse::default()
            };
            out.show("watchbell.config.v1.ListEventTypesResponse", &all, || {
                let mut table =
                    Table::new(&["TYPE", "SEVERITY", "ALERTS", "TOPIC", "WHOSE", "SAYS"]).keep(&[0]);
                for entry in &all.event_types {
                    table.row([
                        entry.name.clone(),
                        out.style.severity(text::severity(entry.default_severity)),
                        alerts(entry),
                        entry.topic.clone(),
                        whose(entry).to_owned(),
                        entry.description.clone(),
                    ]);
                }
                table.render(out.style, out.width, "no event types")
            })
        }
        Command::Show { name } => {
            let entry = get(session, name).await?;
            out.show(NAME, &entry, || shown(&entry, out.style))
        }
        Command::Create { name, fields } => {
            let mut event_type = EventType {
                name,
                ..EventType::default()
            };
            fields.put(&mut event_type)?;
            let request = CreateEventTypeRequest {
                team_id: session.team(),
                event_type: Some(event_type),
                validate_only: false,
            };
            let answer = session
                .catalog()
                .create_event_type(session.ask(request))
                .await?
                .into_inner();
            let entry = present(answer.event_type)?;
            out.show(NAME, &entry, || shown(&entry, out.style))
        }
        Command::Update { name, fields } => {
            let mut event_type = get(session, name).await?;
            let paths = fields.put(&mut event_type)?;
            let request = UpdateEventTypeRequest {
                team_id: session.team(),
                event_type: Some(event_type),
                update_mask: mask(paths)?,
                validate_only: false,
            };
            let answer = session
                .catalog()
                .update_event_type(session.ask(request))
                .await?
                .into_inner();
            let entry = present(answer.event_type)?;
            out.show(NAME, &entry, || shown(&entry, out.style))
        }
        Command::Delete { name } => {
            let request = DeleteEventTypeRequest {
                team_id: session.team(),
                name: name.clone(),
                etag: String::new(),
            };
            session.catalog().delete_event_type(session.ask(request)).await?;
            out.print(&format!("deleted {name}\n"))
        }
    }
}

async fn get(session: &Session, name: String) -> Outcome<EventType> {
    let request = GetEventTypeRequest {
        team_id: session.team(),
        name,
    };
    present(
        session
            .catalog()
            .get_event_type(session.ask(request))
            .await?
            .into_inner()
            .event_type,
    )
}

const fn whose(entry: &EventType) -> &'static str {
    if entry.built_in { "built in" } else { "the team's" }
}

fn alerts(entry: &EventType) -> String {
    let policy = entry.alert_policy.clone().unwrap_or_default();
    match AlertWhen::try_from(policy.when) {
        Ok(AlertWhen::Always) => "always".to_owned(),
        Ok(AlertWhen::Severities) => format!("at {}", text::severities(&policy.severities)),
        _ => "never".to_owned(),
    }
}

fn shown(entry: &EventType, style: Style) -> String {
    let json = |fields: Option<prost_types::Struct>| {
        fields
            .map(|fields| format!("{:#}", serde_json::Value::Object(convert::object(fields))))
            .unwrap_or_default()
    };
    text::pairs(
        style,
        &[
            ("type", style.name(&entry.name)),
            ("says", entry.description.clone()),
            ("title", entry.title.clone()),
            ("category", text::word::<Category>(entry.category)),
            ("severity", style.severity(text::severity(entry.default_severity))),
            ("alerts", alerts(entry)),
            ("topic", entry.topic.clone()),
            ("whose", whose(entry).to_owned()),
            ("schema", json(entry.data_schema.clone())),
            ("example", json(entry.example.clone())),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_never_always_or_severities() {
        assert_eq!(policy("always").unwrap().when, AlertWhen::Always as i32);
        let at = policy("critical,HIGH").unwrap();
        assert_eq!(at.severities, [5, 4]);
        assert_eq!(
            alerts(&EventType {
                alert_policy: Some(at),
                ..EventType::default()
            }),
            "at CRITICAL, HIGH"
        );
        assert!(policy("sometimes").is_err());
    }
}
