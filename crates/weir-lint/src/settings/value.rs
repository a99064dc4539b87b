//! What a settings expression is worth, through constants, environment defaults and casts.

use crate::project::{ModuleId, Project, Symbol};
use crate::syntax::ast::{BinOp, Expr, ExprKind};

/// How many names and casts are followed.
const DEPTH_MAX: u8 = 6;

/// A settings value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Int(i64),
    Bool(bool),
    Text(String),
    None,
    Unknown,
}

impl Value {
    /// The number, when it is one or reads as one.
    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Bool(_) | Self::None | Self::Unknown => None,
        }
    }

    /// The text, when it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Int(_) | Self::Bool(_) | Self::None | Self::Unknown => None,
        }
    }

    /// Whether Python takes it for true, if known.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::Int(n) => Some(*n != 0),
            Self::Bool(b) => Some(*b),
            Self::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Some(true),
                "" | "false" | "0" | "no" | "off" => Some(false),
                _ => None,
            },
            Self::None => Some(false),
            Self::Unknown => None,
        }
    }
}

/// The value of `expr` in `module`; an environment variable is worth its default.
pub(crate) fn value_of(project: &Project<'_>, module: ModuleId, expr: &Expr) -> Value {
    value_at(project, module, expr, DEPTH_MAX)
}

fn value_at(project: &Project<'_>, module: ModuleId, expr: &Expr, depth: u8) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Unknown };
    match &expr.kind {
        ExprKind::Int(n) => Value::Int(*n),
        #[expect(clippy::cast_possible_truncation, reason = "settings hold small numbers")]
        ExprKind::Float(x) => Value::Int(*x as i64),
        ExprKind::Bool(b) => Value::Bool(*b),
        ExprKind::Str(text) => Value::Text(text.to_string()),
        ExprKind::None => Value::None,
        ExprKind::Binary(left, op, right) => {
            let left = value_at(project, module, left, depth).as_int();
            let right = value_at(project, module, right, depth).as_int();
            arithmetic(left, *op, right)
        }
        ExprKind::Bool2(parts) => {
            parts.last().map_or(Value::Unknown, |last| value_at(project, module, last, depth))
        }
        ExprKind::Name(name) => match project.global(module, name) {
            Some(Symbol::Constant(at, value)) => value_at(project, at, value, depth),
            _ => Value::Unknown,
        },
        ExprKind::Call(call) => {
            let name = call.func.as_attr().map(|(_, attr)| attr).or_else(|| call.func.as_name());
            let default = match name {
                Some("int" | "float" | "str" | "bool") if call.args.len() == 1 => {
                    match call.keyword("default") {
                        Some(default) => Some(default),
                        None if is_read(&call.args[0]) || call.func.as_attr().is_none() => {
                            call.args.first()
                        }
                        None => None,
                    }
                }
                _ => call.keyword("default").or_else(|| call.args.get(1)),
            };
            default.map_or(Value::Unknown, |d| value_at(project, module, d, depth))
        }
        _ => Value::Unknown,
    }
}

/// Whether the argument of a cast is itself read from somewhere.
fn is_read(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Call(_) | ExprKind::Name(_))
}

fn arithmetic(left: Option<i64>, op: BinOp, right: Option<i64>) -> Value {
    let (Some(left), Some(right)) = (left, right) else { return Value::Unknown };
    let result = match op {
        BinOp::Add => left.checked_add(right),
        BinOp::Sub => left.checked_sub(right),
        BinOp::Mul => left.checked_mul(right),
        BinOp::Div => left.checked_div(right),
        BinOp::Mod | BinOp::Or | BinOp::Other => None,
    };
    result.map_or(Value::Unknown, Value::Int)
}
