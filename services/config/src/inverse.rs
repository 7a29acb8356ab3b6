//! Inverse of a change: a message, or a list in order, with one change taken back and later ones kept. A field that a later change
//! has set to something else is a conflict.

use std::collections::HashSet;

use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage, Value};
use watchbell_contracts::json::descriptor;
use watchbell_runtime::problem::Problem;

/// What the inverse of a change makes of what is there now.
#[derive(Debug, PartialEq)]
pub(crate) struct Inverse<T> {
    pub(crate) value: T,
    /// The fields in which a later change stands in the way.
    pub(crate) conflicts: Vec<String>,
}

/// Takes back the change from `before` to `after` in `now`, all messages of the type `name`.
///
/// # Errors
/// Bytes that are no such message.
pub(crate) fn of_message(
    name: &str,
    before: &[u8],
    after: &[u8],
    now: &[u8],
) -> Result<Inverse<Vec<u8>>, Problem> {
    let descriptor = descriptor(name).map_err(Problem::internal)?;
    let read = |bytes: &[u8]| DynamicMessage::decode(descriptor.clone(), bytes).map_err(Problem::internal);
    let (before, after, now) = (read(before)?, read(after)?, read(now)?);
    let mut value = now.clone();
    let mut conflicts = Vec::new();
    take_back("", [&before, &after, &now], &mut value, &mut conflicts);
    Ok(Inverse {
        value: prost::Message::encode_to_vec(&value),
        conflicts,
    })
}

/// The fields in which two messages of the type `name` differ.
///
/// # Errors
/// Bytes that are no such message.
pub(crate) fn differing(name: &str, one: &[u8], other: &[u8]) -> Result<Vec<String>, Problem> {
    let descriptor = descriptor(name).map_err(Problem::internal)?;
    let read = |bytes: &[u8]| DynamicMessage::decode(descriptor.clone(), bytes).map_err(Problem::internal);
    let mut fields = Vec::new();
    compare("", &read(one)?, &read(other)?, &mut fields);
    Ok(fields)
}

fn compare(at: &str, one: &DynamicMessage, other: &DynamicMessage, fields: &mut Vec<String>) {
    for field in one.descriptor().fields() {
        let side = |message: &DynamicMessage| {
            message
                .has_field(&field)
                .then(|| message.get_field(&field).into_owned())
        };
        let (is, was) = (side(one), side(other));
        if is == was {
            continue;
        }
        let at = below(at, &field);
        match (
            is.as_ref().and_then(Value::as_message),
            was.as_ref().and_then(Value::as_message),
        ) {
            (Some(is), Some(was)) => compare(&at, is, was, fields),
            _ => fields.push(at),
        }
    }
}

fn below(at: &str, field: &FieldDescriptor) -> String {
    if at.is_empty() {
        field.name().to_owned()
    } else {
        format!("{at}.{}", field.name())
    }
}

fn take_back(
    at: &str,
    [before, after, now]: [&DynamicMessage; 3],
    value: &mut DynamicMessage,
    conflicts: &mut Vec<String>,
) {
    for field in before.descriptor().fields() {
        let side = |message: &DynamicMessage| {
            message
                .has_field(&field)
                .then(|| message.get_field(&field).into_owned())
        };
        let (was, became, is) = (side(before), side(after), side(now));
        if was == became || is == was {
            continue;
        }
        let at = below(at, &field);
        if is == became {
            match was {
                Some(was) => value.set_field(&field, was),
                None => value.clear_field(&field),
            }
        } else if let [Some(was), Some(became), Some(is)] =
            [&was, &became, &is].map(|side| side.as_ref().and_then(Value::as_message))
            && let Some(value) = value.get_field_mut(&field).as_message_mut()
        {
            take_back(&at, [was, became, is], value, conflicts);
        } else {
            conflicts.push(at);
        }
    }
}

