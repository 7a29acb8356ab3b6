//! How a resource is described: its commands, the flags and the fields they set, what lists and single ones show.
//! Whatever a description leaves out follows from the descriptors of messages and RPCs.

use std::collections::HashMap;

use clap::ArgMatches;
use prost_reflect::DynamicMessage;

use crate::session::Named;
use crate::text::Style;

/// A type whose commands are made from a description.
pub(crate) trait Described {
    /// The description.
    const RESOURCE: &'static Resource;
}

/// A resource and its commands.
pub(crate) struct Resource {
    /// The full name of the service with the RPCs `ListRules`, `GetRule`, `CreateRule`, …
    pub(crate) service: &'static str,
    /// The full name of the message: `watchbell.config.v1.Rule`.
    pub(crate) message: &'static str,
    pub(crate) which: Which,
    /// In the order of the help.
    pub(crate) commands: &'static [Words],
    /// Kinds that are created by commands of their own, each with some of the groups.
    pub(crate) kinds: &'static [Kind],
    /// Flags of `create` and `update`, as fields of the message.
    pub(crate) groups: &'static [Group],
    /// Flags of `create` that exclude one another, one of which must be given.
    pub(crate) either: &'static [&'static str],
    /// Fills in what `create` was not told.
    pub(crate) complete: fn(&mut DynamicMessage, &ArgMatches),
    pub(crate) columns: &'static [Column],
    /// What a list without items says.
    pub(crate) empty: &'static str,
    /// The lines of a single one.
    pub(crate) lines: &'static [Column],
    /// The field of `create`'s answer with a secret that is shown only once, and how it is called.
    pub(crate) once: Option<(&'static str, &'static str)>,
    /// Whether cells show names of channels.
    pub(crate) names_channels: bool,
    /// What `delete` says; `{}` is the id.
    pub(crate) deleted: &'static str,
    /// What goes with it when it is deleted.
    pub(crate) owns: &'static [Owned],
}

/// What is lost when its owner is deleted.
pub(crate) struct Owned {
    /// The service and the RPC that lists it, by the field that names the owner.
    pub(crate) list: (&'static str, &'static str),
    /// The full name of the message of its items.
    pub(crate) message: &'static str,
    /// One of them, and several.
    pub(crate) names: [&'static str; 2],
    /// Narrows the list.
    pub(crate) narrow: fn(&mut DynamicMessage),
}

/// How one is named on the command line.
#[derive(Clone, Copy)]
pub(crate) struct Which {
    /// The positional argument in the help, in small letters.
    pub(crate) argument: &'static str,
    pub(crate) help: &'static str,
    /// The field of requests that names it: `rule_id`.
    pub(crate) field: &'static str,
    /// How a name becomes an id; without it, only ids are taken.
    pub(crate) named: Option<Named>,
    /// Help of `show` and `update` when these take the session's own one by default.
    pub(crate) or_own: Option<&'static str>,
}

/// A command.
pub(crate) struct Words {
    pub(crate) word: &'static str,
    pub(crate) about: &'static str,
    pub(crate) verb: Verb,
    /// Flags for fields of the request.
    pub(crate) flags: &'static [Flag],
}

/// What a command does.
#[derive(Clone, Copy)]
pub(crate) enum Verb {
    List,
    Show,
    Create,
    Update,
    Delete,
    /// Calls another RPC: its service and name.
    Call(&'static str, &'static str, Subject, Shows),
}

/// What an RPC is called for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The team.
    Team,
    /// A resource that is there.
    One,
    /// A resource that is not saved, with the flags of `create`.
    Draft,
}

/// What is shown of an RPC's answer.
#[derive(Clone, Copy)]
pub(crate) enum Shows {
    /// The resource in it.
    One,
    /// The resources in it.
    List,
    /// These words; an error is shown, too, and fails the command.
    With(fn(&DynamicMessage, &View) -> Result<String, String>),
}

/// A kind of a resource: its command below `create`, the field that only this kind has, and what it is.
pub(crate) struct Kind(
    pub(crate) &'static str,
    pub(crate) &'static str,
    pub(crate) &'static str,
);

/// Flags for the fields of one message.
#[derive(Clone, Copy)]
pub(crate) struct Group {
    /// Only of the kind with this field.
    pub(crate) kind: Option<&'static str>,
    /// The path of the message within the resource; empty for the resource itself.
    pub(crate) under: &'static str,
    /// Above the flags in the help.
    pub(crate) heading: Option<&'static str>,
    pub(crate) flags: &'static [Flag],
}

/// A flag, and the field it sets.
#[derive(Clone, Copy)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) alias: Option<&'static str>,
    /// The path of the field within the group's message.
    pub(crate) field: &'static str,
    pub(crate) help: &'static str,
    /// Help of `update` where it differs.
    pub(crate) update_help: Option<&'static str>,
    /// The value in the help; the flag's name in capitals when left out.
    pub(crate) value: Option<&'static str>,
    /// The environment variable that it is read from, except by `update`.
    pub(crate) env: Option<&'static str>,
    pub(crate) form: Form,
    pub(crate) on: On,
    /// A flag that excludes it.
    pub(crate) conflicts: Option<&'static str>,
}

