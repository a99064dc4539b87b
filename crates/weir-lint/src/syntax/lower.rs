//! The one file that knows the parser's crate: text in, our own tree out.
//!
//! `ruff_python_parser` is an internal component of another project and pinned exactly; it
//! recovers from syntax errors, so a broken file still yields the tree of its sound parts.

use ruff_python_ast as ruff;
use ruff_python_parser::{ParseOptions, parse_unchecked};
use ruff_text_size::{Ranged, TextRange};

use super::ast::{
    Alias, BinOp, Branch, Call, Class, CmpOp, Comp, CompKind, Expr, ExprKind, For, Function,
    Generator, Handler, Keyword, Lambda, Name, Param, Slice, Span, Stmt, StmtKind, Try, WithItem,
};

/// A syntax error: where, and the parser's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) span: Span,
    pub(crate) message: String,
}

/// Parses `source`. The caller has checked size and nesting ([`super::guard`]).
pub(crate) fn parse(source: &str) -> (Vec<Stmt>, Option<SyntaxError>) {
    let parsed = parse_unchecked(source, ParseOptions::from(ruff_python_parser::Mode::Module));
    let error = parsed
        .errors()
        .first()
        .map(|error| SyntaxError { span: span(error.location), message: error.error.to_string() });
    let body = match parsed.syntax() {
        ruff::Mod::Module(module) => block(&module.body),
        ruff::Mod::Expression(_) => Vec::new(),
    };
    (body, error)
}

fn span(range: TextRange) -> Span {
    Span { start: range.start().to_u32(), end: range.end().to_u32() }
}

fn name(identifier: &ruff::Identifier) -> Name {
    identifier.id.as_str().into()
}

fn block(body: &[ruff::Stmt]) -> Vec<Stmt> {
    body.iter().map(stmt).collect()
}

fn stmt(node: &ruff::Stmt) -> Stmt {
    Stmt { span: span(node.range()), kind: stmt_kind(node) }
}

fn stmt_kind(node: &ruff::Stmt) -> StmtKind {
    match node {
        ruff::Stmt::FunctionDef(def) => StmtKind::Function(Box::new(function(def))),
        ruff::Stmt::ClassDef(def) => StmtKind::Class(Box::new(class(def))),
        ruff::Stmt::Return(s) => StmtKind::Return(s.value.as_deref().map(expr)),
        ruff::Stmt::Delete(s) => StmtKind::Delete(exprs(&s.targets)),
        ruff::Stmt::Assign(s) => StmtKind::Assign(exprs(&s.targets), expr(&s.value)),
        ruff::Stmt::AugAssign(s) => {
            StmtKind::AugAssign(expr(&s.target), bin_op(s.op), expr(&s.value))
        }
        ruff::Stmt::AnnAssign(s) => {
            StmtKind::AnnAssign(expr(&s.target), expr(&s.annotation), s.value.as_deref().map(expr))
        }
        ruff::Stmt::For(s) => StmtKind::For(Box::new(For {
            target: expr(&s.target),
            iter: expr(&s.iter),
            body: block(&s.body),
            orelse: block(&s.orelse),
        })),
        ruff::Stmt::While(s) => StmtKind::While(expr(&s.test), block(&s.body)),
        ruff::Stmt::If(s) => StmtKind::If(branches(s)),
        ruff::Stmt::With(s) => {
            StmtKind::With(s.items.iter().map(with_item).collect(), block(&s.body))
        }
        ruff::Stmt::Match(s) => {
            StmtKind::Match(expr(&s.subject), s.cases.iter().map(case).collect())
        }
        ruff::Stmt::Raise(s) => StmtKind::Raise(s.exc.as_deref().map(expr)),
        ruff::Stmt::Try(s) => StmtKind::Try(Box::new(try_stmt(s))),
        ruff::Stmt::Assert(s) => StmtKind::Assert(expr(&s.test)),
        ruff::Stmt::Import(s) => StmtKind::Import(aliases(&s.names)),
        ruff::Stmt::ImportFrom(s) => StmtKind::ImportFrom {
            module: s.module.as_ref().map(name),
            names: aliases(&s.names),
            level: s.level,
        },
        ruff::Stmt::Expr(s) => StmtKind::Expr(expr(&s.value)),
        ruff::Stmt::Break(_) => StmtKind::Break,
        ruff::Stmt::Continue(_) => StmtKind::Continue,
        ruff::Stmt::TypeAlias(_)
        | ruff::Stmt::Global(_)
        | ruff::Stmt::Nonlocal(_)
        | ruff::Stmt::Pass(_)
        | ruff::Stmt::IpyEscapeCommand(_) => StmtKind::Pass,
    }
}

