//! JSON as Python's `json` writes it: `Infinity`, `-Infinity` and `NaN` stand there bare.

use std::borrow::Cow;

/// Numbers that are none in JSON, the longer first.
const BARE: [&str; 3] = ["-Infinity", "Infinity", "NaN"];

/// The text with those numbers in quotes, and where each begins in it: line, column and what is added to its line.
pub(super) fn strict(text: &str) -> (Cow<'_, str>, Vec<[usize; 2]>) {
    if !BARE.iter().any(|word| text.contains(word)) {
        return (Cow::Borrowed(text), Vec::new());
    }
    let (mut strict, mut quoted) = (String::with_capacity(text.len() + 16), Vec::new());
    let (mut rest, mut line, mut column) = (text, 1, 0);
    while let Some(letter) = rest.chars().next() {
        let bare = BARE.into_iter().find(|word| rest.starts_with(word));
        let taken = match bare {
            Some(word) => {
                quoted.push([line, column + 1]);
                strict.extend(["\"", word, "\""]);
                column += 2;
                word.len()
            }
            None if letter == '"' => {
                let taken = text_length(rest);
                strict.push_str(&rest[..taken]);
                taken
            }
            None => {
                strict.push(letter);
                letter.len_utf8()
            }
        };
        column += taken;
        if letter == '\n' {
            (line, column) = (line + 1, 0);
        }
        rest = &rest[taken..];
    }
    (Cow::Owned(strict), quoted)
}

/// The column of the text as it is written that this place of the strict one has.
pub(super) fn column(quoted: &[[usize; 2]], [line, column]: [usize; 2]) -> usize {
    let before = quoted.iter().filter(|[at, begin]| *at == line && *begin < column).count();
    column.saturating_sub(2 * before)
}

/// Bytes of the quoted text that this begins with, quotes included.
fn text_length(text: &str) -> usize {
    let mut escaped = true;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_numbers_are_quoted_and_texts_are_left_alone() {
        let text = r#"{"a": [0.0, Infinity], "NaN \" Infinity": -Infinity, "é": NaN}"#;
        let expected = r#"{"a": [0.0, "Infinity"], "NaN \" Infinity": "-Infinity", "é": "NaN"}"#;
        assert_eq!(strict(text).0, expected);
        assert!(matches!(strict("{\"a\": 1}").0, Cow::Borrowed(_)));
        assert_eq!(strict("\"NaN").0, "\"NaN", "a text without an end");
    }

    #[test]
    fn places_are_those_of_the_text_as_it_is_written() {
        let text = "{\"a\": NaN, \"b\": Infinity,\n \"c\": -Infinity, oops}";
        let (strict, quoted) = strict(text);
        let error = serde_json::from_str::<serde_json::Value>(&strict).unwrap_err();
        assert_eq!([error.line(), column(&quoted, [error.line(), error.column()])], [2, 18]);
        assert_eq!(text.lines().nth(1).unwrap().find("oops"), Some(17));
        assert_eq!(column(&quoted, [1, 7]), 7, "the first one itself");
    }
}
