//! `context`: servers by name, each with a team and a key, so that no command needs to say them. They are kept in a file
//! of this user alone. A key is written there and into calls, and never shown.

mod store;

use clap::{Args, Subcommand};
use serde_json::json;
use watchbell_model::secret::Secret;

pub(crate) use store::Context;

use self::store::Contexts;
use super::Out;
use crate::failure::{Failure, Outcome};
use crate::input;
use crate::text::Table;

/// What to do with contexts.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Keep a server under a name; the first one is used from then on
    Add(AddArgs),
    /// Use this one unless a command says another
    Use {
        /// The context
        name: String,
    },
    /// All of them; never their keys
    List {
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Forget one, with its key
    Remove {
        /// The context
        name: String,
    },
}

/// One to keep.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// What it is called
    name: String,
    /// The server
    #[arg(long, value_name = "URL")]
    server: String,
    /// The API key, or @FILE to read it from (@- is standard input)
    #[arg(long, value_name = "KEY")]
    key: Option<Secret>,
    /// The team, by id or name; a team's own key knows it
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// A PEM file with the authority of an https server, instead of the public ones
    #[arg(long = "ca", value_name = "FILE")]
    authority: Option<String>,
}

/// The context that is meant: the one of this name, else the one in use, if there is one.
pub(crate) fn chosen(name: Option<&str>) -> Outcome<Option<Context>> {
    let contexts = Contexts::read()?;
    match name {
        Some(name) => contexts.get(name).map(Some),
        None => Ok(contexts.current()),
    }
}

pub(crate) fn run(command: Command) -> Outcome {
    let mut contexts = Contexts::read()?;
    let said = match command {
        Command::Add(args) => add(&mut contexts, args)?,
        Command::Use { name } => {
            contexts.choose(&name)?;
            format!("{name} is used from now on\n")
        }
        Command::Remove { name } => {
            contexts.remove(&name)?;
            format!("{name} is forgotten\n")
        }
        Command::List { json } => return list(&contexts, Out::new(json)),
    };
    contexts.write()?;
    Out::new(false).print(&said)
}

fn add(contexts: &mut Contexts, args: AddArgs) -> Outcome<String> {
    let key = args.key.map(|given| input::secret(given.expose())).transpose()?;
    let authority = args.authority.as_deref().map(absolute).transpose()?;
    let context = Context {
        server: args.server,
        team: args.team.unwrap_or_default(),
        key: key.map(|key| Secret::new(key.expose().trim().to_owned())),
        authority,
    };
    let is_first = contexts.add(&args.name, context)?;
    Ok(match is_first {
        true => format!("{} is kept and used from now on\n", args.name),
        false => format!("{0} is kept; `watchbell context use {0}` uses it\n", args.name),
    })
}

/// A path that is right wherever commands are called from.
fn absolute(path: &str) -> Outcome<String> {
    let absolute = std::path::absolute(path)?;
    let text = absolute.into_os_string().into_string();
    text.map_err(|_| Failure::usage(format!("--ca: `{path}` is not in UTF-8")))
}

fn list(contexts: &Contexts, out: Out) -> Outcome {
    if out.json {
        let all = contexts.all().map(|(name, context, in_use)| {
            json!({
                "name": name,
                "server": context.server,
                "team": context.team,
                "has_key": context.key.is_some(),
                "in_use": in_use,
            })
        });
        return out.print(&format!("{:#}\n", json!({"contexts": all.collect::<Vec<_>>()})));
    }
    let mut table = Table::new(&["NAME", "SERVER", "TEAM", "KEY", "IN USE"]).keep(&[0]);
    for (name, context, in_use) in contexts.all() {
        let yes = |is: bool, word: &str| if is { word.to_owned() } else { "-".to_owned() };
        table.row([
            name.to_owned(),
            context.server.clone(),
            context.team.clone(),
            yes(context.key.is_some(), "kept"),
            yes(in_use, "yes"),
        ]);
    }
    let nothing = "no contexts; `watchbell context add NAME --server URL --key @FILE` keeps one";
    out.print(&table.render(out.style, out.width, nothing))
}
