//! Sources as errors may show them: without the secrets that a `WITH` clause gives to a store.

use crate::lexer::{Symbol, Token, TokenKind, tokens};
use crate::source::{Source, Span};
use kolk::topology::{Kind, OptionKind};

/// What stands in place of each character of a secret.
const HIDDEN: char = '*';

/// The source with its secrets hidden. Every place and every line of it stays where it was.
pub(crate) fn hidden(source: &Source, kinds: &[&Kind]) -> Source {
    let options = kinds.iter().flat_map(|kind| kind.options);
    let secret = options.filter(|row| row.kind == OptionKind::Secret).map(|row| row.name);
    let names: Vec<&str> = secret.collect();
    let mut text = source.text.clone();
    for Span { start, end } in places(&source.text, &names) {
        let hide = |c: char| match c {
            '\'' | '\n' => c.to_string(),
            // As many bytes: places count them.
            _ => HIDDEN.to_string().repeat(c.len_utf8()),
        };
        let shown: String = text.get(start..end).unwrap_or_default().chars().map(hide).collect();
        text.replace_range(start..end, &shown);
    }
    Source { name: source.name.clone(), text }
}

/// Where options of these names have their values, in `WITH (…)`.
fn places(text: &str, names: &[&str]) -> Vec<Span> {
    let (tokens, _) = tokens(text);
    let named = |token: &Token| match &token.kind {
        TokenKind::Word => names.iter().any(|it| token.span.text(text).eq_ignore_ascii_case(it)),
        TokenKind::QuotedWord(name) => names.iter().any(|it| name.eq_ignore_ascii_case(it)),
        _ => false,
    };
    let is = |token: &Token, symbol| token.kind == TokenKind::Symbol(symbol);
    let mut inside = false;
    let mut found = Vec::new();
    for window in tokens.windows(3) {
        let [first, second, third] = window else { continue };
        let with =
            first.kind == TokenKind::Word && first.span.text(text).eq_ignore_ascii_case("with");
        inside =
            (inside || with && is(second, Symbol::LeftParen)) && !is(first, Symbol::RightParen);
        if !(inside && named(first) && is(second, Symbol::Equal)) {
            continue;
        }
        match &third.kind {
            // `${env:NAME}` and `${file:PATH}` only say where it is.
            TokenKind::Text(value) if value.starts_with("${") => {}
            // A text that nobody ends is no token.
            TokenKind::End => found.push(Span::new(second.span.end, text.len())),
            _ => found.push(third.span),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use kolk::topology::{OptionRow, Promise, RowForm};

    const OPTIONS: &[OptionRow] = &[
        OptionRow::new("url", OptionKind::Secret, None, "Where."),
        OptionRow::new("table", OptionKind::Text, None, "Which."),
    ];
    static STORE: Kind = Kind {
        name: "store",
        doc: "A store.",
        options: OPTIONS,
        promise: Promise { idempotent_by_key: true, ordered: true, transactional: false },
        keyless: None,
        rows: RowForm::Columns,
        connect: None,
    };

    #[test]
    fn secrets_are_hidden_and_nothing_else_is() {
        let cases = [
            ("WITH (url = 'a''ü', table = 't')", "WITH (url = '*''**', table = 't')"),
            ("with (table='t', URL='one\ntwo') AS", "with (table='t', URL='***\n***') AS"),
            ("WITH (\"url\" = 12)", "WITH (\"url\" = **)"),
            ("WITH (url = '${env:URL}')", "WITH (url = '${env:URL}')"),
            ("WITH (table = 't', url = 'open", "WITH (table = 't', url =*'****"),
            (
                "WITH (table = 't') AS SELECT a WHERE url = 'x'",
                "WITH (table = 't') AS SELECT a WHERE url = 'x'",
            ),
        ];
        for (text, shown) in cases {
            assert_eq!(hidden(&Source::new("a.sql", text), &[&STORE]).text, shown);
        }
    }
}
