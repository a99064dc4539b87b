//! Our own Python tree: what the rules need and no more, so that the parser's crate can change
//! behind [`super::lower`] alone.

use std::ops::Range;

/// A byte range in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span as a range for slicing the source.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether `other` lies inside this span.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// An identifier or literal text.
pub(crate) type Name = Box<str>;

/// An expression with its place.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) span: Span,
    pub(crate) kind: ExprKind,
}

/// What an expression is.
#[derive(Debug)]
pub(crate) enum ExprKind {
    Name(Name),
    Attr(Box<Expr>, Name),
    Call(Box<Call>),
    Str(Name),
    /// Literal text with each hole as `{}`, then the expressions in the holes.
    FString(Name, Vec<Expr>),
    Bytes,
    Int(i64),
    Float(f64),
    Bool(bool),
    None,
    Ellipsis,
    Subscript(Box<Expr>, Box<Expr>),
    Slice(Box<Slice>),
    Tuple(Vec<Expr>),
    List(Vec<Expr>),
    Set(Vec<Expr>),
    /// Pairs; a `**mapping` item has no key.
    Dict(Vec<(Option<Expr>, Expr)>),
    Comp(Box<Comp>),
    Lambda(Box<Lambda>),
    Await(Box<Expr>),
    Yield(Option<Box<Expr>>),
    Starred(Box<Expr>),
    Named(Box<Expr>, Box<Expr>),
    IfExp(Box<[Expr; 3]>),
    Bool2(Vec<Expr>),
    Not(Box<Expr>),
    /// Unary minus.
    Neg(Box<Expr>),
    Binary(Box<Expr>, BinOp, Box<Expr>),
    Compare(Box<Expr>, Vec<CmpOp>, Vec<Expr>),
    Other,
}

/// The binary operators that the rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Or,
    Other,
}

/// The comparison operators that the rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CmpOp {
    Equal,
    Order,
    Is,
    In,
}

/// `func(args, **keywords)`.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) func: Expr,
    pub(crate) args: Vec<Expr>,
    pub(crate) keywords: Vec<Keyword>,
}

/// `name=value` in a call; `**value` has no name.
#[derive(Debug)]
pub(crate) struct Keyword {
    pub(crate) name: Option<Name>,
    pub(crate) value: Expr,
}

/// `lower:upper` (a step is not kept).
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) lower: Option<Expr>,
    pub(crate) upper: Option<Expr>,
}

/// What a comprehension builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompKind {
    List,
    Set,
    Dict,
    Generator,
}

/// A comprehension or generator expression.
#[derive(Debug)]
pub(crate) struct Comp {
    pub(crate) kind: CompKind,
    pub(crate) elt: Expr,
    pub(crate) value: Option<Expr>,
    pub(crate) generators: Vec<Generator>,
}

/// One `for target in iter if …` of a comprehension.
#[derive(Debug)]
pub(crate) struct Generator {
    pub(crate) target: Expr,
    pub(crate) iter: Expr,
    pub(crate) ifs: Vec<Expr>,
}

/// A lambda.
#[derive(Debug)]
pub(crate) struct Lambda {
    pub(crate) params: Vec<Param>,
    pub(crate) body: Expr,
}

/// A parameter of a function or lambda.
#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) name: Name,
    pub(crate) annotation: Option<Expr>,
    /// `*args` or `**kwargs`: as long as a call in the source has arguments.
    pub(crate) variadic: bool,
    /// Its default is `None`.
    pub(crate) default_none: bool,
}

/// A statement with its place.
#[derive(Debug)]
pub(crate) struct Stmt {
    pub(crate) span: Span,
    pub(crate) kind: StmtKind,
}