/// Which commands have a flag, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Both,
    /// Both, and `create` requires it.
    Required,
    /// `create` requires it as a positional argument; `update` has the flag.
    Positional,
    /// `create` requires it as a positional argument; `update` cannot change it.
    Name,
    Create,
    Update,
}

/// How text becomes a value.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// As the type of the field says.
    Field,
    /// Text, or the content of `@FILE`.
    Secret,
    /// One of these words, with the number and the help of each.
    Choice(&'static [(&'static str, i32, &'static str)]),
    /// The bytes of the field's message.
    Message(fn(&str) -> Result<Vec<u8>, String>),
    /// The id of something that may be given by name.
    Id(Named),
    /// A field of the elements of a list of messages.
    ElementText(&'static str),
    /// The same, of an id that may be given by name.
    ElementId(Named, &'static str),
    /// Words of an enumeration, or none of them: all.
    AnyOf,
    /// A duration, as the moment after it.
    FromNow,
    /// True or false, as whether a list has this number alone or none.
    Holds(i32),
    /// No value: this one.
    Is(bool),
    /// No value: an element of a list.
    Element(fn() -> Vec<u8>),
    /// No value: the field is cleared.
    Clear,
}

/// A column of a list, or a line of a single one: its heading, and a field or what is made of the message.
pub(crate) enum Column {
    Field(&'static str, &'static str),
    /// In the colour of names, and never cut.
    Id(&'static str, &'static str),
    With(&'static str, fn(&DynamicMessage, &View) -> String),
}

/// What cells are made with.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) style: Style,
    /// Names of channels by id, for resources that show them.
    pub(crate) channels: HashMap<String, String>,
    /// The resource that an RPC was called for, by the name that was given.
    pub(crate) subject: String,
    /// Whether it is there.
    pub(crate) is_saved: bool,
}

impl Resource {
    /// For `..Resource::BARE`.
    pub(crate) const BARE: Self = Self {
        service: "",
        message: "",
        which: Which::ID,
        commands: &[],
        kinds: &[],
        groups: &[],
        either: &[],
        complete: |_, _| (),
        columns: &[],
        empty: "",
        lines: &[],
        once: None,
        names_channels: false,
        deleted: "deleted {}",
        owns: &[],
    };

    /// The flags of a command for the fields of the resource: those of one kind, or of all.
    pub(crate) fn flags<'a>(
        &'a self,
        is_update: bool,
        kind: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Group, &'a Flag)> {
        let is_here = move |on: On| match on {
            On::Update => is_update,
            On::Create | On::Name => !is_update,
            On::Both | On::Required | On::Positional => true,
        };
        self.groups
            .iter()
            .filter(move |group| kind.is_none() || group.kind.is_none() || group.kind == kind)
            .flat_map(|group| group.flags.iter().map(move |flag| (group, flag)))
            .filter(move |(_, flag)| is_here(flag.on))
    }
}

impl Which {
    /// By id alone.
    pub(crate) const ID: Self = Self {
        argument: "id",
        help: "",
        field: "",
        named: None,
        or_own: None,
    };
}

impl Words {
    pub(crate) const fn new(word: &'static str, verb: Verb, about: &'static str) -> Self {
        Self {
            word,
            about,
            verb,
            flags: &[],
        }
    }

    pub(crate) const fn flags(mut self, flags: &'static [Flag]) -> Self {
        self.flags = flags;
        self
    }
}

impl Group {
    /// Fields of the resource itself.
    pub(crate) const fn new(flags: &'static [Flag]) -> Self {
        Self {
            kind: None,
            under: "",
            heading: None,
            flags,
        }
    }

    /// Fields of the message at this path.
    pub(crate) const fn under(
        path: &'static str,
        heading: Option<&'static str>,
        flags: &'static [Flag],
    ) -> Self {
        Self {
            under: path,
            heading,
            ..Self::new(flags)
        }
    }

    pub(crate) const fn of(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The path of a flag's field within the resource.
    pub(crate) fn path(&self, flag: &Flag) -> String {
        match self.under {
            "" => flag.field.to_owned(),
            under => format!("{under}.{}", flag.field),
        }
    }
}

impl Flag {
    pub(crate) const fn new(name: &'static str, field: &'static str, help: &'static str) -> Self {
        Self {
            name,
            alias: None,
            field,
            help,
            update_help: None,
            value: None,
            env: None,
            form: Form::Field,
            on: On::Both,
            conflicts: None,
        }
    }

    pub(crate) const fn update_help(mut self, help: &'static str) -> Self {
        self.update_help = Some(help);
        self
    }

    pub(crate) const fn value(mut self, value: &'static str) -> Self {
        self.value = Some(value);
        self
    }

    pub(crate) const fn env(mut self, variable: &'static str) -> Self {
        self.env = Some(variable);
        self
    }

    pub(crate) const fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    pub(crate) const fn on(mut self, on: On) -> Self {
        self.on = on;
        self
    }

    pub(crate) const fn conflicts(mut self, flag: &'static str) -> Self {
        self.conflicts = Some(flag);
        self
    }
}

impl Column {
    pub(crate) const fn heading(&self) -> &'static str {
        match self {
            Self::Field(heading, _) | Self::Id(heading, _) | Self::With(heading, _) => heading,
        }
    }
}
