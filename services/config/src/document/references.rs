//! References in a document to what must not stand in it. `${env:NAME}` stands for the environment's `NAME`, alone or
//! inside of a longer text, as in `https://hooks.slack.com/services/${env:SLACK_PATH}`; `$${` stands for `${`. The
//! command line resolves them before it sends a document: Config knows no environment but its own, and refuses a
//! reference. An export escapes what looks like one, so that it means the same when it is applied.

use serde_json::Value;
use watchbell_model::violation::{Violations, reason};

use super::text;

/// A document with every reference in its texts resolved, as JSON; as it is when it has none. `lookup` is asked for
/// what stands between `${` and `}`, such as `env` and `NAME`, and says in words why it does not know it.
///
/// Resolving parsed texts rather than the document's own, no value can add a key or end a quotation. What comes out is a
/// document again: a value that looks like a reference is escaped, and stays what it is.
///
/// # Errors
/// A document that is neither YAML nor JSON; each reference that is not known, with its path.
pub fn resolve(
    document: &str,
    mut lookup: impl FnMut(&str, &str) -> Result<String, String>,
) -> Result<String, Violations> {
    if !document.contains("${") {
        return Ok(document.to_owned());
    }
    let mut value = text::parse(document)?;
    let mut violations = Violations::new();
    each_text(
        "",
        &mut value,
        &mut |at, text| match resolved(text, &mut lookup) {
            Ok(whole) => *text = escaped(&whole),
            Err(why) => violations.add(at, reason::UNKNOWN_VALUE, why),
        },
    );
    violations.into_result(value.to_string())
}

/// The texts that a document means: `$${` becomes `${`, and a reference that nobody resolved is a violation.
pub(super) fn meant(value: &mut Value) -> Violations {
    let mut violations = Violations::new();
    let unresolved =
        |_: &str, _: &str| Err("is a reference that was not resolved before it was sent".to_owned());
    each_text(
        "",
        value,
        &mut |at, text| match resolved(text, &mut { unresolved }) {
            Ok(whole) => *text = whole,
            // A document may be no mapping, but one text.
            Err(why) => violations.add(
                if at.is_empty() { "document" } else { at },
                reason::MALFORMED,
                why,
            ),
        },
    );
    violations
}

/// A value whose texts mean what they say, whatever they look like.
pub(super) fn escape(value: &mut Value) {
    each_text("", value, &mut |_, text| *text = escaped(text));
}

fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

fn each_text(at: &str, value: &mut Value, visit: &mut impl FnMut(&str, &mut String)) {
    match value {
        Value::String(text) if text.contains("${") => visit(at, text),
        Value::Array(list) => {
            for (index, item) in list.iter_mut().enumerate() {
                each_text(&format!("{at}[{index}]"), item, visit);
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                let at = if at.is_empty() {
                    key.clone()
                } else {
                    format!("{at}.{key}")
                };
                each_text(&at, item, visit);
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn resolved(
    text: &str,
    lookup: &mut impl FnMut(&str, &str) -> Result<String, String>,
) -> Result<String, String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            whole += before;
            whole += "${";
            rest = &from[2..];
        } else if let Some((scheme, name, length)) = reference(from) {
            whole += before;
            whole += &lookup(scheme, name)?;
            rest = &from[length..];
        } else {
            whole += before;
            whole += "${";
            rest = &from[2..];
        }
    }
    Ok(whole + rest)
}

/// `${scheme:name}` at the start of a text: the two, and how long it is.
fn reference(text: &str) -> Option<(&str, &str, usize)> {
    let end = text.find('}')?;
    let (scheme, name) = text.get(2..end)?.split_once(':')?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_scheme && !name.is_empty()).then_some((scheme, name, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(scheme: &str, name: &str) -> Result<String, String> {
        match (scheme, name) {
            ("env", "TOKEN") => Ok("s3\"cret\n: x".to_owned()),
            ("env", name) => Err(format!("the environment has no {name}")),
            (scheme, _) => Err(format!("`{scheme}` is no source of references")),
        }
    }

    #[test]
    fn references_are_resolved_wherever_a_text_stands() {
        let document = "a: ${env:TOKEN}\nb: ['x/${env:TOKEN}/${env:TOKEN}', '$${env:TOKEN}', '^a${2}']\n";
        let value: Value = serde_json::from_str(&resolve(document, lookup).unwrap()).unwrap();
        let token = "s3\"cret\n: x";
        assert_eq!(value["a"], token);
        assert_eq!(value["b"][0], format!("x/{token}/{token}"));
        assert_eq!(value["b"][1], "$${env:TOKEN}", "still a document");
        assert_eq!(value["b"][2], "^a$${2}");
        assert_eq!(resolve("a: [b # c", lookup).unwrap(), "a: [b # c");
    }

    #[test]
    fn an_escaped_text_means_itself() {
        for text in [
            "${env:HOME}",
            "$${env:HOME}",
            "$$${x}",
            "${",
            "a${2}b${x:y}",
            "$",
            "{",
        ] {
            let mut value = Value::String(text.to_owned());
            escape(&mut value);
            let document = resolve(&value.to_string(), lookup).unwrap();
            let mut sent = text::parse(&document).unwrap();
            assert!(meant(&mut sent).is_empty(), "{text}");
            assert_eq!(sent, text);
        }
    }

    #[test]
    fn a_value_that_looks_like_a_reference_is_none() {
        let document = resolve("a: '${env:A}{env:B}'", |_, _| Ok("${env:C}$".to_owned())).unwrap();
        let mut sent = text::parse(&document).unwrap();
        assert!(meant(&mut sent).is_empty());
        assert_eq!(sent["a"], "${env:C}${env:B}");
    }

    #[test]
    fn every_unknown_reference_is_told_by_its_path() {
        let document = "channels: [{url: '${env:NONE}'}, {url: '${file:x}'}]";
        let violations = resolve(document, lookup).unwrap_err();
        let fields: Vec<_> = violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect();
        assert_eq!(fields, ["channels[0].url", "channels[1].url"]);
    }
}
