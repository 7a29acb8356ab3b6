//! The commands that talk to a running server, one file for each group. A command reads its flags, asks, and prints;
//! it decides nothing that the server does not decide.

mod alerts;
mod apply;
mod catalog;
mod cells;
mod channels;
mod check;
mod deliveries;
mod delivery_filter;
mod digest;
mod document;
mod emit;
mod event_filter;
mod event_options;
mod event_stream;
mod events;
mod explain;
mod filter_flags;
mod history;
mod inbox;
mod keys;
mod members;
mod mentions;
mod preferences;
mod progress;
mod reconnect;
mod reroute;
mod resource;
mod rules;
mod silences;
mod stats;
mod status;
mod tail;
mod teams;

use clap::Subcommand;
use prost_types::FieldMask;

use crate::failure::{Failure, Outcome};
use crate::session::Session;
use alerts::Alerts;
use catalog::Catalog;
use channels::Channels;
use keys::Keys;
use members::Members;
use mentions::Mentions;
use resource::{Action, Creation};
use rules::Rules;
use silences::Silences;
use teams::Teams;

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
    /// Send stored events where they were never sent, by today's rules
    Reroute(Box<reroute::RerouteArgs>),
    /// How many deliveries, in which state, and how long they took
    Stats(Box<stats::StatsArgs>),
    /// Things with a life: list, acknowledge, snooze, resolve
    #[command(subcommand, visible_alias = "alert")]
    Alerts(Action<Alerts>),
    /// Events that were accepted
    #[command(subcommand, visible_alias = "event")]
    Events(events::Command),
    /// Where alerts go: Slack, Teams, email, webhooks, in-app
    #[command(subcommand, visible_alias = "channel")]
    Channels(Action<Channels>),
    /// Which alerts go where, in order
    #[command(subcommand, visible_alias = "rule")]
    Rules(Action<Rules>),
    /// Who is called by name in chat messages
    #[command(subcommand, visible_alias = "mention")]
    Mentions(Action<Mentions>),
    /// Hold or drop matching messages for a while
    Silence(Creation<Silences>),
    /// Periods in which matching messages are held or dropped
    #[command(subcommand)]
    Silences(Action<Silences>),
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
    Catalog(Action<Catalog>),
    /// Make a team's configuration equal to a document
    Apply(apply::ApplyArgs),
    /// Find what is odd about a configuration; exits 1 if anything is
    Check(check::CheckArgs),
    /// A team's configuration as a document
    Export(apply::ExportArgs),
    /// Who changed a team's configuration, when, and what
    History(history::HistoryArgs),
    /// Take one change of a team's configuration back
    Revert(history::RevertArgs),
    /// Databases with their Dispatchers, and which teams live in which
    #[command(subcommand, visible_alias = "cell")]
    Cells(cells::Command),
    /// Teams
    #[command(subcommand, visible_alias = "team")]
    Teams(Action<Teams>),
    /// Members of a team
    #[command(subcommand, visible_alias = "member")]
    Members(Action<Members>),
    /// API keys
    #[command(subcommand, visible_alias = "key")]
    Keys(Action<Keys>),
}

// === impl Command ===

impl Command {
    /// Whether it is about one team, that of the session.
    pub(crate) fn needs_team(&self) -> bool {
        match self {
            Self::Cells(_) => false,
            Self::Teams(action) => action.needs_team(),
            _ => true,
        }
    }
}

/// Does what a command says.
pub(crate) async fn run(session: &Session, command: Command) -> Outcome {
    match command {
        Command::Emit(args) => emit::run(session, *args).await,
        Command::Explain(args) => explain::run(session, *args).await,
        Command::Status => status::run(session).await,
        Command::Tail(args) => tail::run(session, args).await,
        Command::Deliveries(command) => deliveries::run(session, command).await,
        Command::Reroute(args) => reroute::run(session, *args).await,
        Command::Stats(args) => stats::run(session, *args).await,
        Command::Events(command) => events::run(session, command).await,
        Command::Channels(action) => action.run(session).await,
        Command::Rules(action) => action.run(session).await,
        Command::Mentions(action) => action.run(session).await,
        Command::Silence(creation) => creation.run(session).await,
        Command::Silences(action) => action.run(session).await,
        Command::Alerts(action) => action.run(session).await,
        Command::Preferences(command) => preferences::run(session, command).await,
        Command::Inbox(command) => inbox::run(session, command).await,
        Command::Digest(command) => digest::run(session, command).await,
        Command::Catalog(action) => action.run(session).await,
        Command::Apply(args) => apply::apply(session, args).await,
        Command::Check(args) => check::run(session, args).await,
        Command::Export(args) => apply::export(session, args).await,
        Command::History(args) => history::run(session, args).await,
        Command::Revert(args) => history::revert(session, args).await,
        Command::Cells(command) => cells::run(session, command).await,
        Command::Teams(action) => action.run(session).await,
        Command::Members(action) => action.run(session).await,
        Command::Keys(action) => action.run(session).await,
    }
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
