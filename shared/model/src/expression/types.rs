//! The types of an expression, as far as they can be known without an event: `data` can hold anything. What could only ever
//! fail or never match is told when an expression is saved, since at an event it would count as no match, silently.

use std::fmt;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue};

use super::check::is_event;
use super::{InvalidExpression, Purpose, brief};

/// What `event` has besides `data`, `severity_rank`, `occurred_ms` and `test`, all texts.
const TEXTS: [&str; 9] = [
    "id",
    "type",
    "severity",
    "category",
    "source",
    "title",
    "subject",
    "url",
    "occurred_at",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    /// Known only at an event.
    Any,
    Bool,
    Number,
    Text,
    Bytes,
    List,
    Map,
    Event,
    Null,
    Time,
    Span,
    Kind,
}

/// The variables of the loop around.
#[derive(Clone, Copy)]
struct Loop<'a> {
    result: &'a str,
    found: Type,
    items: [Option<&'a str>; 2],
}

use Type::{Any, Bool, Bytes, Event, Kind, List, Map, Null, Number, Span, Text, Time};

/// Whether an expression can be true.
///
/// # Errors
/// Why it cannot.
pub(super) fn check(expression: &IdedExpr, purpose: Purpose) -> Result<(), InvalidExpression> {
    match infer(expression, None)? {
        Any | Bool => Ok(()),
        // What it gives is written out.
        _ if purpose == Purpose::Value => Ok(()),
        other => Err(InvalidExpression::NotBool(other.words())),
    }
}

fn infer(node: &IdedExpr, within: Option<Loop<'_>>) -> Result<Type, InvalidExpression> {
    match &node.expr {
        Expr::Unspecified | Expr::Struct(_) => Ok(Any),
        Expr::Literal(literal) => Ok(match literal {
            LiteralValue::Boolean(_) => Bool,
            LiteralValue::Bytes(_) => Bytes,
            LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Number,
            LiteralValue::Null => Null,
            LiteralValue::String(_) => Text,
        }),
        Expr::Ident(name) => Ok(ident(name, within)),
        Expr::Select(select) => {
            // A loop's variable may have the event's name.
            let whole = infer(&select.operand, within)?;
            let field = member(whole, Some(&select.field))?;
            Ok(if select.test { Bool } else { field })
        }
        Expr::Call(call) => infer_call(call, within),
        Expr::List(list) => {
            list.elements
                .iter()
                .try_for_each(|element| infer(element, within).map(drop))?;
            Ok(List)
        }
        Expr::Map(map) => {
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    infer(&entry.key, within)?;
                    infer(&entry.value, within)?;
                }
            }
            Ok(Map)
        }
        Expr::Comprehension(comprehension) => {
            let range = infer(&comprehension.iter_range, within)?;
            if !matches!(range, Any | List | Map) {
                return Err(misfit("a loop", &[range]));
            }
            let found = infer(&comprehension.accu_init, within)?;
            let inside = Some(Loop {
                result: &comprehension.accu_var,
                found,
                items: [Some(&comprehension.iter_var), comprehension.iter_var2.as_deref()],
            });
            infer(&comprehension.loop_cond, inside)?;
            infer(&comprehension.loop_step, inside)?;
            infer(&comprehension.result, inside)
        }
    }
}

fn ident(name: &str, within: Option<Loop<'_>>) -> Type {
    let name = name.trim_start_matches('.');
    match within {
        Some(within) if within.items.contains(&Some(name)) => Any,
        Some(within) if within.result == name => within.found,
        _ if name == "event" => Event,
        // Which only a body's expression may name.
        _ if ["headers", "alert"].contains(&name) => Map,
        _ => Kind,
    }
}

/// A field, or what an index that is a text finds.
fn member(whole: Type, name: Option<&str>) -> Result<Type, InvalidExpression> {
    match (whole, name) {
        (Any | Map, _) | (Event, None) => Ok(Any),
        (Event, Some("data")) => Ok(Map),
        (Event, Some("severity_rank" | "occurred_ms")) => Ok(Number),
        (Event, Some("test")) => Ok(Bool),
        (Event, Some(name)) if TEXTS.contains(&name) => Ok(Text),
        (Event, Some(name)) => Err(InvalidExpression::UnknownField(brief(name))),
        (other, Some(name)) => Err(InvalidExpression::NoFields(brief(name), other.words())),
        (other, None) => Err(misfit("`[…]`", &[other])),
    }
}

