//! What an expression may not do. Its author is a tenant and its input up to 256 KiB, so whatever costs more than a walk over
//! the data is refused when the expression is saved.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue};

use super::{InvalidExpression, MAX_DEPTH, brief};

/// The largest compiled regular expression, in bytes.
const MAX_PATTERN_BYTES: usize = 256 * 1024;

/// Walks the tree for what may not be there.
#[derive(Default)]
pub(super) struct Check<'a> {
    /// The loop around, if any.
    within: Option<Loop<'a>>,
    /// Whether a loop or a regular expression was met.
    pub(super) heavy: bool,
}

#[derive(Clone, Copy)]
struct Loop<'a> {
    item: &'a str,
    second_item: Option<&'a str>,
    result: &'a str,
}

// === impl Check ===

impl<'a> Check<'a> {
    pub(super) fn visit(&mut self, node: &'a IdedExpr, depth: usize) -> Result<(), InvalidExpression> {
        if depth > MAX_DEPTH {
            return Err(InvalidExpression::TooDeep);
        }
        let depth = depth + 1;
        match &node.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.visit_name(name),
            Expr::Select(select) => self.visit(&select.operand, depth),
            Expr::Call(call) => self.visit_call(call, depth),
            Expr::List(list) => {
                self.constant_in_loop(list.elements.iter())?;
                list.elements
                    .iter()
                    .try_for_each(|element| self.visit(element, depth))
            }
            Expr::Map(map) => self.visit_entries(map.entries.iter().map(|entry| &entry.expr), depth),
            Expr::Struct(record) => self.visit_entries(record.entries.iter().map(|entry| &entry.expr), depth),
            Expr::Comprehension(comprehension) => {
                self.visit(&comprehension.iter_range, depth)?;
                if self.within.is_some() {
                    return Err(InvalidExpression::TooCostly("another loop"));
                }
                self.heavy = true;
                self.within = Some(Loop {
                    item: &comprehension.iter_var,
                    second_item: comprehension.iter_var2.as_deref(),
                    result: &comprehension.accu_var,
                });
                let inside = [
                    &comprehension.loop_cond,
                    &comprehension.loop_step,
                    &comprehension.result,
                ];
                inside.into_iter().try_for_each(|part| self.visit(part, depth))?;
                self.within = None;
                Ok(())
            }
        }
    }

    fn visit_name(&self, name: &str) -> Result<(), InvalidExpression> {
        let name = name.trim_start_matches('.');
        let of_loop = self.within.is_some_and(|within| {
            name == within.item || name == within.result || within.second_item == Some(name)
        });
        if name == "event" || of_loop || is_type_name(name) {
            Ok(())
        } else {
            Err(InvalidExpression::UnknownVariable(brief(name)))
        }
    }

    fn visit_call(&mut self, call: &'a CallExpr, depth: usize) -> Result<(), InvalidExpression> {
        let name = call.func_name.as_str();
        let is_operator = !name.starts_with(|first: char| first.is_ascii_alphabetic());
        if !is_operator && !FUNCTIONS.contains(&name) {
            return Err(InvalidExpression::UnknownFunction(brief(name)));
        }
        if name == "matches" {
            if self.within.is_some() {
                return Err(InvalidExpression::TooCostly("`matches`"));
            }
            self.heavy = true;
            check_pattern(call.args.last())?;
        }
        if name == "_+_" && self.within.is_some() {
            return self.visit_sum_in_loop(call);
        }
        let target = call.target.as_deref();
        target
            .into_iter()
            .chain(&call.args)
            .try_for_each(|part| self.visit(part, depth))
    }

    /// A loop may add nothing up but its own result, and that only by the item it is at (`filter`) or by one
    /// (`exists_one`): every addition copies both sides.
    fn visit_sum_in_loop(&self, call: &CallExpr) -> Result<(), InvalidExpression> {
        let within = self.within;
        let is = |node: &IdedExpr, name: Option<&str>| matches!(&node.expr, Expr::Ident(ident) if Some(ident.as_str()) == name);
        let [sum, more] = call.args.as_slice() else {
            return Err(InvalidExpression::TooCostly("`+`"));
        };
        if !is(sum, within.map(|within| within.result)) {
            return Err(InvalidExpression::TooCostly("`+`"));
        }
        match &more.expr {
            Expr::Literal(LiteralValue::Int(_)) => Ok(()),
            Expr::List(list)
                if list
                    .elements
                    .iter()
                    .all(|item| is(item, within.map(|within| within.item))) =>
            {
                Ok(())
            }
            _ => Err(InvalidExpression::TooCostly("`map`")),
        }
    }

    fn constant_in_loop(
        &self,
        mut parts: impl Iterator<Item = &'a IdedExpr>,
    ) -> Result<(), InvalidExpression> {
        if self.within.is_some() && parts.any(|part| !matches!(part.expr, Expr::Literal(_))) {
            return Err(InvalidExpression::TooCostly(
                "a list or map of more than constants",
            ));
        }
        Ok(())
    }

    fn visit_entries(
        &mut self,
        mut entries: impl Iterator<Item = &'a EntryExpr>,
        depth: usize,
    ) -> Result<(), InvalidExpression> {
        entries.try_for_each(|entry| {
            let parts = match entry {
                EntryExpr::StructField(field) => [&field.value, &field.value],
                EntryExpr::MapEntry(entry) => [&entry.key, &entry.value],
            };
            self.constant_in_loop(parts.into_iter())?;
            parts.into_iter().try_for_each(|part| self.visit(part, depth))
        })
    }
}

/// A pattern must be there to be looked at, and compile to something small: a large one against a long text takes minutes.
fn check_pattern(pattern: Option<&IdedExpr>) -> Result<(), InvalidExpression> {
    let Some(Expr::Literal(LiteralValue::String(pattern))) = pattern.map(|pattern| &pattern.expr) else {
        return Err(InvalidExpression::Pattern("it is computed".to_owned()));
    };
    match regex::RegexBuilder::new(pattern.inner())
        .size_limit(MAX_PATTERN_BYTES)
        .build()
    {
        Ok(_) => Ok(()),
        Err(regex::Error::CompiledTooBig(_)) => Err(InvalidExpression::Pattern("it is too large".to_owned())),
        Err(_) => Err(InvalidExpression::Pattern("it does not compile".to_owned())),
    }
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
