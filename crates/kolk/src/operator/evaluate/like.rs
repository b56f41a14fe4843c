//! LIKE: `%` stands for any text, `_` for one character.

use super::{Batch, evaluate};
use crate::expression::Expression;
use crate::operator::column::Vector;
use arrow_array::BooleanArray;

/// One element of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Character(char),
    AnyCharacter,
    AnyText,
}

pub(super) fn like(
    value: &Expression,
    pattern: &Expression,
    escape: Option<char>,
    batch: &mut Batch<'_>,
) -> Vector {
    let (value, pattern) = (evaluate(value, batch), evaluate(pattern, batch));
    let extent = batch.extent(&[&value, &pattern]);
    let constant =
        pattern.constant.then(|| pattern.text().get(0).map(|text| compile(text, escape)));
    let (values, patterns) = (value.text(), pattern.text());
    let column: BooleanArray = (0..extent.len)
        .map(|row| {
            let text = values.get(row)?;
            match &constant {
                Some(pattern) => Some(matches(pattern.as_deref()?, text)),
                None => Some(matches(&compile(patterns.get(row)?, escape), text)),
            }
        })
        .collect();
    batch.finish(extent, 0, column)
}

fn compile(pattern: &str, escape: Option<char>) -> Vec<Element> {
    let mut elements = Vec::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        elements.push(match letter {
            // An escape at the very end stands for itself.
            letter if Some(letter) == escape => {
                Element::Character(letters.next().unwrap_or(letter))
            }
            '%' => Element::AnyText,
            '_' => Element::AnyCharacter,
            letter => Element::Character(letter),
        });
    }
    elements.dedup_by(|a, b| *a == Element::AnyText && *b == Element::AnyText);
    elements
}

/// Whether the whole text matches: on a mismatch the last `%` takes one character more.
fn matches(pattern: &[Element], text: &str) -> bool {
    let (mut at, mut rest) = (0, text);
    let mut retry: Option<(usize, &str)> = None;
    loop {
        let mut letters = rest.chars();
        let letter = letters.next();
        let fits = match (pattern.get(at), letter) {
            (None, None) => return true,
            (Some(Element::AnyText), _) => {
                retry = Some((at + 1, rest));
                at += 1;
                continue;
            }
            (Some(Element::AnyCharacter), Some(_)) => true,
            (Some(Element::Character(wanted)), Some(letter)) => *wanted == letter,
            _ => false,
        };
        if fits {
            (at, rest) = (at + 1, letters.as_str());
            continue;
        }
        let Some((behind, from)) = retry else { return false };
        let mut letters = from.chars();
        if letters.next().is_none() {
            return false;
        }
        retry = Some((behind, letters.as_str()));
        (at, rest) = (behind, letters.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        for (pattern, text, expected) in [
            ("%foo%", "barfoobaz", true),
            ("foo", "foo", true),
            ("foo", "foobar", false),
            ("f_o", "fño", true),
            ("_", "", false),
            ("%", "", true),
            ("", "", true),
            ("", "a", false),
            ("%%b", "aab", true),
            ("a%b%c", "a-b-b-c", true),
            ("a%b%c", "a-b-b", false),
            ("!%", "%", true),
            ("!%", "a", false),
            ("!!", "!", true),
            ("a!", "a!", true),
            ("%a_b", "aacb", true),
        ] {
            assert_eq!(
                matches(&compile(pattern, Some('!')), text),
                expected,
                "{text} LIKE {pattern}"
            );
        }
    }
}
