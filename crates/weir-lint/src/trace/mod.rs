//! One walk over every function: what happens where. Rules read the events and the frames around
//! them; none walks the tree on its own for what this walk knows.

mod atomic;
pub(crate) mod classify;
mod effects;
mod exprs;
mod network;
pub(crate) mod tables;
mod walk;

pub(crate) use effects::{EffectKind, Effects, Reach};
pub(crate) use walk::trace_module;

use std::collections::HashSet;
use std::sync::Arc;

use crate::infer::{Bound, Query, QueryOp, Ty};
use crate::project::{ClassId, FnId, ModuleId};
use crate::syntax::ast::{Call, Expr, Handler, Span, Stmt};

/// Index of a frame in [`ModuleTrace::frames`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FrameId(u32);

/// Something around an event.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: FrameKind<'a>,
    pub(crate) parent: Option<FrameId>,
    pub(crate) span: Span,
}

/// What is around an event.
#[derive(Debug)]
pub(crate) enum FrameKind<'a> {
    Module,
    /// A function's body.
    Function(FnId),
    /// A lambda, which runs when it is called.
    Lambda,
    /// `transaction.atomic`, or a project function that opens one.
    Atomic(Atomic),
    Loop(Box<Loop<'a>>),
    /// One branch of a condition, with its test.
    Branch(Option<&'a Expr>),
    /// The body of a `try` with these handlers.
    Try(&'a [Handler]),
    Handler,
    /// Another `with`.
    With(&'a Expr),
}

/// How a transaction was opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Atomic {
    /// How many statements the block has; a decorated function counts as many.
    pub(crate) statements: usize,
}

/// A loop or comprehension.
#[derive(Debug)]
pub(crate) struct Loop<'a> {
    pub(crate) kind: LoopKind,
    pub(crate) iter: &'a Expr,
    pub(crate) targets: Vec<&'a str>,
    /// The targets, and names that the body makes from them.
    pub(crate) derived: HashSet<&'a str>,
    pub(crate) bound: Bound,
    pub(crate) body: &'a [Stmt],
    /// Whether an iteration may end the loop: `break`, `return` or `raise` in the body.
    pub(crate) exits: bool,
}

/// The three ways to loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoopKind {
    For,
    While,
    Comprehension,
}

/// Something that happens.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    pub(crate) span: Span,
    pub(crate) frame: FrameId,
    pub(crate) kind: EventKind<'a>,
}

/// What happens.
#[derive(Debug)]
pub(crate) enum EventKind<'a> {
    /// A query method that asks.
    Ask(Ask<'a>),
    /// `instance.save()` or `.delete()` of a model instance.
    Write {
        method: &'a str,
    },
    /// All rows of a queryset are fetched: iteration, `list()`, `len()`, `bool()`.
    Fetch {
        query: Arc<Query>,
        by: FetchBy,
        expr: &'a Expr,
    },
    /// Rows are combined in Python: `sum(row.x for row in query)`, a loop that only adds up.
    Aggregate {
        query: Arc<Query>,
        how: &'static str,
        iter: &'a Expr,
    },
    /// A relation of a row is read.
    Relation(RelationRead<'a>),
    /// The network is used.
    Network(Network),
    /// A background job is handed to a queue.
    Enqueue {
        what: String,
        delayed: bool,
    },
    Sleep {
        seconds: Option<f64>,
    },
    /// A project function is called.
    Call {
        target: FnId,
        call: &'a Call,
    },
    /// A function is handed to another thread.
    Spawn {
        target: &'a Expr,
        ty: Ty<'a>,
        executor: bool,
    },
    /// A callback is registered for after the commit.
    OnCommit {
        callback: &'a Expr,
    },
    /// SQL text is sent.
    Sql {
        text: &'a str,
    },
    /// The cache is read or written.
    Cache {
        op: CacheOp,
        key: Option<&'a Expr>,
    },
    /// A statement whose value is dropped.
    Dropped {
        query: Arc<Query>,
    },
    /// A call nothing else is known of, for rules about single functions.
    Outside {
        path: Arc<str>,
        call: &'a Call,
    },
    /// A method of something unknown or outside.
    Method {
        name: &'a str,
    },
}

/// A query that is sent by a method.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) op: QueryOp,
    pub(crate) method: &'a str,
    pub(crate) query: Arc<Query>,
    pub(crate) expr: &'a Expr,
}

