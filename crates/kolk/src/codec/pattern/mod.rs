//! Formats of time-stamps in Java's letters (`DateTimeFormatter`): `yyyy-MM-dd'T'HH:mm:ss.SSSX`.
//!
//! | letters | field | | letters | field |
//! |---|---|---|---|---|
//! | `y` `u` | year; `yy` is 2000 to 2099 | | `S` | fraction of a second |
//! | `M` `L` | month; `MMM` Jan, `MMMM` January | | `A` | millisecond of the day |
//! | `d` | day of the month | | `n` | nanosecond |
//! | `D` | day of the year | | `a` | AM, PM |
//! | `E` | Mon; `EEEE` Monday | | `X` `x` `Z` | offset, `X` with Z for zero |
//! | `H` `k` | hour 0 to 23, 1 to 24 | | `O` | GMT+1 |
//! | `h` `K` | hour 1 to 12, 0 to 11 | | `z` | zone's short name |
//! | `m` `s` | minute, second | | `VV` | zone's id |
//!
//! Text in quotes stands for itself, `''` for a quote, what is in brackets may be missing. Text is matched without regard to
//! case, names are English, offsets are read in all their forms. What the format does not tell is that of 1970-01-01T00:00, in
//! the session's time zone.

mod read;
mod show;
#[cfg(test)]
mod tests;

/// How deep brackets may be nested.
const DEPTH_MAX: usize = 8;
/// Bytes of a format, at most.
const FORMAT_MAX: usize = 512;
/// Longest run of one letter.
const RUN_MAX: usize = 19;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A format, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Literal(String),
    /// A number of at least so many digits; of one, any number.
    Number(Field, usize),
    /// A fraction of a second with so many digits.
    Fraction(usize),
    Month(Name),
    Weekday(Name),
    AmPm,
    Offset(Offset, usize),
    ZoneName,
    ZoneId,
    Optional(Vec<Self>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    Month,
    Day,
    DayOfYear,
    Hour24,
    Hour24From1,
    Hour12,
    Hour12From0,
    Minute,
    Second,
    MilliOfDay,
    Nano,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Short,
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offset {
    /// `X`: Z for zero.
    OrZ,
    /// `x`.
    Plain,
    /// `Z`.
    Basic,
    /// `O`.
    Gmt,
}

impl Pattern {
    /// Compiles a format.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(format: &str) -> Result<Self, String> {
        if format.len() > FORMAT_MAX {
            return Err(format!("a format has at most {FORMAT_MAX} bytes"));
        }
        let mut rest = format;
        let items = items(&mut rest, 0)?;
        if rest.is_empty() { Ok(Self { items }) } else { Err("a ] without [ before it".to_owned()) }
    }
}

fn items(rest: &mut &str, depth: usize) -> Result<Vec<Item>, String> {
    if depth > DEPTH_MAX {
        return Err(format!("brackets are nested deeper than {DEPTH_MAX}"));
    }
    let mut items = Vec::new();
    while let Some(letter) = rest.chars().next() {
        match letter {
            '\'' => items.push(Item::Literal(quoted(rest)?)),
            '[' => {
                *rest = &rest[1..];
                items.push(Item::Optional(self::items(rest, depth + 1)?));
                *rest = rest.strip_prefix(']').ok_or("a [ without ] behind it")?;
            }
            ']' => break,
            'A'..='Z' | 'a'..='z' => {
                let count = rest.len() - rest.trim_start_matches(letter).len();
                *rest = &rest[count..];
                items.push(field(letter, count)?);
            }
            '{' | '}' | '#' => {
                return Err(format!("{letter} has no meaning yet: put it in quotes"));
            }
            other => {
                *rest = &rest[other.len_utf8()..];
                items.push(Item::Literal(other.to_string()));
            }
        }
    }
    Ok(items)
}

/// The text of a quoted section at the front of `rest`.
fn quoted(rest: &mut &str) -> Result<String, String> {
    let mut inside = &rest[1..];
    if let Some(tail) = inside.strip_prefix('\'') {
        *rest = tail;
        return Ok("'".to_owned());
    }
    let mut text = String::new();
    loop {
        let end = inside.find('\'').ok_or("a quote without its end")?;
        text.push_str(&inside[..end]);
        inside = &inside[end + 1..];
        match inside.strip_prefix('\'') {
            Some(tail) => {
                text.push('\'');
                inside = tail;
            }
            None => {
                *rest = inside;
                return Ok(text);
            }
        }
    }
}

fn field(letter: char, count: usize) -> Result<Item, String> {
    if count > RUN_MAX {
        return Err(format!("more than {RUN_MAX} times {letter}"));
    }
    let name = if count >= 4 { Name::Full } else { Name::Short };
    Ok(match letter {
        'y' | 'u' => Item::Number(Field::Year, count),
        'M' | 'L' if count <= 2 => Item::Number(Field::Month, count),
        'M' | 'L' if count <= 4 => Item::Month(name),
        'd' if count <= 2 => Item::Number(Field::Day, count),
        'D' if count <= 3 => Item::Number(Field::DayOfYear, count),
        'E' if count <= 4 => Item::Weekday(name),
        'H' if count <= 2 => Item::Number(Field::Hour24, count),
        'k' if count <= 2 => Item::Number(Field::Hour24From1, count),
        'h' if count <= 2 => Item::Number(Field::Hour12, count),
        'K' if count <= 2 => Item::Number(Field::Hour12From0, count),
        'm' if count <= 2 => Item::Number(Field::Minute, count),
        's' if count <= 2 => Item::Number(Field::Second, count),
        'S' if count <= 9 => Item::Fraction(count),
        'A' => Item::Number(Field::MilliOfDay, count),
        'n' => Item::Number(Field::Nano, count),
        'a' if count == 1 => Item::AmPm,
        'X' if count <= 5 => Item::Offset(Offset::OrZ, count),
        'x' if count <= 5 => Item::Offset(Offset::Plain, count),
        'Z' if count <= 5 => Item::Offset(Offset::Basic, count),
        'O' if count == 1 || count == 4 => Item::Offset(Offset::Gmt, count),
        'z' if count <= 4 => Item::ZoneName,
        'V' if count == 2 => Item::ZoneId,
        'Y' | 'w' | 'W' | 'e' | 'c' => {
            return Err(format!("{letter} counts weeks, which is not supported: y is the year"));
        }
        letter => {
            let letters = letter.to_string().repeat(count);
            return Err(format!(
                "{letters} is no field: letters that stand for themselves go in quotes"
            ));
        }
    })
}
