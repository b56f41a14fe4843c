//! `WINDOW kind (…)`, and lengths of time: `10 SECONDS`.

use super::Parser;
use crate::ast::{Length, Window, WindowKind};
use crate::duration;
use crate::error::{Problem, Result, nearest};
use crate::lexer::Symbol;
use crate::source::Span;

/// The kinds of window and how each is written.
const KINDS: &[(&str, &str)] = &[
    ("TUMBLING", "WINDOW TUMBLING (SIZE 1 HOUR)"),
    ("HOPPING", "WINDOW HOPPING (SIZE 1 HOUR, ADVANCE BY 5 MINUTES)"),
    ("SESSION", "WINDOW SESSION (5 MINUTES)"),
    ("TIMEOUT", "WINDOW TIMEOUT (5 MINUTES)"),
];

/// What a window's parentheses hold.
#[derive(Default)]
struct Parts {
    size: Option<Length>,
    advance: Option<Length>,
    /// The gap of a session, or its time-out.
    alone: Option<Length>,
    retention: Option<Length>,
    grace: Option<Length>,
}

impl Parser<'_> {
    /// `WINDOW kind (…)`.
    pub(super) fn window(&mut self) -> Result<Window> {
        let start = self.expect_word("WINDOW")?;
        // ksqlDB takes a name in front of the kind, which nothing refers to.
        if !self.is_window_kind(0) && self.is_window_kind(1) {
            self.ident("a kind of window")?;
        }
        let Some((kind, example)) = KINDS.iter().find(|(kind, _)| self.is_word(kind)) else {
            let kinds = KINDS.iter().map(|(kind, _)| *kind);
            let help = self
                .word_at(0)
                .and_then(|word| nearest(word, kinds))
                .map(|kind| format!("did you mean {kind}?"));
            return Err(self
                .unexpected(&["TUMBLING", "HOPPING", "SESSION", "TIMEOUT"])
                .maybe_help(help));
        };
        self.bump();
        let parts = self.window_parts(kind, example)?;
        let span = self.span_from(start);
        let missing = |what: &str| {
            Problem::new(span, format!("this window needs {what}"), "not given here").help(*example)
        };
        let kind = match *kind {
            "TUMBLING" => WindowKind::Tumbling { size: parts.size.ok_or_else(|| missing("SIZE"))? },
            "HOPPING" => WindowKind::Hopping {
                size: parts.size.ok_or_else(|| missing("SIZE"))?,
                advance: parts.advance.ok_or_else(|| missing("ADVANCE BY"))?,
            },
            "SESSION" => WindowKind::Session { gap: parts.alone.ok_or_else(|| missing("a gap"))? },
            _ => WindowKind::Timeout { timeout: parts.alone.ok_or_else(|| missing("a time-out"))? },
        };
        Ok(Window { kind, retention: parts.retention, grace: parts.grace, span })
    }

    fn is_window_kind(&self, ahead: usize) -> bool {
        KINDS.iter().any(|(kind, _)| self.is_word_at(ahead, kind))
    }

    fn window_parts(&mut self, kind: &str, example: &str) -> Result<Parts> {
        let mut parts = Parts::default();
        self.expect_symbol(Symbol::LeftParen)?;
        self.separated(|parser| parser.window_part(kind, example, &mut parts))?;
        if !self.eat_symbol(Symbol::RightParen) {
            return Err(self.unexpected(&[",", ")"]));
        }
        Ok(parts)
    }

    fn window_part(&mut self, kind: &str, example: &str, parts: &mut Parts) -> Result<()> {
        let start = self.peek().span;
        let fixed = matches!(kind, "TUMBLING" | "HOPPING");
        let part = if self.eat_words(&["GRACE", "PERIOD"]) {
            &mut parts.grace
        } else if self.eat_word("RETENTION") {
            &mut parts.retention
        } else if fixed && self.eat_word("SIZE") {
            &mut parts.size
        } else if kind == "HOPPING" && self.eat_words(&["ADVANCE", "BY"]) {
            &mut parts.advance
        } else if !fixed && self.word_at(0).is_none() {
            &mut parts.alone
        } else {
            let expected: &[&str] = match kind {
                "TUMBLING" => &["SIZE", "RETENTION", "GRACE PERIOD"],
                "HOPPING" => &["SIZE", "ADVANCE BY", "RETENTION", "GRACE PERIOD"],
                _ => &["a length of time", "RETENTION", "GRACE PERIOD"],
            };
            return Err(self.unexpected(expected).help(example));
        };
        let length = self.length()?;
        if part.replace(length).is_some() {
            let span = self.span_from(start);
            return Err(Problem::new(span, "this is said twice", "the second time"));
        }
        Ok(())
    }

    /// `10 SECONDS`.
    pub(super) fn length(&mut self) -> Result<Length> {
        let start = self.peek().span;
        let count = self.integer("a number and a unit of time", "")?;
        let unit = match self.word_at(0) {
            Some(word) => word.to_owned(),
            None => return Err(self.unexpected(&["a unit of time"]).help(units())),
        };
        if duration::factor(&unit).is_none() {
            let help = nearest(&unit, duration::UNITS.iter().map(|(name, _)| *name))
                .map_or_else(units, |unit| format!("did you mean {}S?", unit.to_uppercase()));
            return Err(self.unexpected(&["a unit of time"]).help(help));
        }
        self.bump();
        let span = self.span_from(start);
        let too_long = |span: Span| {
            Problem::new(span, "this length of time is too long", "more than a thousand years")
        };
        let text = format!("{count} {unit}");
        let duration = duration::parse(&text).map_err(|_| too_long(span))?;
        Ok(Length { duration, span })
    }
}

fn units() -> String {
    "units: MILLISECONDS, SECONDS, MINUTES, HOURS, DAYS".to_owned()
}
