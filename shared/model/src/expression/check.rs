//! What an expression may not say, and what it costs. Its author is a tenant and its input up to 256 KiB, so the steps that
//! an evaluation takes are a function of the data's size that is known when the expression is saved: every operation
//! takes time linear in what it reads, and a loop multiplies. Nothing is evaluated whose cost is not known first.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};

use super::cost::{Cost, Size};
use super::{InvalidExpression, MAX_DEPTH, Purpose, brief};
use crate::pattern_cost::PatternCost;

/// The most ranges of characters of a regular expression, which takes memory, and time when it is compiled.
const MAX_COMPILED: u64 = 5_000;
/// Steps of compiling a regular expression, at least and for each range of characters. They are counted for each evaluation,
/// although a compiled expression is kept: it may have had to make room for others of the team's.
const COMPILE: u64 = 200;
const COMPILE_RANGE: u64 = 20;
/// Macros with the arguments that they take: one whose arguments do not fit is left as the call of a function.
const MACROS: [(&str, &str); 6] = [
    ("has", "a field, as in `has(event.data.score)`"),
    ("all", "a variable and a condition"),
    ("exists", "a variable and a condition"),
    ("exists_one", "a variable and a condition"),
    ("filter", "a variable and a condition"),
    ("map", "a variable, a condition if need be, and a value"),
];

/// Walks the tree for what may not be there, adding up what it costs.
pub(super) struct Check<'a> {
    purpose: Purpose,
    /// Whether the expression is nothing but a header's value.
    is_header: bool,
    /// The loop around, if any.
    within: Option<Loop<'a>>,
    /// Of what was visited; within a loop, of one turn.
    pub(super) cost: Cost,
}

#[derive(Clone, Copy)]
struct Loop<'a> {
    item: &'a str,
    second_item: Option<&'a str>,
    result: &'a str,
}

// === impl Check ===

impl<'a> Check<'a> {
    pub(super) fn of(purpose: Purpose, tree: &IdedExpr) -> Self {
        Self {
            purpose,
            is_header: is_header(tree),
            within: None,
            cost: Cost::default(),
        }
    }

    /// Checks a part and adds its cost; how large a value it gives.
    pub(super) fn visit(&mut self, node: &'a IdedExpr, depth: usize) -> Result<Size, InvalidExpression> {
        if depth > MAX_DEPTH {
            return Err(InvalidExpression::TooDeep);
        }
        let depth = depth + 1;
        self.cost.step();
        match &node.expr {
            Expr::Unspecified => Ok(Size::ONE),
            Expr::Literal(literal) => Ok(Size::fixed(match literal {
                LiteralValue::String(text) => text.inner().len() as u64 / 16 + 1,
                LiteralValue::Bytes(bytes) => bytes.inner().len() as u64 / 16 + 1,
                _ => 1,
            })),
            Expr::Ident(name) => self.visit_name(name),
            Expr::Select(select) => {
                let whole = self.visit(&select.operand, depth)?;
                Ok(if select.test {
                    Size::ONE
                } else if !is_event(&select.operand) {
                    whole
                } else if select.field == "data" {
                    Size::DATA
                } else {
                    Size::TEXT
                })
            }
            Expr::Call(call) => self.visit_call(call, depth),
            Expr::List(list) => self.visit_all(list.elements.iter(), depth),
            Expr::Map(map) => self.visit_entries(map.entries.iter().map(|entry| &entry.expr), depth),
            Expr::Struct(record) => self.visit_entries(record.entries.iter().map(|entry| &entry.expr), depth),
            Expr::Comprehension(comprehension) => self.visit_loop(comprehension, depth),
        }
    }

    fn visit_name(&self, name: &str) -> Result<Size, InvalidExpression> {
        let name = name.trim_start_matches('.');
        if let Some(within) = self.within {
            if name == within.item || within.second_item == Some(name) {
                return Ok(Size::ITEM);
            }
            // What a loop has found so far is a truth, a number, or a list that is only added to.
            if name == within.result {
                return Ok(Size::ONE);
            }
        }
        if name == "event" {
            Ok(Size::EVENT)
        } else if name == "headers" && self.purpose == Purpose::Value {
            match self.is_header {
                true => Ok(Size::HEADERS),
                false => Err(InvalidExpression::Header),
            }
        } else if name == "alert" && self.purpose == Purpose::Value {
            Ok(Size::TEXT)
        } else if is_type_name(name) {
            Ok(Size::ONE)
        } else {
            Err(InvalidExpression::UnknownVariable(brief(name)))
        }
    }