fn function(def: &ruff::StmtFunctionDef) -> Function {
    Function {
        name: name(&def.name),
        name_span: span(def.name.range()),
        is_async: def.is_async,
        decorators: decorators(&def.decorator_list),
        params: params(&def.parameters),
        returns: def.returns.as_deref().map(expr),
        body: block(&def.body),
    }
}

fn class(def: &ruff::StmtClassDef) -> Class {
    let bases = def.arguments.as_ref().map(|a| exprs(&a.args)).unwrap_or_default();
    Class {
        name: name(&def.name),
        decorators: decorators(&def.decorator_list),
        bases,
        body: block(&def.body),
    }
}

fn decorators(list: &[ruff::Decorator]) -> Vec<Expr> {
    list.iter().map(|d| expr(&d.expression)).collect()
}

fn params(parameters: &ruff::Parameters) -> Vec<Param> {
    let plain = |p: &ruff::Parameter, variadic: bool, default: Option<&ruff::Expr>| Param {
        default_none: matches!(default, Some(ruff::Expr::NoneLiteral(_))),
        variadic,
        name: name(&p.name),
        annotation: p.annotation.as_deref().map(expr),
    };
    parameters
        .posonlyargs
        .iter()
        .chain(&parameters.args)
        .chain(&parameters.kwonlyargs)
        .map(|p| plain(&p.parameter, false, p.default.as_deref()))
        .chain(parameters.vararg.iter().chain(&parameters.kwarg).map(|p| plain(p, true, None)))
        .collect()
}

fn branches(node: &ruff::StmtIf) -> Vec<Branch> {
    let first = Branch { test: Some(expr(&node.test)), body: block(&node.body) };
    let rest = node.elif_else_clauses.iter();
    std::iter::once(first)
        .chain(rest.map(|c| Branch { test: c.test.as_ref().map(expr), body: block(&c.body) }))
        .collect()
}

fn case(node: &ruff::MatchCase) -> Branch {
    Branch { test: node.guard.as_deref().map(expr), body: block(&node.body) }
}

fn with_item(item: &ruff::WithItem) -> WithItem {
    WithItem { context: expr(&item.context_expr), target: item.optional_vars.as_deref().map(expr) }
}

fn try_stmt(node: &ruff::StmtTry) -> Try {
    let handlers = node.handlers.iter().map(|handler| {
        let ruff::ExceptHandler::ExceptHandler(h) = handler;
        Handler {
            span: span(h.range),
            class: h.type_.as_deref().map(expr),
            name: h.name.as_ref().map(name),
            body: block(&h.body),
        }
    });
    Try {
        body: block(&node.body),
        handlers: handlers.collect(),
        orelse: block(&node.orelse),
        finalbody: block(&node.finalbody),
    }
}

fn aliases(names: &[ruff::Alias]) -> Vec<Alias> {
    names
        .iter()
        .map(|a| Alias { name: name(&a.name), asname: a.asname.as_ref().map(name) })
        .collect()
}

fn exprs(list: &[ruff::Expr]) -> Vec<Expr> {
    list.iter().map(expr).collect()
}