fn infer_call(call: &CallExpr, within: Option<Loop<'_>>) -> Result<Type, InvalidExpression> {
    let parts = call.target.as_deref().into_iter().chain(&call.args);
    let types: Vec<Type> = parts.map(|part| infer(part, within)).collect::<Result<_, _>>()?;
    let name = call.func_name.as_str();
    let all = |taken: &[Type]| types.iter().all(|found| *found == Any || taken.contains(found));
    let give = |fits: bool, gives: Type| {
        if fits {
            Ok(gives)
        } else {
            Err(misfit(&sign(name), &types))
        }
    };
    match (name, types.as_slice()) {
        ("_&&_" | "_||_" | "!_", _) => give(all(&[Bool]), Bool),
        ("_?_:_", [condition, one, other]) => {
            let same = if one == other { *one } else { Any };
            give(matches!(condition, Any | Bool), same)
        }
        ("_==_" | "_!=_", [one, other]) => give(are_comparable(*one, *other), Bool),
        ("_<_" | "_<=_" | "_>_" | "_>=_", [one, other]) => {
            let ordered = all(&[Bool, Number, Text, Bytes, Time, Span]);
            give(ordered && are_comparable(*one, *other), Bool)
        }
        ("_+_", [one, other]) => match (one, other) {
            (Time, Span) | (Span, Time) => Ok(Time),
            _ => give(
                all(&[Number, Text, Bytes, List, Span]) && are_comparable(*one, *other),
                if *one == Any { *other } else { *one },
            ),
        },
        ("_-_", [Time, Time]) => Ok(Span),
        ("_-_", [Time, Span]) => Ok(Time),
        ("_-_", [one, other]) => give(
            all(&[Number, Time, Span]) && are_comparable(*one, *other),
            if *one == *other { *one } else { Any },
        ),
        ("_*_" | "_/_" | "_%_" | "-_", _) => give(all(&[Number]), Number),
        ("@in", [_, container]) => give(matches!(container, Any | List | Map), Bool),
        ("_[_]", [Event, _]) => member(Event, index(call)),
        ("_[_]", [container, _]) => give(matches!(container, Any | List | Map), Any),
        ("contains" | "startsWith" | "endsWith" | "matches", [_, _]) => give(all(&[Text]), Bool),
        ("truncate", [text, count]) => {
            give(matches!(text, Any | Text) && matches!(count, Any | Number), Text)
        }
        ("size", [_]) => give(all(&[Text, Bytes, List, Map]), Number),
        ("int" | "uint" | "double", [_]) => give(all(&[Number, Text, Time]), Number),
        ("bool", [_]) => give(all(&[Bool, Text]), Bool),
        ("string", [_]) => give(all(&[Bool, Number, Text, Bytes, Time, Span]), Text),
        ("bytes", [_]) => give(all(&[Bytes, Text]), Bytes),
        ("timestamp", [_]) => give(all(&[Text, Number, Time]), Time),
        ("duration", [_]) => give(all(&[Text, Span]), Span),
        ("type", [_]) => Ok(Kind),
        (name, [whole, ..]) if name.starts_with("get") => give(matches!(whole, Any | Time | Span), Number),
        _ => Ok(Any),
    }
}

/// The text in `event["text"]`.
fn index(call: &CallExpr) -> Option<&str> {
    match call.args.last().map(|index| &index.expr) {
        Some(Expr::Literal(LiteralValue::String(name))) if call.args.first().is_some_and(is_event) => {
            Some(name.inner())
        }
        _ => None,
    }
}

fn are_comparable(one: Type, other: Type) -> bool {
    let like_map = |found: Type| if found == Event { Map } else { found };
    one == Any || other == Any || like_map(one) == like_map(other)
}

/// An operator as it is written; a function by its name.
fn sign(name: &str) -> String {
    let sign = match name {
        "@in" => "in",
        "_?_:_" => "?",
        "_[_]" => "[…]",
        other => other.trim_matches('_'),
    };
    format!("`{sign}`")
}

fn misfit(what: &str, types: &[Type]) -> InvalidExpression {
    let words: Vec<_> = types.iter().map(|found| found.words()).collect();
    InvalidExpression::Misfit(what.to_owned(), words.join(" and "))
}

impl Type {
    const fn words(self) -> &'static str {
        match self {
            Any => "a value of `event.data`",
            Bool => "true or false",
            Number => "a number",
            Text => "a text",
            Bytes => "bytes",
            List => "a list",
            Map => "an object",
            Event => "the event",
            Null => "null",
            Time => "a timestamp",
            Span => "a duration",
            Kind => "the name of a type",
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
