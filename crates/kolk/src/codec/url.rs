//! URLs: their parts as RFC 3986 cuts them, and the encoding of form parameters.

/// The parts of a URL, as they stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Url<'a> {
    /// In front of the first colon.
    pub scheme: Option<&'a str>,
    /// The host, IPv6 with its brackets; none if what stands in its place is no host.
    pub host: Option<&'a str>,
    /// The port.
    pub port: Option<u16>,
    /// From the first slash behind the authority.
    pub path: &'a str,
    /// Behind the question mark.
    pub query: Option<&'a str>,
    /// Behind the number sign.
    pub fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    /// Cuts a URL; `None` when it holds characters that no URL has.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        if !is_sound(text) {
            return None;
        }
        let (rest, fragment) = cut(text, '#');
        let (rest, query) = cut(rest, '?');
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
            // A colon in front of any slash can only end a scheme.
            Some((before, _)) if !before.contains('/') => return None,
            _ => (None, rest),
        };
        let mut url = Self { scheme, path: rest, query, fragment, ..Self::default() };
        if let Some(rest) = rest.strip_prefix("//") {
            let end = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            url.path = path;
            (url.host, url.port) = host(authority);
        }
        Some(url)
    }
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Characters that are allowed somewhere, and escapes of two digits.
fn is_sound(text: &str) -> bool {
    let allowed = |c: char| {
        c.is_ascii_alphanumeric()
            || "-._~:/?#[]@!$&'()*+,;=%".contains(c)
            || !c.is_ascii() && !c.is_whitespace()
    };
    let escapes = text.split('%').skip(1).all(|rest| {
        rest.as_bytes().first_chunk::<2>().is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    escapes && text.chars().all(allowed)
}

/// Host and port of `user@host:port`; none of them where it is not one.
fn host(authority: &str) -> (Option<&str>, Option<u16>) {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let end = if host.starts_with('[') {
        host.find(']').map_or(host.len(), |end| end + 1)
    } else {
        host.find(':').unwrap_or(host.len())
    };
    let (name, port) = host.split_at(end);
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("") => None,
        Some(digits) => match digits.parse() {
            Ok(port) => Some(port),
            Err(_) => return (None, None),
        },
        None => return (None, None),
    };
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '[' | ']' | ':');
    if name.is_empty() || !name.chars().all(sound) { (None, None) } else { (Some(name), port) }
}

/// The text with its escapes taken out; what is no UTF-8 then becomes U+FFFD. `None` for a `%` without two digits.
#[must_use]
pub fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?);
        rest = tail;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A form parameter with its escapes taken out: `+` is a space.
#[must_use]
pub fn decoded_parameter(text: &str) -> Option<String> {
    unescaped(&text.replace('+', " "))
}

/// Text as a form parameter (`application/x-www-form-urlencoded`).
#[must_use]
pub fn encoded_parameter(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            byte => {
                encoded.push('%');
                encoded.push(char::from(HEX[usize::from(byte >> 4)]));
                encoded.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    encoded
}

/// The value of a parameter in a query, decoded: the first of its name. `None` if there is none, or without `=`.
#[must_use]
pub fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (decoded_parameter(key)? == name).then(|| decoded_parameter(value)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_cut() {
        let url = Url::parse("https://ada@shop.example:8443/a/b?x=1&y=%20#top").unwrap();
        let expected = Url {
            scheme: Some("https"),
            host: Some("shop.example"),
            port: Some(8443),
            path: "/a/b",
            query: Some("x=1&y=%20"),
            fragment: Some("top"),
        };
        assert_eq!(url, expected);
        for (text, host, port, path) in [
            ("http://shop.example", Some("shop.example"), None, ""),
            ("http://shop.example?x", Some("shop.example"), None, ""),
            ("http://[::1]:80/", Some("[::1]"), Some(80), "/"),
            ("http://shop.example:/x", Some("shop.example"), None, "/x"),
            ("http://shop_1/x", None, None, "/x"),
            ("http://shop:port/x", None, None, "/x"),
            ("shop.example/x", None, None, "shop.example/x"),
            ("mailto:ada@example", None, None, "ada@example"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host, url.port, url.path), (host, port, path), "{text}");
        }
        for text in ["http://a b", "http://a/%4", "http://a/<x>", "1http://a", ":x"] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }

    #[test]
    fn parameters_are_encoded_and_decoded() {
        assert_eq!(encoded_parameter("a b&ä*"), "a+b%26%C3%A4*");
        assert_eq!(decoded_parameter("a+b%26%C3%A4").as_deref(), Some("a b&ä"));
        assert_eq!(decoded_parameter("100%"), None);
        assert_eq!(unescaped("a+b%20c").as_deref(), Some("a+b c"));
        assert_eq!(parameter("a%20b=c+d&e=1&f", "a b").as_deref(), Some("c d"));
        assert_eq!(parameter("a=1&f", "f"), None);
        assert_eq!(parameter("f=", "f").as_deref(), Some(""));
    }

    proptest! {
        #[test]
        fn parameters_come_back(text in any::<String>()) {
            prop_assert_eq!(decoded_parameter(&encoded_parameter(&text)), Some(text));
        }

        #[test]
        fn anything_does_no_harm(text in "[a-z:/?#@%0-9\\[\\] ]{0,20}") {
            let _ = (Url::parse(&text), unescaped(&text), parameter(&text, "a"));
        }
    }
}
