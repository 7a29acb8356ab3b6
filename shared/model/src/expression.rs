//! Conditions in the Common Expression Language over one variable, `event`. Tenants write them, so what an evaluation costs
//! is known before it is begun, and all expressions that are asked about one event share a budget. An evaluation that
//! fails counts as no match and says so; what could only fail is told when it is saved (see [`Expression::check`]).
//!
//! `event` has `id`, `type`, `severity` (`"HIGH"`; of `"MEDIUM"` an expression may say `"MODERATE"`), `severity_rank` (0 to 4), `category`, `source`, `title`,
//! `subject`, `url` (texts; empty when the event has none), `occurred_at` (a text, RFC 3339), `occurred_ms` (since 1970), `data` and
//! `test`. Expressions of webhooks' bodies give any value, and know `headers` and `alert` as well (see [`crate::body`]).

mod check;
mod cost;
mod facts;
mod patterns;
mod texts;
mod types;
mod words;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, IdedExpr, Value};
use serde::{Deserialize, Serialize};

use check::Check;
pub use cost::Cost;
pub use facts::{BodyFacts, Facts};

/// What an expression is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A condition on `event`.
    Condition,
    /// A value made of `event`, `headers` and `alert`.
    Value,
}

/// The longest source, in characters.
pub const MAX_SOURCE_CHARS: usize = 2_000;

/// How deep an expression may nest. Evaluation recurses as deep, on stacks of 2 MiB.
const MAX_DEPTH: usize = 48;

/// A condition that compiled.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expression {
    source: Arc<str>,
    /// What is evaluated.
    tree: Arc<IdedExpr>,
    cost: Cost,
    checked: Result<(), InvalidExpression>,
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
    /// A macro with other arguments than it takes.
    #[error("must give `{0}` {1}")]
    Macro(&'static str, &'static str),
    /// It asks something of a header's value, which would tell what the value is.
    #[error("may use `headers` only to insert a value as it is, as in `headers['x-key']`")]
    Header,
    /// Within a loop it would let one event cost seconds.
    #[error("may not use {0} inside `all`, `exists`, `exists_one`, `filter` or `map`")]
    TooCostly(&'static str),
    /// A regular expression that is not a text, does not compile, or is too large.
    #[error("must give `matches` a regular expression as a text in quotes: {0}")]
    Pattern(&'static str),
    /// The event has no such field.
    #[error(
        "knows no `event.{0}`: there are `id`, `type`, `severity`, `severity_rank`, `category`, `source`, `title`, \
         `subject`, `url`, `occurred_at`, `occurred_ms`, `test` and `data`"
    )]
    UnknownField(String),
    /// A field of what has none.
    #[error("asks for `{0}` of {1}, which has no fields")]
    NoFields(String, &'static str),
    /// An operator or function on types that it does not take, or that are never equal.
    #[error("uses {0} on {1}, which cannot be true")]
    Misfit(String, String),
    /// The whole is no condition.
    #[error("must be true or false, and is {0}")]
    NotBool(&'static str),
    /// Too many levels.
    #[error("nests more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// Why an evaluation gave neither true nor false, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvaluationError(String);

/// Lends the variables.
struct Lent<'f> {
    event: &'f dyn Val,
    of_body: Option<&'f BodyFacts>,
}

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    patterns::add_matches(&mut env);
    texts::add_truncate(&mut env);
    Arc::new(env)
});

// === impl Expression ===

impl Expression {
    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What an evaluation costs.
    #[must_use]
    pub const fn cost(&self) -> Cost {
        self.cost
    }

