//! Regular expressions as Java writes them, matched in linear time.
//!
//! `\d`, `\w`, `\s` and `\b` mean ASCII, as in Java. Look-around, back references and possessive quantifiers, which no automaton
//! has, are refused.

use std::fmt::Write as _;

/// A regular expression.
#[derive(Debug, Clone)]
pub struct Regex {
    compiled: regex::Regex,
}

/// The places of a match and its groups; those that took no part have none.
pub type Groups = Vec<Option<std::ops::Range<usize>>>;

impl Regex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let translated = translated(pattern)?;
        let compiled = regex::Regex::new(&translated).map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => {
                format!("the pattern would take more than {limit} bytes")
            }
            other => {
                // The last line says what; those before it draw the pattern.
                let text = other.to_string();
                let last = text.lines().next_back().unwrap_or_default();
                last.trim_start_matches("error: ").to_owned()
            }
        })?;
        Ok(Self { compiled })
    }

    /// How many groups it has, the whole match not counted.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.compiled.captures_len() - 1
    }

    /// The first match: the whole, then the groups.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Groups> {
        self.matches(text).next()
    }

    /// All matches, one behind the other.
    pub fn matches<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Groups> + 't {
        self.compiled
            .captures_iter(text)
            .map(|groups| groups.iter().map(|group| group.map(|group| group.range())).collect())
    }

    /// The text with every match replaced. In the replacement `$1` and `${name}` stand for groups, a backslash takes what follows
    /// literally.
    ///
    /// # Errors
    /// When the replacement names a group that there is not.
    pub fn replace(&self, text: &str, replacement: &str) -> Result<String, String> {
        let template = template(replacement, &self.compiled)?;
        let (mut result, mut end) = (String::with_capacity(text.len()), 0);
        for groups in self.matches(text) {
            let Some(Some(whole)) = groups.first() else { continue };
            result.push_str(&text[end..whole.start]);
            for part in &template {
                match part {
                    Part::Text(text) => result.push_str(text),
                    Part::Group(number) => {
                        if let Some(Some(group)) = groups.get(*number) {
                            result.push_str(&text[group.clone()]);
                        }
                    }
                }
            }
            end = whole.end;
        }
        result.push_str(&text[end..]);
        Ok(result)
    }
}

/// A part of a replacement.
enum Part {
    Text(String),
    Group(usize),
}

fn template(replacement: &str, regex: &regex::Regex) -> Result<Vec<Part>, String> {
    let (mut parts, mut text) = (Vec::new(), String::new());
    let mut rest = replacement.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => text.push(rest.next().ok_or("the replacement ends in a backslash")?),
            '$' => {
                let group = match rest.as_str().strip_prefix('{').and_then(|r| r.split_once('}')) {
                    Some((name, tail)) => {
                        rest = tail.chars();
                        regex.capture_names().position(|known| known == Some(name))
                    }
                    None => numbered(&mut rest, regex.captures_len()),
                };
                let group = group.ok_or("the replacement names a group that there is not")?;
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Group(group));
            }
            letter => text.push(letter),
        }
    }
    parts.push(Part::Text(text));
    Ok(parts)
}

/// The number of a group: as many digits as still name one.
fn numbered(rest: &mut std::str::Chars<'_>, groups: usize) -> Option<usize> {
    let digit = |rest: &std::str::Chars<'_>| {
        let digit = rest.clone().next()?.to_digit(10)?;
        usize::try_from(digit).ok()
    };
    let mut number = digit(rest).filter(|number| *number < groups)?;
    rest.next();
    while let Some(longer) = digit(rest).map(|digit| number * 10 + digit) {
        if longer >= groups {
            break;
        }
        number = longer;
        rest.next();
    }
    Some(number)
}

/// The same pattern in the letters of the crate.
fn translated(pattern: &str) -> Result<String, String> {
    let mut result = String::with_capacity(pattern.len());
    let mut letters = pattern.chars().peekable();
    let mut in_class = 0_usize;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => escape(&mut letters, in_class > 0, &mut result)?,
            '[' => {
                in_class += 1;
                result.push('[');
            }
            ']' => {
                in_class = in_class.saturating_sub(1);
                result.push(']');
            }
            // What the crate would read as operators of sets, Java does not have.
            '-' | '~' if in_class > 0 && letters.peek() == Some(&letter) => {
                let _ = write!(result, "\\{letter}");
            }
            letter => result.push(letter),
        }
    }
    Ok(result)
}

