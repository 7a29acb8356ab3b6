//! The commands of resources, made from their descriptions. Requests, answers, update masks, the types of values and how
//! they are shown follow from the descriptors of messages and RPCs.

mod arguments;
mod description;
mod fields;
#[cfg(test)]
mod tests;
mod view;

use std::marker::PhantomData;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use prost::Message;
use prost_reflect::{DynamicMessage, MethodDescriptor, ReflectMessage as _, Value};

pub(crate) use description::{
    Column, Described, Flag, Form, Group, Kind, On, Owned, Resource, Shows, Subject, Verb, View, Which, Words,
};

use crate::confirm::{Confirmation, counted};
use crate::failure::{Failure, Outcome, present};
use crate::session::{Named, Session, rpc};
use crate::text::Style;

/// Things that are counted before they are deleted with their owner, at most.
const COUNTED: usize = 1_000;

/// A command of a resource, as clap has read it.
#[derive(Debug, Clone)]
pub(crate) struct Action<R> {
    word: String,
    given: ArgMatches,
    resource: PhantomData<R>,
}

/// The command that creates a resource, by a name of its own.
#[derive(Debug, Clone)]
pub(crate) struct Creation<R>(Action<R>);

// === impl Words ===

impl Words {
    /// `ListRules`, `GetRule`, …
    fn method(&self, resource: &Resource) -> Outcome<MethodDescriptor> {
        let noun = resource.message.rsplit('.').next().unwrap_or_default();
        let name = match self.verb {
            Verb::List => format!("List{noun}s"),
            Verb::Show => format!("Get{noun}"),
            Verb::Create => format!("Create{noun}"),
            Verb::Update => format!("Update{noun}"),
            Verb::Delete => format!("Delete{noun}"),
            Verb::Call(service, rpc, ..) => return rpc::method(service, rpc),
        };
        rpc::method(resource.service, &name)
    }
}

// === impl Action ===

impl<R: Described> Subcommand for Action<R> {
    fn augment_subcommands(command: Command) -> Command {
        let words = R::RESOURCE.commands.iter();
        command.subcommands(words.map(|words| arguments::command(R::RESOURCE, words)))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        R::RESOURCE.commands.iter().any(|words| words.word == name)
    }
}

