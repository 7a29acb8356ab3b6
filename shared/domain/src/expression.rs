//! Conditions in the Common Expression Language over one variable, `event`. Tenants write them, so their size, depth
//! and loops are bounded when they are saved, and an evaluation that fails counts as no match and says so.
//!
//! `event` has `id`, `type`, `severity` (`"HIGH"`), `severity_rank` (0 to 4), `category`, `source`, `title`,
//! `subject`, `url` (texts; empty when the event has none), `data` and `test`.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::{Arc, LazyLock, OnceLock};

use cel::common::ast::{EntryExpr, Expr};
use cel::{Context, Env, IdedExpr, Program, Value};
use serde::{Deserialize, Serialize};

use crate::event::Event;

/// The longest source, in characters.
pub const MAX_SOURCE_CHARS: usize = 2_000;

/// How deep an expression may nest. Evaluation recurses as deep, on stacks of 2 MiB.
const MAX_DEPTH: usize = 48;

/// The longest list or map of `event.data` that an expression may run over. With one loop inside no other, this
/// bounds the work of an evaluation.
const MAX_ELEMENTS: usize = 1_000;

/// A condition that compiled.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expression {
    source: Arc<str>,
    program: Arc<Program>,
}

/// Why a text is not an expression that Watchbell takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExpression {
    /// Longer than [`MAX_SOURCE_CHARS`].
    #[error("must have at most {MAX_SOURCE_CHARS} characters")]
    TooLong,
    /// It does not parse; with the parser's words.
    #[error("is not a CEL expression: {0}")]
    Syntax(String),
    /// It speaks of something else than `event`.
    #[error("knows only the variable `event`, not `{0}`")]
    UnknownVariable(String),
    /// It calls what is not there.
    #[error("calls `{0}`, which is not a function")]
    UnknownFunction(String),
    /// A loop in a loop, or a regular expression in one, would let one event cost seconds.
    #[error("may not use {0} inside `all`, `exists`, `map` or `filter`")]
    TooCostly(&'static str),
    /// Too many levels.
    #[error("nests more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// Why an evaluation gave neither true nor false, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvaluationError(String);

/// An event as expressions see it: converted once, at the first expression that asks.
#[derive(Debug)]
pub struct Facts<'e> {
    event: &'e Event,
    value: OnceLock<Result<Value, EvaluationError>>,
}

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

// === impl Expression ===

impl Expression {
    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it holds. An error counts as no match; the caller reports it.
    pub fn matches(&self, facts: &Facts<'_>) -> Result<bool, EvaluationError> {
        let event = facts.value()?;
        // The interpreter is somebody else's and the expression a tenant's: a panic must not take a batch with it.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut context = Context::with_env(ENVIRONMENT.clone());
            context.add_variable_from_value("event", event.clone());
            self.program.execute(&context)
        }));
        match outcome {
            Ok(Ok(Value::Bool(holds))) => Ok(holds),
            Ok(Ok(other)) => Err(EvaluationError(format!(
                "it gave a value of type {}, not true or false",
                other.type_of()
            ))),
            Ok(Err(error)) => Err(EvaluationError(brief(&error.to_string()))),
            Err(_) => Err(EvaluationError("the interpreter failed".to_owned())),
        }
    }
}

impl FromStr for Expression {
    type Err = InvalidExpression;

    fn from_str(source: &str) -> Result<Self, InvalidExpression> {
        if source.len() > MAX_SOURCE_CHARS && source.chars().count() > MAX_SOURCE_CHARS {
            return Err(InvalidExpression::TooLong);
        }
        compile(source.to_owned())
    }
}

impl TryFrom<String> for Expression {
    type Error = InvalidExpression;

