//! The commands that talk to a running server, one file for each group. A command reads its flags, asks, and prints;
//! it decides nothing that the server does not decide.

mod apply;
mod catalog;
mod channels;
mod deliveries;
mod digest;
mod emit;
mod event_options;
mod events;
mod explain;
mod filter_options;
mod inbox;
mod keys;
mod members;
mod mentions;
mod preferences;
mod rules;
mod status;
mod tail;
mod teams;

use clap::Subcommand;
use prost_types::FieldMask;

use crate::failure::{Failure, Outcome};
use crate::session::Session;

/// A command that talks to a server.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tell Watchbell that something happened
    Emit(Box<emit::EmitArgs>),
    /// Ask who would get an event, and why; sends nothing
    Explain(Box<explain::ExplainArgs>),
    /// Which kinds of channels are set up, and how they fare
    Status,
    /// Watch deliveries as they happen
    Tail(tail::TailArgs),
    /// Deliveries: every attempt, replay, recover
    #[command(subcommand, visible_alias = "delivery")]
    Deliveries(deliveries::Command),
    /// Events that were accepted
    #[command(subcommand, visible_alias = "event")]
    Events(events::Command),
    /// Where alerts go: Slack, Teams, email, webhooks, in-app
    #[command(subcommand, visible_alias = "channel")]
    Channels(Box<channels::Command>),
    /// Which alerts go where, in order
    #[command(subcommand, visible_alias = "rule")]
    Rules(rules::Command),
    /// Who is called by name in chat messages
    #[command(subcommand, visible_alias = "mention")]
    Mentions(mentions::Command),
    /// What people hear by email, and who gets compliance receipts
    #[command(subcommand, visible_alias = "preference")]
    Preferences(preferences::Command),
    /// The in-app inbox
    #[command(subcommand)]
    Inbox(inbox::Command),
    /// The weekly digest
    #[command(subcommand)]
    Digest(digest::Command),
    /// Event types: the built-in ones and your own
    #[command(subcommand)]
    Catalog(catalog::Command),
    /// Make a team's configuration equal to a document
    Apply(apply::ApplyArgs),
    /// A team's configuration as a document
    Export,
    /// Teams
    #[command(subcommand, visible_alias = "team")]
    Teams(teams::Command),
    /// Members of a team
    #[command(subcommand, visible_alias = "member")]
    Members(members::Command),
    /// API keys
    #[command(subcommand, visible_alias = "key")]
    Keys(keys::Command),
}

/// Does what a command says.
pub(crate) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::Emit(args) => emit::run(session, *args).await,
        Command::Explain(args) => explain::run(session, *args).await,
        Command::Status => status::run(session).await,
        Command::Tail(args) => tail::run(session, args).await,
        Command::Deliveries(command) => deliveries::run(session, command).await,
        Command::Events(command) => events::run(session, command).await,
        Command::Channels(command) => channels::run(session, *command).await,
        Command::Rules(command) => rules::run(session, command).await,
        Command::Mentions(command) => mentions::run(session, command).await,
        Command::Preferences(command) => preferences::run(session, command).await,
        Command::Inbox(command) => inbox::run(session, command).await,
        Command::Digest(command) => digest::run(session, command).await,
        Command::Catalog(command) => catalog::run(session, command).await,
        Command::Apply(args) => apply::apply(session, args).await,
        Command::Export => apply::export(session).await,
        Command::Teams(command) => teams::run(session, command).await,
        Command::Members(command) => members::run(session, command).await,
        Command::Keys(command) => keys::run(session, command).await,
    }
}

/// The part of an answer that must be there.
fn present<T>(part: Option<T>) -> Outcome<T> {
    part.ok_or_else(|| Failure::Other(anyhow::anyhow!("the server's answer is empty")))
}

/// The fields of an update that were asked for; changing nothing is a mistake.
fn mask(paths: Vec<&str>) -> Outcome<Option<FieldMask>> {
    if paths.is_empty() {
        return Err(Failure::usage("nothing to change; see --help for what can be"));
    }
    Ok(Some(FieldMask {
        paths: paths.into_iter().map(str::to_owned).collect(),
    }))
}

/// `yes` or nothing.
fn yes(value: bool) -> String {
    if value { "yes".to_owned() } else { String::new() }
}