impl<R: Described> FromArgMatches for Action<R> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(ErrorKind::MissingSubcommand);
        let (word, given) = matches.subcommand().ok_or_else(missing)?;
        Ok(Self {
            word: word.to_owned(),
            given: given.clone(),
            resource: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<R: Described> Args for Creation<R> {
    fn augment_args(command: Command) -> Command {
        let mut words = R::RESOURCE.commands.iter();
        match words.find(|words| matches!(words.verb, Verb::Create)) {
            Some(words) => command.args(arguments::command(R::RESOURCE, words).get_arguments()),
            None => command,
        }
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<R: Described> FromArgMatches for Creation<R> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut words = R::RESOURCE.commands.iter();
        let create = words.find(|words| matches!(words.verb, Verb::Create));
        Ok(Self(Action {
            word: create.map(|words| words.word.to_owned()).unwrap_or_default(),
            given: matches.clone(),
            resource: PhantomData,
        }))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl<R: Described> Creation<R> {
    /// Does what the command says.
    pub(crate) async fn run(&self, session: &Session) -> Outcome {
        self.0.run(session).await
    }
}

impl<R: Described> Action<R> {
    /// Whether it is about the session's team: teams are listed and made without one, and may be named.
    pub(crate) fn needs_team(&self) -> bool {
        if R::RESOURCE.which.named != Some(Named::Team) {
            return true;
        }
        let words = R::RESOURCE.commands.iter().find(|words| words.word == self.word);
        let is_of_one = words.is_some_and(|words| !matches!(words.verb, Verb::List | Verb::Create));
        is_of_one && self.given.get_one::<String>(arguments::WHICH).is_none()
    }

    /// Does what the command says.
    pub(crate) async fn run(&self, session: &Session) -> Outcome {
        let resource = R::RESOURCE;
        let words = resource.commands.iter().find(|words| words.word == self.word);
        let words = words.ok_or_else(|| Failure::usage("there is no such command"))?;
        let method = words.method(resource)?;
        let mut request = session.request(&method);
        fields::put_request(session, words.flags, self.flags(), &mut request).await?;
        match words.verb {
            Verb::List => {
                let all = session.all(&method, request, usize::MAX).await?;
                print_list(session, resource, &all).await
            }
            Verb::Show => print(session, resource, &self.get(session).await?).await,
            Verb::Create => {
                put_item(&mut request, resource, self.draft(session).await?);
                self.create(session, &method, request).await
            }
            Verb::Update => {
                let mut item = self.get(session).await?;
                let paths = fields::put(session, resource, true, &self.given, &mut item).await?;
                put_item(&mut request, resource, item);
                put_mask(&mut request, paths)?;
                let answer = session.call(&method, request).await?;
                warn(session, &answer);
                print(session, resource, &item_of(&answer, resource)?).await
            }
            Verb::Delete => {
                let id = self.which(session).await?;
                let confirmation = Confirmation {
                    yes: self.given.get_flag("yes"),
                };
                if !confirmation.yes {
                    confirmation.confirm(&self.deletes(session, &id).await?)?;
                }
                rpc::set(&mut request, resource.which.field, Value::String(id.clone()));
                session.call(&method, request).await?;
                session
                    .out
                    .print(&format!("{}\n", resource.deleted.replace("{}", &id)))
            }
            Verb::Call(_, _, subject, shows) => {
                let mut view = View {
                    style: session.out.style,
                    ..View::default()
                };
                match subject {
                    Subject::Team => {}
                    Subject::One => {
                        let id = self.which(session).await?;
                        rpc::set(&mut request, resource.which.field, Value::String(id));
                        view.is_saved = true;
                        view.subject = self.given.get_one(arguments::WHICH).cloned().unwrap_or_default();
                    }
                    Subject::Draft => {
                        let draft = self.draft(session).await?;
                        view.subject = rpc::string(&draft, "display_name");
                        put_item(&mut request, resource, draft);
                    }
                }
                let answer = session.call(&method, request).await?;
                match shows {
                    Shows::One => print(session, resource, &item_of(&answer, resource)?).await,
                    Shows::List => print_list(session, resource, &answer).await,
                    Shows::With(words) => {
                        let said = words(&answer, &view);
                        show(session, &answer, || said.clone().unwrap_or_else(|said| said))?;
                        said.map(drop).map_err(|_| Failure::Said(1))
                    }
                }
            }
        }
    }

    /// What was given: below `create`, to the command of a kind.
    fn flags(&self) -> &ArgMatches {
        self.given.subcommand().map_or(&self.given, |(_, given)| given)
    }

    /// The resource that the flags of `create` say.
    async fn draft(&self, session: &Session) -> Outcome<DynamicMessage> {
        let resource = R::RESOURCE;
        let mut item = DynamicMessage::new(rpc::message(resource.message)?);
        let kind = self.given.subcommand_name();
        if let Some(kind) = resource.kinds.iter().find(|known| Some(known.0) == kind) {
            // A kind without flags of its own is told by its empty message.
            item.get_field_by_name_mut(kind.1);
        }
        fields::put(session, resource, false, self.flags(), &mut item).await?;
        (resource.complete)(&mut item, self.flags());
        Ok(item)
    }

    async fn create(&self, session: &Session, method: &MethodDescriptor, request: DynamicMessage) -> Outcome {
        let resource = R::RESOURCE;
        let answer = session.call(method, request).await?;
        warn(session, &answer);
        let item = item_of(&answer, resource)?;
        let Some((field, called)) = resource.once else {
            return print(session, resource, &item).await;
        };
        let view = view(session, resource).await;
        show(session, &answer, || {
            let secret = rpc::string(&answer, field);
            view::lines(resource, &item, &view) + &secret_once(&secret, called, view.style)
        })
    }

    /// What would be deleted, and what would go with it.
    async fn deletes(&self, session: &Session, id: &str) -> Outcome<String> {
        let resource = R::RESOURCE;
        let given = self.given.get_one::<String>(arguments::WHICH);
        let what = format!("This deletes `{}`", given.map_or(id, String::as_str));
        let mut with = Vec::new();
        for owned in resource.owns {
            let method = rpc::method(owned.list.0, owned.list.1)?;
            let mut request = session.request(&method);
            rpc::set(&mut request, resource.which.field, Value::String(id.to_owned()));
            (owned.narrow)(&mut request);
            let answer = session.all(&method, request, COUNTED).await?;
            let count = rpc::items(&answer, owned.message).len();
            if count > 0 {
                with.push(counted(count, owned.names, COUNTED));
            }
        }
        Ok(match with.is_empty() {
            true => what,
            false => format!("{what}, with {}", with.join(", ")),
        })
    }

    async fn get(&self, session: &Session) -> Outcome<DynamicMessage> {
        let resource = R::RESOURCE;
        let method = Words::new("", Verb::Show, "").method(resource)?;
        let mut request = session.request(&method);
        let id = self.which(session).await?;
        rpc::set(&mut request, resource.which.field, Value::String(id));
        item_of(&session.call(&method, request).await?, resource)
    }

    /// The id of the one that is meant; the session's own team when none is.
    async fn which(&self, session: &Session) -> Outcome<String> {
        let given = self.given.get_one::<String>(arguments::WHICH);
        match (given, R::RESOURCE.which.named) {
            (Some(given), Some(named)) => session.id_of(named, given).await,
            (Some(given), None) => Ok(given.clone()),
            (None, _) => Ok(session.team()),
        }
    }
}

/// Prints an answer as protobuf JSON when that was asked for, else as `words` say it.
fn show(session: &Session, answer: &DynamicMessage, words: impl FnOnce() -> String) -> Outcome {
    session.out.show(answer.descriptor().full_name(), answer, words)
}

async fn print(session: &Session, resource: &Resource, item: &DynamicMessage) -> Outcome {
    let view = view(session, resource).await;
    show(session, item, || view::lines(resource, item, &view))
}

async fn print_list(session: &Session, resource: &Resource, answer: &DynamicMessage) -> Outcome {
    let view = view(session, resource).await;
    let items = rpc::items(answer, resource.message);
    show(session, answer, || {
        view::table(resource, &items, &view, session.out)
    })
}

async fn view(session: &Session, resource: &Resource) -> View {
    let mut view = View {
        style: session.out.style,
        ..View::default()
    };
    if resource.names_channels {
        view.channels = session.channel_names().await;
    }
    view
}

fn put_item(request: &mut DynamicMessage, resource: &Resource, item: DynamicMessage) {
    if let Some(field) = rpc::field_of(&request.descriptor(), resource.message) {
        request.set_field(&field, Value::Message(item));
    }
}

/// The fields of an update; changing nothing is a mistake.
fn put_mask(request: &mut DynamicMessage, paths: Vec<String>) -> Outcome {
    if paths.is_empty() {
        return Err(Failure::usage("nothing to change; see --help for what can be"));
    }
    let mask = request
        .get_field_by_name_mut("update_mask")
        .and_then(Value::as_message_mut);
    if let Some(mask) = mask {
        rpc::set(
            mask,
            "paths",
            Value::List(paths.into_iter().map(Value::String).collect()),
        );
    }
    Ok(())
}

fn item_of(answer: &DynamicMessage, resource: &Resource) -> Outcome<DynamicMessage> {
    let field = rpc::field_of(&answer.descriptor(), resource.message).filter(|field| answer.has_field(field));
    present(field.and_then(|field| answer.get_field(&field).as_message().cloned()))
}

fn warn(session: &Session, answer: &DynamicMessage) {
    let warnings = answer.get_field_by_name("warnings");
    let texts = warnings.iter().filter_map(|value| value.as_list()).flatten();
    let texts: Vec<_> = texts.filter_map(Value::as_str).map(str::to_owned).collect();
    session.out.warn(&texts);
}

/// A message within another, if it is set.
pub(crate) fn typed<M: Message + Default>(owner: &DynamicMessage, field: &str) -> Option<M> {
    let value = owner
        .get_field_by_name(field)
        .filter(|_| owner.has_field_by_name(field))?;
    value.as_message()?.transcode_to().ok()
}

/// A secret that is not shown again, when there is one.
pub(crate) fn secret_once(secret: &str, called: &str, style: Style) -> String {
    if secret.is_empty() {
        return String::new();
    }
    let noun = called.rsplit(' ').next().unwrap_or(called);
    let once = style.warn(&format!("Keep the {noun} now; it is never shown again."));
    format!("{} {}\n{once}\n", style.faint(called), style.good(secret))
}