/// What stands behind a backslash.
fn escape(
    letters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    in_class: bool,
    result: &mut String,
) -> Result<(), String> {
    match letters.next() {
        Some('d') => result.push_str("[0-9]"),
        Some('D') => result.push_str("[^0-9]"),
        Some('w') => result.push_str("[a-zA-Z0-9_]"),
        Some('W') => result.push_str("[^a-zA-Z0-9_]"),
        Some('s') => result.push_str(r"[ \t\n\x0B\f\r]"),
        Some('S') => result.push_str(r"[^ \t\n\x0B\f\r]"),
        Some('h') => {
            result
                .push_str(r"[ \t\x{A0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]");
        }
        Some('R') if !in_class => result.push_str(r"(?:\r\n|[\n\x0B\f\r\x{85}\x{2028}\x{2029}])"),
        Some('b') if !in_class => result.push_str(r"(?-u:\b)"),
        Some('B') if !in_class => result.push_str(r"(?-u:\B)"),
        Some('Z') => result.push_str(r"(?:\n?\z)"),
        Some('e') => result.push_str(r"\x1B"),
        // Everything up to \E as it stands.
        Some('Q') => {
            let mut quoted = String::new();
            for letter in letters.by_ref() {
                quoted.push(letter);
                if quoted.ends_with("\\E") {
                    quoted.truncate(quoted.len() - 2);
                    break;
                }
            }
            result.push_str(&regex::escape(&quoted));
        }
        Some(digit @ '1'..='9') => {
            return Err(format!("the back reference \\{digit} is not supported"));
        }
        Some('u') => {
            let code: String = letters.by_ref().take(4).collect();
            if code.len() != 4 || !code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err("\\u takes four hexadecimal digits".to_owned());
            }
            let _ = write!(result, "\\x{{{code}}}");
        }
        Some(letter) if letter.is_ascii_alphabetic() => {
            result.push('\\');
            result.push(letter);
        }
        Some(letter) => result.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4]))),
        None => return Err("the pattern ends in a backslash".to_owned()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn first(pattern: &str, text: &str) -> Option<String> {
        let groups = Regex::new(pattern).unwrap().find(text)?;
        Some(text[groups[0].clone().unwrap()].to_owned())
    }

    #[test]
    fn patterns_match_as_in_java() {
        for (pattern, text, expected) in [
            ("te.t", "a test", Some("test")),
            (r"\d+", "a12٣", Some("12")),
            (r"\w+", "añb", Some("a")),
            (r"[\w-]+", "a-b c", Some("a-b")),
            (r"[^\d]", "1x", Some("x")),
            (r"\bb", "ab b", Some("b")),
            (r"\Qa.b\E", "axb a.b", Some("a.b")),
            (r"\u0041", "xA", Some("A")),
            (r"a\/b", "a/b", Some("a/b")),
            ("[a--z]", "-", Some("-")),
            ("(?i)HOME", "home", Some("home")),
            (r"\p{L}+", "1é", Some("é")),
            ("x", "y", None),
        ] {
            assert_eq!(first(pattern, text).as_deref(), expected, "{pattern}");
        }
    }

    #[test]
    fn what_no_automaton_has_is_refused() {
        for (pattern, why) in [
            ("(?=a)b", "look-around"),
            (r"(a)\1", r"back reference \1"),
            ("(a", "unclosed group"),
            (r"(\w{500}){5000}", "would take more than"),
            ("a\\", "backslash"),
            (r"\u12", "hexadecimal"),
        ] {
            let error = Regex::new(pattern).unwrap_err();
            assert!(error.contains(why), "{pattern}: {error}");
        }
    }

    #[test]
    fn groups_are_put_into_replacements() {
        let replace = |pattern: &str, text, by| Regex::new(pattern).unwrap().replace(text, by);
        assert_eq!(replace("(a)(b)?", "ab-a", "<$2$1>").unwrap(), "<ba>-<a>");
        assert_eq!(replace("(a)", "a", "$10").unwrap(), "a0");
        assert_eq!(replace("(?<page>[a-z]+)", "/home", "${page}s").unwrap(), "/homes");
        assert_eq!(replace("a", "a", r"\$1\\").unwrap(), r"$1\");
        assert_eq!(replace("", "ab", "-").unwrap(), "-a-b-");
        assert!(replace("a", "a", "$1").is_err());
        assert!(replace("a", "a", "\\").is_err());
    }

    proptest! {
        #[test]
        fn anything_does_no_harm(pattern in "[ab\\\\dwQE\\[\\]()*+?{}1,^$|.-]{0,12}", text in "[ab1 -]{0,12}", by in "[$1{}a\\\\]{0,6}") {
            if let Ok(regex) = Regex::new(&pattern) {
                let _ = (regex.find(&text), regex.replace(&text, &by), regex.groups());
            }
        }
    }
}
