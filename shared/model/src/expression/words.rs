//! The word MODERATE in expressions. An event's severity is MEDIUM, which people may call MODERATE wherever they name a
//! severity: so it is read as MEDIUM where an expression compares it with the event's severity, and nowhere else, since
//! `data` may well say MODERATE itself.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};

use super::check::is_event;

const ALIAS: &str = "MODERATE";
const MEANT: &str = "MEDIUM";

/// Reads MODERATE as MEDIUM in what is compared with the event's severity.
pub(super) fn read(node: &mut IdedExpr) {
    read_within(node, None);
}

/// `item`: the variable of the loop around, when it goes over the event's severity.
fn read_within(node: &mut IdedExpr, item: Option<&str>) {
    match &mut node.expr {
        Expr::Call(call) => {
            read_call(call, item);
            operands_mut(call).for_each(|operand| read_within(operand, item));
        }
        Expr::Comprehension(looped) => read_loop(looped, item),
        Expr::Select(select) => read_within(&mut select.operand, item),
        Expr::List(list) => list.elements.iter_mut().for_each(|part| read_within(part, item)),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    read_within(&mut entry.key, item);
                    read_within(&mut entry.value, item);
                }
            }
        }
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) => {}
    }
}

fn read_call(call: &mut CallExpr, item: Option<&str>) {
    let Some(partial) = comparison(call) else { return };
    if operands(call).any(|operand| gives_severity(operand, item)) {
        operands_mut(call).for_each(|operand| replace(operand, partial));
    }
}

fn read_loop(looped: &mut ComprehensionExpr, item: Option<&str>) {
    if compares(&looped.loop_step, &looped.iter_var) {
        replace(&mut looped.iter_range, false);
    }
    let inside = gives_severity(&looped.iter_range, item).then(|| looped.iter_var.clone());
    read_within(&mut looped.iter_range, item);
    read_within(&mut looped.accu_init, item);
    for part in [&mut looped.loop_cond, &mut looped.loop_step, &mut looped.result] {
        read_within(part, inside.as_deref());
    }
}

/// Whether a call compares its operands; if so, whether by a part of a text.
fn comparison(call: &CallExpr) -> Option<bool> {
    match call.func_name.as_str() {
        "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_" | "@in" | "_[_]" | "_[?_]" => Some(false),
        "contains" | "startsWith" | "endsWith" | "matches" => Some(true),
        _ => None,
    }
}

/// Whether a variable is compared with the event's severity somewhere in a part.
fn compares(node: &IdedExpr, variable: &str) -> bool {
    let Expr::Call(call) = &node.expr else {
        return false;
    };
    let is_variable = |part: &IdedExpr| matches!(&part.expr, Expr::Ident(name) if name == variable);
    let here = comparison(call).is_some()
        && operands(call).any(is_variable)
        && operands(call).any(|operand| gives_severity(operand, None));
    here || operands(call).any(|operand| compares(operand, variable))
}

/// Whether the event's severity is what a part gives: it itself, an element, a key, or a branch.
fn gives_severity(node: &IdedExpr, item: Option<&str>) -> bool {
    match &node.expr {
        Expr::Ident(name) => Some(name.as_str()) == item,
        Expr::Select(select) => !select.test && select.field == "severity" && is_event(&select.operand),
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            ("_[_]", [whole, key]) => is_event(whole) && is_text(key, "severity"),
            ("_?_:_", [_, one, other]) => gives_severity(one, item) || gives_severity(other, item),
            _ => false,
        },
        Expr::List(list) => list.elements.iter().any(|element| gives_severity(element, item)),
        _ => false,
    }
}

fn is_text(node: &IdedExpr, wanted: &str) -> bool {
    matches!(&node.expr, Expr::Literal(LiteralValue::String(text)) if text.inner() == wanted)
}

/// In the texts that a part gives; `partial`: wherever a text has the word in it.
fn replace(node: &mut IdedExpr, partial: bool) {
    match &mut node.expr {
        Expr::Literal(LiteralValue::String(text))
            if text.inner() == ALIAS || (partial && text.inner().contains(ALIAS)) =>
        {
            *text = text.inner().replace(ALIAS, MEANT).into();
        }
        Expr::Call(call) if call.func_name == "_?_:_" => {
            call.args
                .iter_mut()
                .skip(1)
                .for_each(|branch| replace(branch, partial));
        }
        Expr::List(list) => list
            .elements
            .iter_mut()
            .for_each(|element| replace(element, partial)),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    replace(&mut entry.key, partial);
                }
            }
        }
        _ => {}
    }
}

fn operands(call: &CallExpr) -> impl Iterator<Item = &IdedExpr> {
    call.target.as_deref().into_iter().chain(&call.args)
}

fn operands_mut(call: &mut CallExpr) -> impl Iterator<Item = &mut IdedExpr> {
    call.target.as_deref_mut().into_iter().chain(&mut call.args)
}
