//! A team's document in a file.

use watchbell_config::references;

use crate::failure::{Failure, Outcome};
use crate::input;

/// A document. Secrets named as `${env:NAME}` come from the environment here, so that the file can be kept where others read it.
pub(super) fn read(path: &str) -> Outcome<String> {
    with_secrets(&input::read_file(path)?)
}

fn with_secrets(document: &str) -> Outcome<String> {
    let from_environment = |scheme: &str, name: &str| match scheme {
        "env" => std::env::var(name).map_err(|_| format!("the environment variable {name} is not set")),
        _ => Err(format!("`{scheme}:` is not known; `env:` is")),
    };
    references::resolve(document, from_environment)
        .map_err(|violations| Failure::usage(violations.to_string()))
}
