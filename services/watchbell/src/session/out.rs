//! How answers are printed.

use std::io::{IsTerminal as _, Write as _};

use prost::Message;
use serde_json::Value;
use watchbell_contracts::json;

use crate::failure::Outcome;
use crate::text::{Style, shown};

/// How answers are printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    /// As protobuf JSON.
    pub(crate) json: bool,
    /// Colours.
    pub(crate) style: Style,
    /// Of the terminal; none for a pipe.
    pub(crate) width: Option<usize>,
}

impl Out {
    /// For standard output as it is.
    pub(crate) fn new(json: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self {
            json,
            style: Style::new(terminal && console::colors_enabled()),
            width: terminal.then(|| usize::from(console::Term::stdout().size().1)),
        }
    }

    /// The same, without a width if it is to be wide.
    pub(crate) fn wide(self, wide: bool) -> Self {
        Self {
            width: self.width.filter(|_| !wide),
            ..self
        }
    }

    /// Prints what is meant for people, who may have a terminal.
    pub(crate) fn say(&self, text: &str) -> Outcome {
        self.print(&shown(text))
    }

    /// Prints a text as it is.
    #[expect(clippy::unused_self, reason = "the one way to standard output")]
    pub(crate) fn print(&self, text: &str) -> Outcome {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        Ok(stdout.flush()?)
    }

    /// Tells what an answer warns of: on standard error, so that it is in nobody's way.
    #[expect(clippy::unused_self, reason = "the one way to warn")]
    pub(crate) fn warn(&self, warnings: &[String]) {
        for warning in warnings {
            eprintln!("warning: {}", shown(warning));
        }
    }

    /// Prints an answer: as JSON when asked for, else as `human` says it. `name` is the full name of the message.
    pub(crate) fn show<M: Message>(&self, name: &str, answer: &M, human: impl FnOnce() -> String) -> Outcome {
        if !self.json {
            return self.say(&human());
        }
        let mut json = json::to_json(name, answer).map_err(anyhow::Error::from)?;
        with_lists(&mut json, name)?;
        self.print(&format!("{json:#}\n"))
    }

    /// Prints one message of a stream: a line of JSON when asked for.
    pub(crate) fn line<M: Message>(
        &self,
        name: &str,
        message: &M,
        human: impl FnOnce() -> String,
    ) -> Outcome {
        if !self.json {
            return self.say(&format!("{}\n", human()));
        }
        let json = json::to_json(name, message).map_err(anyhow::Error::from)?;
        self.print(&format!("{json}\n"))
    }
}

/// Adds the lists of an answer that are empty, so that a program finds them.
fn with_lists(json: &mut Value, name: &str) -> Outcome {
    let message = json::descriptor(name).map_err(anyhow::Error::from)?;
    if let Some(members) = json.as_object_mut() {
        for field in message.fields().filter(prost_reflect::FieldDescriptor::is_list) {
            members
                .entry(field.name())
                .or_insert_with(|| Value::Array(Vec::new()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_is_a_list() {
        let mut empty = Value::Object(serde_json::Map::new());
        with_lists(&mut empty, "watchbell.dispatcher.v1.ListDeliveriesResponse").unwrap();
        assert_eq!(empty, serde_json::json!({"deliveries": []}));
    }
}