/// How rows are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FetchBy {
    /// `for row in query`.
    Loop,
    /// A comprehension.
    Comprehension,
    /// `list(query)` and the like.
    Collect,
    /// `len(query)`.
    Len,
}

/// A relation read from a row.
#[derive(Debug)]
pub(crate) struct RelationRead<'a> {
    pub(crate) owner: ClassId,
    pub(crate) name: &'a str,
    /// Path from the query's model, `user` or `user__profile`.
    pub(crate) path: String,
    pub(crate) query: Arc<Query>,
    /// The variable at the start of the expression.
    pub(crate) root: &'a str,
    pub(crate) target: Option<ClassId>,
}

/// A use of the network.
#[derive(Debug)]
pub(crate) struct Network {
    /// `requests.post`, `boto3 client`.
    pub(crate) what: String,
    pub(crate) limit: Limit,
}

/// Whether a network call ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// A time limit is given, or the library has a default.
    Given,
    /// None, and the library waits for ever.
    Missing,
    /// `timeout=None` on purpose or by mistake.
    Disabled,
    /// A parameter of the wrapper, which is `None` unless a caller gives it.
    Unset,
    /// Cannot be told.
    Unknown,
}

/// Operations on the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheOp {
    Get,
    Set,
    /// `add`, `lock`: what keeps a stampede out.
    Guard,
    GetOrSet,
}

/// Everything one module does.
#[derive(Debug)]
pub struct ModuleTrace<'a> {
    pub(crate) module: ModuleId,
    pub(crate) frames: Vec<Frame<'a>>,
    pub(crate) events: Vec<Event<'a>>,
    /// Values that are assigned to something.
    pub(crate) kept: HashSet<Span>,
}

impl<'a> ModuleTrace<'a> {
    pub(crate) fn frame(&self, id: FrameId) -> &Frame<'a> {
        &self.frames[id.0 as usize]
    }

    /// The frames around, innermost first.
    pub(crate) fn around(&self, id: FrameId) -> impl Iterator<Item = &Frame<'a>> {
        let mut next = Some(id);
        std::iter::from_fn(move || {
            let frame = self.frame(next?);
            next = frame.parent;
            Some(frame)
        })
    }

    /// The frames around that run when this place runs: up to the nearest function or lambda.
    pub(crate) fn inside(&self, id: FrameId) -> impl Iterator<Item = &Frame<'a>> {
        self.around(id).take_while(|frame| {
            !matches!(frame.kind, FrameKind::Function(_) | FrameKind::Lambda | FrameKind::Module)
        })
    }

    /// The function whose body this place runs in.
    pub(crate) fn function(&self, id: FrameId) -> Option<FnId> {
        self.around(id).find_map(|frame| match frame.kind {
            FrameKind::Function(function) => Some(Some(function)),
            FrameKind::Lambda | FrameKind::Module => Some(None),
            _ => None,
        })?
    }

    /// The innermost transaction that is open when this place runs.
    pub(crate) fn atomic(&self, id: FrameId) -> Option<(&Frame<'a>, Atomic)> {
        self.inside(id).find_map(|frame| match frame.kind {
            FrameKind::Atomic(atomic) => Some((frame, atomic)),
            _ => None,
        })
    }

    /// The loops around, innermost first.
    pub(crate) fn loops(&self, id: FrameId) -> impl Iterator<Item = (&Frame<'a>, &Loop<'a>)> {
        self.inside(id).filter_map(|frame| match &frame.kind {
            FrameKind::Loop(info) => Some((frame, &**info)),
            _ => None,
        })
    }

    /// Whether a condition or handler lies between this place and the frame `outer`.
    pub(crate) fn conditional_below(&self, id: FrameId, outer: Span) -> bool {
        self.inside(id)
            .take_while(|frame| frame.span != outer)
            .any(|frame| matches!(frame.kind, FrameKind::Branch(_) | FrameKind::Handler))
    }
}