    fn try_from(source: String) -> Result<Self, InvalidExpression> {
        source.parse()
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.source().to_owned()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// Parses and checks on a stack of its own: the parser recurses so deep that twenty brackets overflow that of a worker
/// thread, and a source of two thousand characters needs 35 MiB. What passes the check is shallow.
fn compile(source: String) -> Result<Expression, InvalidExpression> {
    const STACK_BYTES: usize = 64 * 1024 * 1024;
    let failed = || InvalidExpression::Syntax("the parser failed".to_owned());
    let parse = move || {
        let program = Program::compile(&source)
            .map_err(|errors| InvalidExpression::Syntax(brief(&errors.to_string())))?;
        check(program.expression(), 0, &mut Vec::new())?;
        Ok(Expression {
            source: source.into(),
            program: Arc::new(program),
        })
    };
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(parse)
        .map_err(|_| failed())?;
    thread.join().map_err(|_| failed())?
}

/// Walks the tree for what may not be there. `loops` holds the variables of the loops around.
fn check<'a>(node: &'a IdedExpr, depth: usize, loops: &mut Vec<&'a str>) -> Result<(), InvalidExpression> {
    if depth > MAX_DEPTH {
        return Err(InvalidExpression::TooDeep);
    }
    let depth = depth + 1;
    match &node.expr {
        Expr::Unspecified | Expr::Literal(_) => Ok(()),
        Expr::Ident(name) => {
            let name = name.trim_start_matches('.');
            if name == "event" || loops.contains(&name) || is_type_name(name) {
                Ok(())
            } else {
                Err(InvalidExpression::UnknownVariable(brief(name)))
            }
        }
        Expr::Select(select) => check(&select.operand, depth, loops),
        Expr::Call(call) => {
            let is_operator = !call
                .func_name
                .starts_with(|first: char| first.is_ascii_alphabetic());
            if !is_operator && !FUNCTIONS.contains(&call.func_name.as_str()) {
                return Err(InvalidExpression::UnknownFunction(brief(&call.func_name)));
            }
            if call.func_name == "matches" && !loops.is_empty() {
                return Err(InvalidExpression::TooCostly("`matches`"));
            }
            call.target
                .iter()
                .map(|target| &**target)
                .chain(&call.args)
                .try_for_each(|part| check(part, depth, loops))
        }
        Expr::List(list) => list
            .elements
            .iter()
            .try_for_each(|element| check(element, depth, loops)),
        Expr::Map(map) => check_entries(map.entries.iter().map(|entry| &entry.expr), depth, loops),
        Expr::Struct(record) => check_entries(record.entries.iter().map(|entry| &entry.expr), depth, loops),
        Expr::Comprehension(comprehension) => {
            check(&comprehension.iter_range, depth, loops)?;
            if !loops.is_empty() {
                return Err(InvalidExpression::TooCostly("another loop"));
            }
            loops.push(&comprehension.iter_var);
            loops.extend(comprehension.iter_var2.as_deref());
            loops.push(&comprehension.accu_var);
            let inner = [
                &comprehension.accu_init,
                &comprehension.loop_cond,
                &comprehension.loop_step,
                &comprehension.result,
            ];
            let checked = inner.into_iter().try_for_each(|part| check(part, depth, loops));
            loops.clear();
            checked
        }
    }
}

fn check_entries<'a>(
    mut entries: impl Iterator<Item = &'a EntryExpr>,
    depth: usize,
    loops: &mut Vec<&'a str>,
) -> Result<(), InvalidExpression> {
    entries.try_for_each(|entry| match entry {
        EntryExpr::StructField(field) => check(&field.value, depth, loops),
        EntryExpr::MapEntry(entry) => {
            check(&entry.key, depth, loops)?;
            check(&entry.value, depth, loops)
        }
    })
}

/// The functions of the standard environment that are of use on an event. Operators have names that do not begin
/// with a letter.
const FUNCTIONS: [&str; 28] = [
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "size",
    "has",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "duration",
    "timestamp",
    "type",
    "dyn",
    "min",
    "max",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
];

fn is_type_name(name: &str) -> bool {
    matches!(
        name,
        "int" | "uint" | "double" | "string" | "bool" | "bytes" | "list" | "map" | "null_type" | "type"
    )
}

/// Bounds a foreign message, which may quote values of the event.
fn brief(message: &str) -> String {
    let mut brief: String = message
        .chars()
        .take(200)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if brief.len() < message.len() {
        brief.push('…');
    }
    brief
}

// === impl Facts ===

impl<'e> Facts<'e> {
    /// The facts of an event. Costs nothing until an expression asks.
    #[must_use]
    pub const fn of(event: &'e Event) -> Self {
        Self {
            event,
            value: OnceLock::new(),
        }
    }

    /// The event.
    #[must_use]
    pub const fn event(&self) -> &'e Event {
        self.event
    }

    fn value(&self) -> Result<&Value, EvaluationError> {
        self.value
            .get_or_init(|| value_of(self.event))
            .as_ref()
            .map_err(Clone::clone)
    }
}

fn value_of(event: &Event) -> Result<Value, EvaluationError> {
    let text = |text: &str| Value::from(text);
    let optional = |text: Option<&str>| Value::from(text.unwrap_or_default());
    let fields: HashMap<&str, Value> = [
        ("id", text(event.id.as_str())),
        ("type", text(event.event_type.as_str())),
        ("severity", text(event.severity.as_str())),
        ("severity_rank", Value::Int(event.severity.rank().into())),
        ("category", text(event.category.as_str())),
        ("source", text(&event.source)),
        ("title", text(&event.title)),
        ("subject", optional(event.subject.as_deref())),
        ("url", optional(event.url.as_deref())),
        ("data", object(&event.data)?),
        ("test", Value::Bool(event.test)),
    ]
    .into_iter()
    .collect();
    Ok(Value::from(fields))
}

fn object(map: &serde_json::Map<String, serde_json::Value>) -> Result<Value, EvaluationError> {
    bound(map.len())?;
    let fields = map
        .iter()
        .map(|(key, value)| Ok((key.clone(), json(value)?)))
        .collect::<Result<HashMap<_, _>, _>>()?;
    Ok(Value::from(fields))
}

