//! `keys`: API keys. A key is shown once, when it is made.

use std::time::Duration;

use clap::Subcommand;
use watchbell_contracts::config::v1::{
    ApiKey, CreateApiKeyRequest, DeleteApiKeyRequest, ListApiKeysRequest, ListApiKeysResponse,
    Scope as WireScope,
};
use watchbell_model::convert;
use watchbell_runtime::auth::Scope;

use super::present;
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::session::{Session, every};
use crate::text::{self, Table};

/// API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All keys of the team; never the keys themselves
    List,
    /// Make a key and show it, once
    Create {
        /// What it is for
        #[arg(long)]
        name: String,
        /// emit, config.read, config.write, deliveries.read, deliveries.write, inbox or platform
        #[arg(long = "scope", required = true, value_delimiter = ',', value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// After which time it stops working, such as 90d; never when left out
        #[arg(long, value_parser = input::duration, value_name = "DURATION")]
        expires: Option<Duration>,
    },
    /// End a key
    Delete {
        /// key_…
        id: String,
    },
}

pub(super) async fn run(session: &Session, command: Command) -> Outcome {
    let out = session.out;
    match command {
        Command::List => {
            let api_keys = every(usize::MAX, |page_size, page_token| async move {
                let request = ListApiKeysRequest {
                    team_id: session.team(),
                    page_size,
                    page_token,
                };
                let answer = session
                    .teams()
                    .list_api_keys(session.ask(request))
                    .await?
                    .into_inner();
                Ok((answer.api_keys, answer.next_page_token))
            })
            .await?;
            let all = ListApiKeysResponse {
                api_keys,
                ..ListApiKeysResponse::default()
            };
            out.show("watchbell.config.v1.ListApiKeysResponse", &all, || {
                let mut table = Table::new(&["ID", "NAME", "SCOPES", "CREATED", "EXPIRES"]).keep(&[0]);
                for key in &all.api_keys {
                    table.row([
                        key.id.clone(),
                        key.display_name.clone(),
                        scopes(key),
                        text::local(key.create_time.as_ref()),
                        key.expire_time
                            .as_ref()
                            .map_or_else(|| "never".to_owned(), |at| text::local(Some(at))),
                    ]);
                }
                table.render(out.style, out.width, "no keys")
            })
        }
        Command::Create {
            name,
            scopes,
            expires,
        } => {
            let expire_time = match expires {
                None => None,
                Some(span) => Some(
                    chrono::TimeDelta::from_std(span)
                        .ok()
                        .and_then(|span| session.now().checked_add_signed(span)),
                )
                .map(|at| at.ok_or_else(|| Failure::usage("--expires is too far away")))
                .transpose()?,
            };
            let api_key = ApiKey {
                display_name: name,
                scopes: scopes.into_iter().map(|scope| wire(scope) as i32).collect(),
                expire_time: expire_time.map(convert::timestamp),
                ..ApiKey::default()
            };
            let request = CreateApiKeyRequest {
                team_id: session.team(),
                api_key: Some(api_key),
            };
            let answer = session
                .teams()
                .create_api_key(session.ask(request))
                .await?
                .into_inner();
            let key = present(answer.api_key.clone())?;
            out.show("watchbell.config.v1.CreateApiKeyResponse", &answer, || {
                let fields = [
                    ("id", key.id.clone()),
                    ("name", key.display_name.clone()),
                    ("scopes", self::scopes(&key)),
                    ("expires", text::local(key.expire_time.as_ref())),
                    ("key", out.style.good(&answer.key)),
                ];
                let once = out.style.warn("Keep the key now; it is never shown again.\n");
                text::pairs(out.style, &fields) + &once
            })
        }
        Command::Delete { id } => {
            let request = DeleteApiKeyRequest {
                team_id: session.team(),
                api_key_id: id.clone(),
            };
            session.teams().delete_api_key(session.ask(request)).await?;
            out.print(&format!(
                "ended {id}; callers that cached it are refused within 30 seconds\n"
            ))
        }
    }
}

const fn wire(scope: Scope) -> WireScope {
    match scope {
        Scope::Emit => WireScope::Emit,
        Scope::ConfigRead => WireScope::ConfigRead,
        Scope::ConfigWrite => WireScope::ConfigWrite,
        Scope::DeliveriesRead => WireScope::DeliveriesRead,
        Scope::DeliveriesWrite => WireScope::DeliveriesWrite,
        Scope::Inbox => WireScope::Inbox,
        Scope::Platform => WireScope::Platform,
    }
}

fn scopes(key: &ApiKey) -> String {
    let known = |number: &i32| {
        Scope::ALL
            .into_iter()
            .find(|scope| wire(*scope) as i32 == *number)
    };
    let words: Vec<_> = key
        .scopes
        .iter()
        .map(|number| known(number).map_or_else(|| number.to_string(), |scope| scope.to_string()))
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_as_they_are_given() {
        let key = ApiKey {
            scopes: vec![WireScope::Emit as i32, WireScope::ConfigRead as i32],
            ..ApiKey::default()
        };
        assert_eq!(scopes(&key), "emit, config.read");
    }
}