fn boxed(node: &ruff::Expr) -> Box<Expr> {
    Box::new(expr(node))
}

fn expr(node: &ruff::Expr) -> Expr {
    Expr { span: span(node.range()), kind: expr_kind(node) }
}

fn expr_kind(node: &ruff::Expr) -> ExprKind {
    match node {
        ruff::Expr::Name(e) => ExprKind::Name(e.id.as_str().into()),
        ruff::Expr::Attribute(e) => ExprKind::Attr(boxed(&e.value), name(&e.attr)),
        ruff::Expr::Call(e) => ExprKind::Call(Box::new(call(e))),
        ruff::Expr::Subscript(e) => ExprKind::Subscript(boxed(&e.value), boxed(&e.slice)),
        ruff::Expr::Slice(e) => ExprKind::Slice(Box::new(Slice {
            lower: e.lower.as_deref().map(expr),
            upper: e.upper.as_deref().map(expr),
        })),
        ruff::Expr::Tuple(e) => ExprKind::Tuple(exprs(&e.elts)),
        ruff::Expr::List(e) => ExprKind::List(exprs(&e.elts)),
        ruff::Expr::Set(e) => ExprKind::Set(exprs(&e.elts)),
        ruff::Expr::Dict(e) => ExprKind::Dict(
            e.items.iter().map(|i| (i.key.as_ref().map(expr), expr(&i.value))).collect(),
        ),
        ruff::Expr::Await(e) => ExprKind::Await(boxed(&e.value)),
        ruff::Expr::Yield(e) => ExprKind::Yield(e.value.as_deref().map(boxed)),
        ruff::Expr::YieldFrom(e) => ExprKind::Yield(Some(boxed(&e.value))),
        ruff::Expr::Starred(e) => ExprKind::Starred(boxed(&e.value)),
        ruff::Expr::Named(e) => ExprKind::Named(boxed(&e.target), boxed(&e.value)),
        ruff::Expr::If(e) => {
            ExprKind::IfExp(Box::new([expr(&e.test), expr(&e.body), expr(&e.orelse)]))
        }
        ruff::Expr::BoolOp(e) => ExprKind::Bool2(exprs(&e.values)),
        ruff::Expr::UnaryOp(e) => unary(e),
        ruff::Expr::BinOp(e) => ExprKind::Binary(boxed(&e.left), bin_op(e.op), boxed(&e.right)),
        ruff::Expr::Compare(e) => ExprKind::Compare(
            boxed(&e.left),
            e.ops.iter().map(cmp_op).collect(),
            exprs(&e.comparators),
        ),
        ruff::Expr::Lambda(e) => ExprKind::Lambda(Box::new(Lambda {
            params: e.parameters.as_deref().map(params).unwrap_or_default(),
            body: expr(&e.body),
        })),
        ruff::Expr::ListComp(e) => comp(CompKind::List, &e.elt, None, &e.generators),
        ruff::Expr::SetComp(e) => comp(CompKind::Set, &e.elt, None, &e.generators),
        ruff::Expr::Generator(e) => comp(CompKind::Generator, &e.elt, None, &e.generators),
        ruff::Expr::DictComp(e) => {
            let key = e.key.as_deref().unwrap_or(&e.value);
            comp(CompKind::Dict, key, Some(&e.value), &e.generators)
        }
        ruff::Expr::TString(_) | ruff::Expr::IpyEscapeCommand(_) => ExprKind::Other,
        ruff::Expr::StringLiteral(e) => ExprKind::Str(e.value.to_str().into()),
        ruff::Expr::FString(e) => fstring(e),
        ruff::Expr::BytesLiteral(_) => ExprKind::Bytes,
        ruff::Expr::NumberLiteral(e) => number(&e.value),
        ruff::Expr::BooleanLiteral(e) => ExprKind::Bool(e.value),
        ruff::Expr::NoneLiteral(_) => ExprKind::None,
        ruff::Expr::EllipsisLiteral(_) => ExprKind::Ellipsis,
    }
}

