//! Sources to a program: the one call that users of this crate make.

use crate::catalog::Stream;
use crate::error::{ERRORS_MAX, SqlError};
use crate::parser;
use crate::plan::{Planner, created};
use crate::secrets;
use crate::settings::Settings;
use crate::source::{Source, Span};
use kolk::topology::{Kind, Topology};

/// What holds before the first statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The application's name; its internal topics begin with it.
    pub app: String,
    /// The settings with which every source starts, and to which `UNSET` goes back.
    pub settings: Settings,
    /// The kinds of stores that statements may name beside Kafka.
    pub connectors: &'static [&'static Kind],
}

impl Session {
    /// A session of this application in dialect `kolk`.
    pub fn new(app: impl Into<String>) -> Self {
        Self { app: app.into(), settings: Settings::default(), connectors: &[] }
    }
}

/// Compiled SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// The persistent queries.
    pub topology: Topology,
    /// The statements, in order.
    pub statements: Vec<CompiledStatement>,
    /// The streams that there are behind the last statement, declared or made by queries, in order.
    pub streams: Vec<Stream>,
    /// The settings behind the last statement.
    pub settings: Settings,
}

/// One statement of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledStatement {
    /// The name of the source it stands in.
    pub source: String,
    /// Its place there.
    pub span: Span,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// Its text, without the semicolon.
    pub text: String,
    /// The stream that it creates, as written; for a persistent query also the query's name.
    pub creates: Option<String>,
}

/// Compiles sources in order: a statement sees the streams of all before it; settings hold to the end of their source.
///
/// # Errors
/// Everything that is wrong, at most [`ERRORS_MAX`] errors, each with its place. What only follows from another error is
/// not told.
pub fn compile(sources: &[Source], session: &Session) -> Result<Program, Vec<SqlError>> {
    let mut planner = Planner::new(session);
    let mut errors = Vec::new();
    let mut statements = Vec::new();
    for source in sources {
        planner.begin_source();
        let script = parser::parse(&source.text);
        for name in script.broken {
            planner.failed(name);
        }
        let mut problems = script.problems;
        for statement in script.statements {
            match planner.statement(&statement) {
                Ok(()) => {}
                Err(problem) if problem.consequence => {}
                Err(problem) => problems.push(problem),
            }
            let before = source.text.get(..statement.span.start).unwrap_or_default();
            statements.push(CompiledStatement {
                source: source.name.clone(),
                span: statement.span,
                line: before.matches('\n').count() + 1,
                text: statement.span.text(&source.text).to_owned(),
                creates: created(&statement).map(|name| name.text.clone()),
            });
        }
        problems.sort_by_key(|problem| problem.labels.first().map_or(0, |label| label.span.start));
        if !problems.is_empty() {
            let shown = secrets::hidden(source, session.connectors);
            errors.extend(SqlError::all(problems, &shown));
        }
    }
    if errors.is_empty() {
        let (queries, streams, settings) = planner.finish();
        return Ok(Program { topology: Topology { queries }, statements, streams, settings });
    }
    errors.truncate(ERRORS_MAX);
    Err(errors)
}