fn json(value: &serde_json::Value) -> Result<Value, EvaluationError> {
    Ok(match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(signed), _) => Value::Int(signed),
            (None, Some(unsigned)) => Value::UInt(unsigned),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => {
            bound(items.len())?;
            Value::List(Arc::new(items.iter().map(json).collect::<Result<_, _>>()?))
        }
        serde_json::Value::Object(map) => object(map)?,
    })
}

fn bound(elements: usize) -> Result<(), EvaluationError> {
    if elements > MAX_ELEMENTS {
        return Err(EvaluationError(format!(
            "the event's data has a list or object of more than {MAX_ELEMENTS} elements, too many for an expression"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::tests::sample;

    fn ask(source: &str) -> Result<bool, EvaluationError> {
        let mut event = sample("finding.created");
        event.data = json!({"score": 9.1, "count": 3, "tags": ["prod", "eu"], "owner": {"name": "ann"}})
            .as_object()
            .unwrap()
            .clone();
        source.parse::<Expression>().unwrap().matches(&Facts::of(&event))
    }

    #[test]
    fn an_expression_sees_every_field_of_the_event() {
        for source in [
            "event.type == 'finding.created'",
            "event.severity == 'HIGH' && event.severity_rank >= 3",
            "event.category == 'SECURITY_ALERT'",
            "event.source == 'cspm' && event.subject == '' && event.url == ''",
            "event.title.contains('finding')",
            "event.data.score > 9 && event.data.count == 3",
            "'prod' in event.data.tags",
            "event.data.tags.exists(t, t.startsWith('e'))",
            "has(event.data.owner.name) && !has(event.data.missing)",
            "event.title.matches('(?i)^new')",
            "!event.test",
            "size(event.data.tags) == 2",
        ] {
            assert_eq!(ask(source), Ok(true), "{source}");
        }
    }

    #[test]
    fn an_evaluation_that_fails_is_an_error_and_not_a_match() {
        for source in [
            "event.data.missing > 3",
            "event.data.score == 'x' + 1",
            "event.severity",
        ] {
            assert!(ask(source).is_err(), "{source}");
        }
        let mut event = sample("finding.created");
        event
            .data
            .insert("ids".to_owned(), json!(vec![0; MAX_ELEMENTS + 1]));
        let expression: Expression = "event.data.ids.exists(i, i == 1)".parse().unwrap();
        assert!(
            expression
                .matches(&Facts::of(&event))
                .unwrap_err()
                .to_string()
                .contains("too many")
        );
    }

    #[test]
    fn what_is_wrong_with_an_expression_is_said_when_it_is_saved() {
        let error = |source: &str| source.parse::<Expression>().unwrap_err();
        assert!(matches!(error("event.severity =="), InvalidExpression::Syntax(_)));
        assert!(matches!(error(""), InvalidExpression::Syntax(_)));
        assert_eq!(
            error("severity == 'HIGH'"),
            InvalidExpression::UnknownVariable("severity".to_owned())
        );
        assert_eq!(
            error("now() > 3"),
            InvalidExpression::UnknownFunction("now".to_owned())
        );
        assert_eq!(
            error(&format!("event.title == '{}'", "x".repeat(2_000))),
            InvalidExpression::TooLong
        );
        assert_eq!(
            error("event.data.a.all(x, event.data.a.all(y, x == y))"),
            InvalidExpression::TooCostly("another loop")
        );
        assert_eq!(
            error("event.data.a.exists(x, x.matches('a+'))"),
            InvalidExpression::TooCostly("`matches`")
        );
    }

    #[test]
    fn deep_and_strange_sources_are_refused_and_bring_nothing_down() {
        let chain = |terms: usize| format!("{}1 > 0", "1+".repeat(terms)).parse::<Expression>();
        assert_eq!(chain(900).unwrap_err(), InvalidExpression::TooDeep);
        assert_eq!(
            format!("event{}", "[1]".repeat(600))
                .parse::<Expression>()
                .unwrap_err(),
            InvalidExpression::TooDeep
        );
        // As deep as is taken evaluates on a small stack: this test's own.
        let event = sample("finding.created");
        assert_eq!(
            chain(MAX_DEPTH - 2).unwrap().matches(&Facts::of(&event)),
            Ok(true)
        );
        for source in ["(".repeat(1_990), "[".repeat(1_990), "!".repeat(1_990)] {
            assert!(source.parse::<Expression>().is_err());
        }
        for source in [
            "'\\", "\u{0}", "b'\\xff'", "event.`a", "0x", "1u1", "event[", "\"\"\"", "r'",
        ] {
            let _ = source.parse::<Expression>();
        }
    }

    #[test]
    fn the_source_reads_back_from_json() {
        let expression: Expression = "event.severity_rank > 2".parse().unwrap();
        let json = serde_json::to_string(&expression).unwrap();
        assert_eq!(serde_json::from_str::<Expression>(&json).unwrap(), expression);
        assert!(serde_json::from_str::<Expression>(r#""event.(""#).is_err());
    }
}