fn call(node: &ruff::ExprCall) -> Call {
    let keywords = node.arguments.keywords.iter();
    Call {
        func: expr(&node.func),
        args: exprs(&node.arguments.args),
        keywords: keywords
            .map(|k| Keyword { name: k.arg.as_ref().map(name), value: expr(&k.value) })
            .collect(),
    }
}

fn unary(node: &ruff::ExprUnaryOp) -> ExprKind {
    match node.op {
        ruff::UnaryOp::Not => ExprKind::Not(boxed(&node.operand)),
        ruff::UnaryOp::USub => ExprKind::Neg(boxed(&node.operand)),
        ruff::UnaryOp::UAdd => expr_kind(&node.operand),
        ruff::UnaryOp::Invert => ExprKind::Binary(
            boxed(&node.operand),
            BinOp::Other,
            Box::new(Expr { span: span(node.range()), kind: ExprKind::None }),
        ),
    }
}

fn number(value: &ruff::Number) -> ExprKind {
    match value {
        ruff::Number::Int(int) => int.as_i64().map_or(ExprKind::Other, ExprKind::Int),
        ruff::Number::Float(float) => ExprKind::Float(*float),
        ruff::Number::Complex { .. } => ExprKind::Other,
    }
}

fn bin_op(op: ruff::Operator) -> BinOp {
    match op {
        ruff::Operator::Add => BinOp::Add,
        ruff::Operator::Sub => BinOp::Sub,
        ruff::Operator::Mult => BinOp::Mul,
        ruff::Operator::Div | ruff::Operator::FloorDiv => BinOp::Div,
        ruff::Operator::Mod => BinOp::Mod,
        ruff::Operator::BitOr => BinOp::Or,
        ruff::Operator::MatMult
        | ruff::Operator::Pow
        | ruff::Operator::LShift
        | ruff::Operator::RShift
        | ruff::Operator::BitXor
        | ruff::Operator::BitAnd => BinOp::Other,
    }
}

fn cmp_op(op: &ruff::CmpOp) -> CmpOp {
    match op {
        ruff::CmpOp::Eq | ruff::CmpOp::NotEq => CmpOp::Equal,
        ruff::CmpOp::Lt | ruff::CmpOp::LtE | ruff::CmpOp::Gt | ruff::CmpOp::GtE => CmpOp::Order,
        ruff::CmpOp::Is | ruff::CmpOp::IsNot => CmpOp::Is,
        ruff::CmpOp::In | ruff::CmpOp::NotIn => CmpOp::In,
    }
}

fn comp(
    kind: CompKind,
    elt: &ruff::Expr,
    value: Option<&ruff::Expr>,
    generators: &[ruff::Comprehension],
) -> ExprKind {
    let generators = generators.iter().map(|g| Generator {
        target: expr(&g.target),
        iter: expr(&g.iter),
        ifs: exprs(&g.ifs),
    });
    ExprKind::Comp(Box::new(Comp {
        kind,
        elt: expr(elt),
        value: value.map(expr),
        generators: generators.collect(),
    }))
}

fn fstring(node: &ruff::ExprFString) -> ExprKind {
    let mut text = String::new();
    let mut holes = Vec::new();
    for part in &node.value {
        match part {
            ruff::FStringPart::Literal(literal) => text.push_str(literal),
            ruff::FStringPart::FString(f) => {
                for element in &f.elements {
                    match element {
                        ruff::InterpolatedStringElement::Literal(literal) => {
                            text.push_str(&literal.value);
                        }
                        ruff::InterpolatedStringElement::Interpolation(hole) => {
                            text.push_str("{}");
                            holes.push(expr(&hole.expression));
                        }
                    }
                }
            }
        }
    }
    ExprKind::FString(text.into(), holes)
}