/// What a statement is.
#[derive(Debug)]
pub(crate) enum StmtKind {
    Function(Box<Function>),
    Class(Box<Class>),
    Return(Option<Expr>),
    Delete(Vec<Expr>),
    Assign(Vec<Expr>, Expr),
    AugAssign(Expr, BinOp, Expr),
    AnnAssign(Expr, Expr, Option<Expr>),
    For(Box<For>),
    While(Expr, Vec<Stmt>),
    /// The branches in order; `else` has no test.
    If(Vec<Branch>),
    With(Vec<WithItem>, Vec<Stmt>),
    Match(Expr, Vec<Branch>),
    Raise(Option<Expr>),
    Try(Box<Try>),
    Assert(Expr),
    Import(Vec<Alias>),
    ImportFrom {
        module: Option<Name>,
        names: Vec<Alias>,
        level: u32,
    },
    Expr(Expr),
    Break,
    Continue,
    Pass,
}

/// One `if`, `elif`, `else` or `case`.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) test: Option<Expr>,
    pub(crate) body: Vec<Stmt>,
}

/// `for target in iter: body else: orelse`.
#[derive(Debug)]
pub(crate) struct For {
    pub(crate) target: Expr,
    pub(crate) iter: Expr,
    pub(crate) body: Vec<Stmt>,
    pub(crate) orelse: Vec<Stmt>,
}

/// `context as target`.
#[derive(Debug)]
pub(crate) struct WithItem {
    pub(crate) context: Expr,
    pub(crate) target: Option<Expr>,
}

/// A `try` statement.
#[derive(Debug)]
pub(crate) struct Try {
    pub(crate) body: Vec<Stmt>,
    pub(crate) handlers: Vec<Handler>,
    pub(crate) orelse: Vec<Stmt>,
    pub(crate) finalbody: Vec<Stmt>,
}

/// One `except`.
#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) span: Span,
    pub(crate) class: Option<Expr>,
    pub(crate) name: Option<Name>,
    pub(crate) body: Vec<Stmt>,
}

/// `name as alias` in an import.
#[derive(Debug)]
pub(crate) struct Alias {
    pub(crate) name: Name,
    pub(crate) asname: Option<Name>,
}

/// A function definition.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: Name,
    pub(crate) name_span: Span,
    pub(crate) is_async: bool,
    pub(crate) decorators: Vec<Expr>,
    pub(crate) params: Vec<Param>,
    pub(crate) returns: Option<Expr>,
    pub(crate) body: Vec<Stmt>,
}

/// A class definition.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) name: Name,
    pub(crate) decorators: Vec<Expr>,
    pub(crate) bases: Vec<Expr>,
    pub(crate) body: Vec<Stmt>,
}

impl Expr {
    /// The name when the expression is a plain one.
    pub(crate) fn as_name(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The text when the expression is a string literal.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a string literal or of the literal part of an f-string.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Str(text) | ExprKind::FString(text, _) => Some(text),
            _ => None,
        }
    }

    /// The call when the expression is one (through `await`).
    pub(crate) fn as_call(&self) -> Option<&Call> {
        match &self.kind {
            ExprKind::Call(call) => Some(call),
            ExprKind::Await(inner) => inner.as_call(),
            _ => None,
        }
    }

    /// Receiver and attribute name.
    pub(crate) fn as_attr(&self) -> Option<(&Self, &str)> {
        match &self.kind {
            ExprKind::Attr(value, attr) => Some((value, attr)),
            _ => None,
        }
    }

    /// The integer when the expression is an integer literal.
    pub(crate) fn as_int(&self) -> Option<i64> {
        match &self.kind {
            ExprKind::Int(value) => Some(*value),
            _ => None,
        }
    }
}

impl Call {
    /// The value of keyword `name`.
    pub(crate) fn keyword(&self, name: &str) -> Option<&Expr> {
        self.keywords.iter().find(|k| k.name.as_deref() == Some(name)).map(|k| &k.value)
    }

    /// Whether the call passes `**mapping`, which may hold any keyword.
    pub(crate) fn has_double_star(&self) -> bool {
        self.keywords.iter().any(|k| k.name.is_none())
    }

    /// Receiver and method name when the callee is an attribute.
    pub(crate) fn method(&self) -> Option<(&Expr, &str)> {
        self.func.as_attr()
    }
}