    fn visit_call(&mut self, call: &'a CallExpr, depth: usize) -> Result<Size, InvalidExpression> {
        let name = call.func_name.as_str();
        if let Some((name, takes)) = MACROS.iter().find(|(known, _)| *known == name) {
            return Err(InvalidExpression::Macro(name, takes));
        }
        let is_operator = !name.starts_with(|first: char| first.is_ascii_alphabetic());
        if !is_operator && !FUNCTIONS.contains(&name) {
            return Err(InvalidExpression::UnknownFunction(brief(name)));
        }
        let pattern = if name == "matches" {
            Some(pattern_cost(call.args.last())?)
        } else {
            None
        };
        let parts = call.target.as_deref().into_iter().chain(&call.args);
        let parts: Vec<Size> = parts
            .map(|part| self.visit(part, depth))
            .collect::<Result<_, _>>()?;
        let all = parts.iter().copied().fold(Size::ONE, Size::plus);
        if let Some(pattern) = pattern {
            self.cost
                .read(Size::fixed(COMPILE + COMPILE_RANGE * pattern.compiled));
            self.cost.read(all.times(pattern.positions));
            return Ok(Size::ONE);
        }
        match (name, parts.as_slice()) {
            // What looks at one place, or at the truth of its parts.
            ("_&&_" | "_||_" | "!_", _) => return Ok(Size::ONE),
            ("_?_:_" | "_[_]" | "_[?_]", _) => return Ok(all),
            // What ends with the shorter of the two.
            ("_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_" | "startsWith" | "endsWith", [one, other]) => {
                self.cost.read(one.shorter(*other));
            }
            ("@in", [_, container]) => self.cost.read(*container),
            _ => self.cost.read(all),
        }
        let copies = matches!(
            name,
            "_+_" | "string" | "bytes" | "dyn" | "min" | "max" | "truncate"
        );
        Ok(if copies { all } else { Size::ONE })
    }

    fn visit_loop(
        &mut self,
        comprehension: &'a ComprehensionExpr,
        depth: usize,
    ) -> Result<Size, InvalidExpression> {
        if self.within.is_some() {
            return Err(InvalidExpression::TooCostly("another loop"));
        }
        let range = self.visit(&comprehension.iter_range, depth)?;
        self.within = Some(Loop {
            item: &comprehension.iter_var,
            second_item: comprehension.iter_var2.as_deref(),
            result: &comprehension.accu_var,
        });
        let around = std::mem::take(&mut self.cost);
        // Every item is copied for its turn.
        self.cost.read(Size::ITEM);
        self.visit(&comprehension.loop_cond, depth)?;
        let found = self.visit(&comprehension.loop_step, depth)?;
        let turn = std::mem::replace(&mut self.cost, around);
        self.cost.repeat(turn, range);
        self.visit(&comprehension.result, depth)?;
        self.within = None;
        found.repeated(range).ok_or(InvalidExpression::TooCostly(
            "the whole of `event` or its data as a result",
        ))
    }

    fn visit_all(
        &mut self,
        mut parts: impl Iterator<Item = &'a IdedExpr>,
        depth: usize,
    ) -> Result<Size, InvalidExpression> {
        parts.try_fold(Size::ONE, |sum, part| Ok(sum.plus(self.visit(part, depth)?)))
    }

    fn visit_entries(
        &mut self,
        entries: impl Iterator<Item = &'a EntryExpr>,
        depth: usize,
    ) -> Result<Size, InvalidExpression> {
        self.visit_all(
            entries.flat_map(|entry| match entry {
                EntryExpr::StructField(field) => [Some(&field.value), None].into_iter().flatten(),
                EntryExpr::MapEntry(entry) => [Some(&entry.key), Some(&entry.value)].into_iter().flatten(),
            }),
            depth,
        )
    }
}

pub(super) fn is_event(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Ident(name) if name == "event")
}

/// Whether an expression is nothing but `headers.name` or `headers['name']`.
fn is_header(tree: &IdedExpr) -> bool {
    let is_headers = |node: &IdedExpr| matches!(&node.expr, Expr::Ident(name) if name == "headers");
    match &tree.expr {
        Expr::Select(select) => !select.test && is_headers(&select.operand),
        Expr::Call(call) => {
            let [whole, name] = call.args.as_slice() else {
                return false;
            };
            call.func_name == "_[_]"
                && is_headers(whole)
                && matches!(&name.expr, Expr::Literal(LiteralValue::String(_)))
        }
        _ => false,
    }
}

/// A pattern must be there to be looked at, and compile to something small.
fn pattern_cost(pattern: Option<&IdedExpr>) -> Result<PatternCost, InvalidExpression> {
    let Some(Expr::Literal(LiteralValue::String(pattern))) = pattern.map(|pattern| &pattern.expr) else {
        return Err(InvalidExpression::Pattern("it is computed"));
    };
    let cost = PatternCost::of(pattern.inner());
    if cost.compiled > MAX_COMPILED {
        return Err(InvalidExpression::Pattern("it is too large"));
    }
    super::patterns::compiled(pattern.inner())
        .map_err(|_| InvalidExpression::Pattern("it does not compile"))?;
    Ok(cost)
}

/// The functions of the standard environment that are of use on an event. Operators have names that do not begin
/// with a letter.
const FUNCTIONS: [&str; 29] = [
    "truncate",
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