/// Takes back the change of an order from `before` to `after` in `now`, of which those in `kept` stay. Those that the change removed
/// come back to their places, and others that came since keep theirs.
pub(crate) fn of_order(
    before: &[String],
    after: &[String],
    now: &[String],
    kept: &HashSet<String>,
) -> Inverse<Vec<String>> {
    let common = |list: &[String], others: &[String]| -> Vec<String> {
        list.iter().filter(|id| others.contains(id)).cloned().collect()
    };
    let is_moved = common(before, after) != common(after, before);
    let conflicts = if is_moved && common(now, after) != common(after, now) {
        vec!["position".to_owned()]
    } else {
        Vec::new()
    };
    let (base, others) = if is_moved { (before, now) } else { (now, before) };
    let mut value: Vec<String> = base.iter().filter(|id| kept.contains(*id)).cloned().collect();
    for (index, id) in others.iter().enumerate() {
        if !kept.contains(id) || value.contains(id) {
            continue;
        }
        let ahead = others.iter().take(index).rev();
        let after = ahead
            .filter_map(|other| value.iter().position(|known| known == other))
            .next();
        value.insert(after.map_or(0, |at| at + 1), id.clone());
    }
    Inverse { value, conflicts }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use watchbell_contracts::config::v1::rule::Action;
    use watchbell_contracts::config::v1::{EventFilter, Rule, SendAction, SilenceAction};

    use super::*;

    const RULE: &str = "watchbell.config.v1.Rule";

    fn rule(name: &str, sources: &[&str], action: Action) -> Rule {
        Rule {
            display_name: name.to_owned(),
            r#match: Some(EventFilter {
                sources: sources.iter().map(|&source| source.to_owned()).collect(),
                ..EventFilter::default()
            }),
            action: Some(action),
            ..Rule::default()
        }
    }

    fn send() -> Action {
        Action::Send(SendAction {
            channel_ids: vec!["chn_1".to_owned()],
        })
    }

    fn inverse(before: &Rule, after: &Rule, now: &Rule) -> (Rule, Vec<String>) {
        let bytes = |rule: &Rule| rule.encode_to_vec();
        let inverse = of_message(RULE, &bytes(before), &bytes(after), &bytes(now)).unwrap();
        (Rule::decode(inverse.value.as_slice()).unwrap(), inverse.conflicts)
    }

    #[test]
    fn a_change_is_taken_back_and_later_ones_are_kept() {
        let silence = || Action::Silence(SilenceAction { kinds: vec![1] });
        let before = rule("a", &["cspm"], send());
        let after = rule("a", &["cspm"], silence());
        assert_eq!(inverse(&before, &after, &after), (before.clone(), vec![]));
        let now = rule("b", &["cspm", "k8s"], silence());
        let expected = rule("b", &["cspm", "k8s"], send());
        assert_eq!(inverse(&before, &after, &now), (expected, vec![]));
        // Taken back already.
        assert_eq!(inverse(&before, &after, &before), (before.clone(), vec![]));
    }

    #[test]
    fn a_field_that_has_changed_again_is_a_conflict() {
        let before = rule("a", &["cspm"], send());
        let after = rule("b", &["k8s"], send());
        let now = rule("b", &["registry"], send());
        let (value, conflicts) = inverse(&before, &after, &now);
        assert_eq!(conflicts, ["match.sources"]);
        assert_eq!(value.display_name, "a");
        let bytes = |rule: &Rule| rule.encode_to_vec();
        assert_eq!(
            differing(RULE, &bytes(&before), &bytes(&after)).unwrap(),
            ["display_name", "match.sources"]
        );
    }

    #[test]
    fn an_order_is_taken_back_around_what_has_come_since() {
        let list = |text: &str| -> Vec<String> { text.chars().map(String::from).collect() };
        let order = |before: &str, after: &str, now: &str, kept: &str| {
            let kept = list(kept).into_iter().collect();
            let inverse = of_order(&list(before), &list(after), &list(now), &kept);
            (inverse.value.concat(), inverse.conflicts.len())
        };
        // Moved.
        assert_eq!(order("abc", "cab", "cab", "abc"), ("abc".to_owned(), 0));
        assert_eq!(order("abc", "cab", "cxab", "abcx"), ("abcx".to_owned(), 0));
        // Moved again.
        assert_eq!(order("abc", "cab", "acb", "abc").1, 1);
        // Removed, and made.
        assert_eq!(order("abc", "ac", "ca", "abc"), ("cab".to_owned(), 0));
        assert_eq!(order("bc", "abc", "cba", "bc"), ("cb".to_owned(), 0));
        assert_eq!(order("abc", "bc", "bc", "abc"), ("abc".to_owned(), 0));
    }
}
