//! `DEFINE name = 'value'`: what variables stand for takes their place among the tokens, before statements are read.

use crate::error::Problem;
use crate::lexer::{Symbol, Token, TokenKind, tokens};
use crate::source::{SOURCE_BYTES_MAX, Span};

/// The variables at a place, by name; names match without case.
#[derive(Default)]
struct Variables {
    values: Vec<(String, String)>,
    /// How many bytes they have been replaced by so far.
    bytes: usize,
}

/// The tokens with the values of variables in place of `${name}`, also inside of text. A variable that is not defined
/// stays: the parser says so, where it is no text. Also what cannot be read in values.
pub(crate) fn substituted(text: &str, read: Vec<Token>) -> (Vec<Token>, Vec<Problem>) {
    let mut variables = Variables::default();
    let mut problems = Vec::new();
    let mut replaced: Vec<Token> = Vec::with_capacity(read.len());
    // Where the statement begins that is being read.
    let mut start = 0;
    for token in read {
        let span = token.span;
        match &token.kind {
            TokenKind::Variable(name) => match variables.value(name) {
                Some(value) => {
                    let (tokens, unreadable) = expanded(&value, span);
                    replaced.extend(tokens);
                    problems.extend(unreadable);
                }
                None => replaced.push(token),
            },
            TokenKind::Text(content) => {
                let kind = TokenKind::Text(variables.inside(content));
                replaced.push(Token { kind, ..token });
            }
            TokenKind::Symbol(Symbol::Semicolon) => {
                variables.take(text, replaced.get(start..).unwrap_or_default());
                replaced.push(token);
                start = replaced.len();
            }
            _ => replaced.push(token),
        }
        if variables.bytes > SOURCE_BYTES_MAX {
            let message = format!("variables stand for more than {SOURCE_BYTES_MAX} bytes");
            problems.push(*Problem::new(span, message, "too much from here on"));
            let end = Span::new(span.end, span.end);
            replaced.push(Token { kind: TokenKind::End, span: end, replaced: None });
            break;
        }
    }
    (replaced, problems)
}

/// The tokens of a value, all at the place of the variable, and what cannot be read in it.
fn expanded(value: &str, span: Span) -> (Vec<Token>, Vec<Problem>) {
    let (mut read, unreadable) = tokens(value);
    read.pop();
    let at_variable = |problem: Box<Problem>| {
        let message = format!("the variable's value cannot be read: {}", problem.message);
        *Problem::new(span, message, "used here")
    };
    for token in &mut read {
        token.replaced = Some(token.span.text(value).into());
        token.span = span;
    }
    (read, unreadable.into_iter().map(at_variable).collect())
}

impl Variables {
    fn value(&mut self, name: &str) -> Option<String> {
        let (_, value) = self.values.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        // One more than its bytes: an empty value used often is bounded too.
        self.bytes += value.len() + 1;
        Some(value.clone())
    }

    /// Text with values in place of `${name}`; `$${name}` stays as `${name}`.
    fn inside(&mut self, content: &str) -> String {
        let mut text = String::with_capacity(content.len());
        let mut rest = content;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            text.push_str(before);
            let name = from[2..].split_once('}').map(|(name, _)| name);
            let escaped = before.ends_with('$');
            let value = if escaped { None } else { name.and_then(|name| self.value(name)) };
            match (value, name) {
                (Some(value), Some(name)) => {
                    text.push_str(&value);
                    rest = &from[name.len() + 3..];
                }
                _ => {
                    if escaped {
                        text.pop();
                    }
                    text.push_str("${");
                    rest = &from[2..];
                }
            }
        }
        text.push_str(rest);
        text
    }

    /// Carries out a statement if it is DEFINE or UNDEFINE.
    fn take(&mut self, text: &str, statement: &[Token]) {
        let word = |at: usize| {
            let token = statement.get(at).filter(|token| token.kind == TokenKind::Word)?;
            Some(token.content(text))
        };
        let Some(name) = word(1) else { return };
        let define = word(0).is_some_and(|word| word.eq_ignore_ascii_case("DEFINE"));
        let undefine = word(0).is_some_and(|word| word.eq_ignore_ascii_case("UNDEFINE"));
        if define || undefine {
            self.values.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        }
        if define && let Some(TokenKind::Text(value)) = statement.get(3).map(|token| &token.kind) {
            self.values.push((name.to_owned(), value.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the tokens read as.
    fn read(text: &str) -> String {
        let (tokens, problems) = substituted(text, tokens(text).0);
        assert_eq!(problems, vec![], "{text}");
        let shown = tokens.iter().map(|token| match &token.kind {
            TokenKind::Text(content) => format!("'{content}'"),
            _ => token.content(text).to_owned(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_value_takes_the_place_of_its_variable_from_its_definition_on() {
        let text = "${a}; DEFINE a = 'x + 1'; ${A} '<${a}>'; UNDEFINE a; ${a}";
        let expected = "${a} ; DEFINE a = 'x + 1' ; x + 1 '<x + 1>' ; UNDEFINE a ; ${a} ";
        assert_eq!(read(text), expected);
    }

    #[test]
    fn text_keeps_what_is_no_variable() {
        let text = "DEFINE a = 'b'; '$${a} ${none} ${ ${a'";
        assert_eq!(read(text), "DEFINE a = 'b' ; '${a} ${none} ${ ${a' ");
    }

    #[test]
    fn values_stand_at_the_place_of_the_variable() {
        let text = "DEFINE a = 'x y'; ${a}";
        let (tokens, _) = substituted(text, tokens(text).0);
        let spans: Vec<Span> = tokens[5..7].iter().map(|token| token.span).collect();
        assert_eq!(spans, vec![Span::new(18, 22), Span::new(18, 22)]);
    }

    #[test]
    fn what_variables_stand_for_is_bounded() {
        let text = format!("DEFINE a = '{}'; {}", "x ".repeat(10_000), "${a} ".repeat(1_000));
        let (tokens, problems) = substituted(&text, tokens(&text).0);
        assert!(problems[0].message.contains("more than"), "{problems:?}");
        assert!(tokens.len() < 5_000_000);
    }
}
