//! Errors that point at a place in the SQL text and say what would be right.

use crate::source::{Source, Span};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};
use std::fmt;
use std::sync::Arc;

/// How many errors one compilation reports at most; what follows is noise.
pub const ERRORS_MAX: usize = 50;

/// Width of a rendered error in characters.
const RENDER_WIDTH: usize = 100;

/// What is wrong, and where, in a source that the caller knows. Parsing and planning return it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// The places; the first is the one to look at.
    pub labels: Vec<Label>,
    /// What would be right.
    pub help: Option<String>,
    /// True when it only follows from an error that was reported: nobody needs to read it.
    pub(crate) consequence: bool,
}

/// A place and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What to say about it.
    pub text: String,
}

impl Problem {
    /// A problem at `span`, where `label` says what is there.
    pub(crate) fn new(
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Box<Self> {
        Box::new(Self {
            message: message.into(),
            labels: vec![Label { span, text: label.into() }],
            help: None,
            consequence: false,
        })
    }

    /// What does not need to be told, because its cause was.
    pub(crate) fn consequence(span: Span, message: impl Into<String>) -> Box<Self> {
        let mut problem = Self::new(span, message, "because of an error above");
        problem.consequence = true;
        problem
    }

    /// Something that ksqlDB's language has and Kolk does not yet.
    pub(crate) fn unsupported(span: Span, what: impl fmt::Display) -> Box<Self> {
        Self::new(span, format!("{what} is not supported yet"), "here")
    }

    /// Says what would be right.
    #[must_use]
    pub(crate) fn help(mut self: Box<Self>, help: impl Into<String>) -> Box<Self> {
        self.help = Some(help.into());
        self
    }

    /// Says what would be right, if that is known.
    #[must_use]
    pub(crate) fn maybe_help(mut self: Box<Self>, help: Option<String>) -> Box<Self> {
        self.help = help.or(self.help);
        self
    }

    /// Points at a second place.
    #[must_use]
    pub(crate) fn label(mut self: Box<Self>, span: Span, text: impl Into<String>) -> Box<Self> {
        self.labels.push(Label { span, text: text.into() });
        self
    }
}

/// Result of a step that can fail at a place in the text.
pub type Result<T, E = Box<Problem>> = std::result::Result<T, E>;

/// A [`Problem`] with the text it stands in: what the user is shown.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{problem}")]
pub struct SqlError {
    problem: Box<Problem>,
    source_code: Arc<Excerpted>,
}

/// A source for miette, with columns that count characters where miette counts bytes.
#[derive(Debug)]
struct Excerpted(Source);

impl SourceCode for Excerpted {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.0.text.read_span(span, lines_before, lines_after)?;
        let column = column(&self.0.text, contents.span().offset());
        Ok(Box::new(MietteSpanContents::new_named(
            self.0.name.clone(),
            contents.data(),
            *contents.span(),
            contents.line(),
            column,
            contents.line_count(),
        )))
    }
}

/// Characters between the start of its line and this byte.
fn column(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.rsplit('\n').next().unwrap_or_default().chars().count()
}

impl SqlError {
    /// The problem, in this source.
    #[must_use]
    pub fn new(problem: Box<Problem>, source: &Source) -> Self {
        Self { problem, source_code: Arc::new(Excerpted(source.clone())) }
    }

    /// Each of the problems, sharing one copy of the source.
    pub(crate) fn all(
        problems: impl IntoIterator<Item = Box<Problem>>,
        source: &Source,
    ) -> Vec<Self> {
        let named = Arc::new(Excerpted(source.clone()));
        let error = |problem| Self { problem, source_code: Arc::clone(&named) };
        problems.into_iter().map(error).collect()
    }

    /// What is wrong and where.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Line and column of the first place, both from 1; columns count characters.
    #[must_use]
    pub fn position(&self) -> (usize, usize) {
        let start = self.problem.labels.first().map_or(0, |label| label.span.start);
        let text = &self.source_code.0.text;
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        (line, column(text, start) + 1)
    }

    /// The error as text with the lines of source it is about, without colour.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
            .with_width(RENDER_WIDTH)
            .with_links(false);
        match handler.render_report(&mut text, self) {
            Ok(()) => text,
            // A report that cannot be drawn is still an error that must be told.
            Err(fmt::Error) => format!("{}: {}\n", self.source_code.0.name, self.problem),
        }
    }
}

impl Diagnostic for SqlError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.problem.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source_code.as_ref())
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.problem.labels.iter().enumerate().map(|(i, label)| {
            let range = (label.span.start, label.span.len());
            let text = Some(label.text.clone());
            if i == 0 {
                LabeledSpan::new_primary_with_span(text, range)
            } else {
                LabeledSpan::new_with_span(text, range)
            }
        })))
    }
}

/// The candidate that `word` was probably meant to be: near enough that a slip of the finger explains it.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > 0.82)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Names in a row, those most like `word` first, the rest in their order; shortened when there are many.
pub(crate) fn listed<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN_MAX: usize = 12;
    let mut names: Vec<&str> = names.into_iter().collect();
    if let Some(first) = nearest(word, names.iter().copied())
        && let Some(at) = names.iter().position(|name| *name == first)
    {
        names[..=at].rotate_right(1);
    }
    let more = names.len().saturating_sub(SHOWN_MAX);
    names.truncate(SHOWN_MAX);
    let mut text = names.join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