    /// Whether it can be true, by the types that are known without an event. Expressions that were saved before this was
    /// asked may fail it, and count as no match.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check(&self) -> Result<(), InvalidExpression> {
        self.checked.clone()
    }

    /// Whether it holds. An error counts as no match; the caller reports it.
    pub fn matches(&self, facts: &Facts<'_>) -> Result<bool, EvaluationError> {
        match self.evaluate(facts, None)? {
            Value::Bool(holds) => Ok(holds),
            other => Err(EvaluationError(format!(
                "it gave a value of type {}, not true or false",
                other.type_of()
            ))),
        }
    }

    /// An expression that gives a value of any type, and knows `headers` and `alert`.
    ///
    /// # Errors
    /// As for a condition, except that it need not be true or false.
    pub fn of_value(source: &str) -> Result<Self, InvalidExpression> {
        read(source, Purpose::Value)
    }

    /// The value of one made by [`Expression::of_value`].
    ///
    /// # Errors
    /// It cannot be evaluated on this event, or its value is none of JSON's.
    pub fn value(
        &self,
        facts: &Facts<'_>,
        of_body: &BodyFacts,
    ) -> Result<serde_json::Value, EvaluationError> {
        let value = self.evaluate(facts, Some(of_body))?;
        value
            .json()
            .map_err(|_| EvaluationError("its value is none of JSON's".to_owned()))
    }

    fn evaluate(&self, facts: &Facts<'_>, of_body: Option<&BodyFacts>) -> Result<Value, EvaluationError> {
        let event = facts.seen_for(self.cost)?;
        // The interpreter is somebody else's and the expression a tenant's: a panic must not take a batch with it.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let lent = Lent { event, of_body };
            let mut context = Context::with_env(ENVIRONMENT.clone());
            context.set_variable_resolver(&lent);
            patterns::on_behalf_of(facts.event().team_id, || Value::resolve(&self.tree, &context))
        }));
        match outcome {
            Ok(Ok(value)) => Ok(value),
            // Of a body the words may quote a header, which may be a secret.
            Ok(Err(error)) if of_body.is_some() => Err(EvaluationError(kind(&error).to_owned())),
            Ok(Err(error)) => Err(EvaluationError(brief(&error.to_string()))),
            Err(_) => Err(EvaluationError("the interpreter failed".to_owned())),
        }
    }
}

impl VariableResolver for Lent<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        match variable {
            "event" => Some(CowVal::Borrowed(self.event)),
            "headers" => self.of_body.map(|facts| CowVal::Borrowed(&*facts.headers)),
            "alert" => self.of_body.map(|facts| CowVal::Borrowed(&*facts.alert)),
            _ => None,
        }
    }
}

#[cfg(test)]
thread_local! {
    /// Expressions that this thread has read.
    pub(crate) static READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl FromStr for Expression {
    type Err = InvalidExpression;

    fn from_str(source: &str) -> Result<Self, InvalidExpression> {
        read(source, Purpose::Condition)
    }
}

fn read(source: &str, purpose: Purpose) -> Result<Expression, InvalidExpression> {
    #[cfg(test)]
    READ.set(READ.get() + 1);
    if source.len() > MAX_SOURCE_CHARS && source.chars().count() > MAX_SOURCE_CHARS {
        return Err(InvalidExpression::TooLong);
    }
    compile(source.to_owned(), purpose)
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
fn compile(source: String, purpose: Purpose) -> Result<Expression, InvalidExpression> {
    const STACK_BYTES: usize = 64 * 1024 * 1024;
    let failed = || InvalidExpression::Syntax("the parser failed".to_owned());
    let parse = move || {
        let parsed = ENVIRONMENT.parser().parse(&source);
        let mut tree = parsed.map_err(|errors| InvalidExpression::Syntax(brief(&errors.to_string())))?;
        let mut check = Check::of(purpose, &tree);
        check.visit(&tree, 0)?;
        let cost = check.cost;
        let checked = types::check(&tree, purpose);
        words::read(&mut tree);
        Ok(Expression {
            source: source.into(),
            tree: Arc::new(tree),
            cost,
            checked,
        })
    };
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(parse)
        .map_err(|_| failed())?;
    thread.join().map_err(|_| failed())?
}

/// What an evaluation failed of, without any value.
const fn kind(error: &ExecutionError) -> &'static str {
    match error {
        ExecutionError::NoSuchKey(_) => "a field or key is not there",
        ExecutionError::NoSuchOverload(_) => "a function or an operator does not take values of these types",
        ExecutionError::UnexpectedType { .. }
        | ExecutionError::UnsupportedTargetType { .. }
        | ExecutionError::NotSupportedAsMethod { .. }
        | ExecutionError::UnsupportedKeyType(_)
        | ExecutionError::UnsupportedIndex(..)
        | ExecutionError::ValuesNotComparable(..) => "a value has another type than is needed",
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "a division by zero",
        ExecutionError::Overflow(..) => "a number is too large",
        ExecutionError::IndexOutOfBounds(_) => "an index is out of bounds",
        ExecutionError::DuplicateKey(_) => "a key is there twice",
        ExecutionError::FunctionError { .. } => "a function does not take this value",
        _ => "it cannot be evaluated",
    }
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

#[cfg(test)]
mod tests;
