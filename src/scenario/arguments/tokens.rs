//! Python and JSON in tokens.

/// A piece of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A dotted name or a number.
    Word(String),
    /// A text in quotes.
    Text(String),
    /// A sign.
    Sign(char),
}

/// A token, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) token: Token,
    /// From 1.
    pub(super) line: usize,
    /// Bytes of the text that it begins and ends at.
    pub(super) span: [usize; 2],
}

/// The tokens of a text, without comments; the line of a text in quotes that has no end.
pub(super) fn of(text: &str) -> Result<Vec<Placed>, usize> {
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while let Some(letter) = text[at..].chars().next() {
        let begin = at;
        let rest = &text[at..];
        if letter == '\n' {
            line += 1;
            at += 1;
        } else if letter.is_whitespace() || letter == '\\' {
            at += letter.len_utf8();
        } else if letter == '#' {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if letter == '"' || letter == '\'' {
            let (inner, length) = quoted(rest, letter).ok_or(line)?;
            at += length;
            tokens.push(Placed { token: Token::Text(inner), line, span: [begin, at] });
            line += rest[..length].matches('\n').count();
        } else if letter.is_alphanumeric() || letter == '_' || letter == '.' {
            let number = letter.is_ascii_digit() || letter == '.';
            at += word(rest, number);
            tokens.push(Placed { token: Token::Word(text[begin..at].to_owned()), line, span: [begin, at] });
        } else {
            at += letter.len_utf8();
            tokens.push(Placed { token: Token::Sign(letter), line, span: [begin, at] });
        }
    }
    Ok(tokens)
}

/// Bytes of the name or number that a text begins with; of a number also the sign of its exponent.
fn word(text: &str, number: bool) -> usize {
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        let exponent = number && matches!(letter, '-' | '+') && matches!(before, 'e' | 'E');
        if !(letter.is_alphanumeric() || letter == '_' || letter == '.' || exponent) {
            return at;
        }
        before = letter;
    }
    text.len()
}

/// The text in quotes that this begins with, and its bytes with the quotes.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let three: String = [quote; 3].iter().collect();
    let end = if text.starts_with(&three) { three } else { quote.to_string() };
    let (mut inner, mut at) = (String::new(), end.len());
    loop {
        let rest = text.get(at..)?;
        if rest.starts_with(&end) {
            return Some((inner, at + end.len()));
        }
        let letter = rest.chars().next()?;
        at += letter.len_utf8();
        match letter {
            // A text in one quote ends with its line.
            '\n' if end.len() == 1 => return None,
            '\\' => {
                let escaped = text[at..].chars().next()?;
                at += escaped.len_utf8();
                inner.push(match escaped {
                    'n' => '\n',
                    't' => '\t',
                    other => other,
                });
            }
            other => inner.push(other),
        }
    }
}
