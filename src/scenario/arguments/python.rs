//! Calls with keyword arguments, as Python writes them, and tables as JSON does. Nothing is run.

use super::Fault;
use super::literal::{Item, Literal, bare};
use super::tokens::{self, Placed, Token};

/// Deeper no configuration goes.
const DEEPEST: usize = 16;

/// A call: the dotted name, its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// As it is written: `AutoModelForCausalLM.from_pretrained`.
    pub(super) name: String,
    /// The line of the name, from 1.
    pub(super) line: usize,
    /// The first argument, where it has no name.
    pub(super) first: Option<Literal>,
    /// The named arguments.
    pub(super) arguments: Vec<Item>,
}

/// The calls in a text whose name is `wanted`, those inside others too.
pub(super) fn calls(text: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<Call>, Fault> {
    let tokens = tokens::of(text).map_err(|line| Fault::at(line, "a text in quotes that does not end"))?;
    let mut calls = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        let ([Placed { token: Token::Word(name), line, .. }, Placed { token: Token::Sign('('), .. }], true) =
            (pair, at == 0 || !defines(&tokens[at - 1]))
        else {
            continue;
        };
        if wanted(name) {
            let mut parser = Parser { text, tokens: &tokens, at: at + 2 };
            let (first, arguments) = parser.arguments(*line)?;
            calls.push(Call { name: name.clone(), line: *line, first, arguments });
        }
    }
    Ok(calls)
}

fn defines(token: &Placed) -> bool {
    matches!(&token.token, Token::Word(word) if word == "def" || word == "class")
}

/// The table that a text is.
pub(super) fn table(text: &str) -> Result<Vec<Item>, Fault> {
    let tokens = tokens::of(text).map_err(|line| Fault::at(line, "a text in quotes that does not end"))?;
    let mut parser = Parser { text, tokens: &tokens, at: 0 };
    let line = parser.line();
    let value = parser.value(0)?;
    let rest = parser.line();
    match value {
        Literal::Table(items) if parser.at == tokens.len() => Ok(items),
        Literal::Table(_) => Err(Fault::at(rest, "something stands after the table's end")),
        _ => Err(Fault::at(line, "expected a table, `{…}`")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Placed],
    at: usize,
}

impl Parser<'_> {
    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    fn sign(&self) -> Option<char> {
        match self.tokens.get(self.at)?.token {
            Token::Sign(sign) => Some(sign),
            _ => None,
        }
    }

    fn takes(&mut self, sign: char) -> bool {
        let is = self.sign() == Some(sign);
        self.at += usize::from(is);
        is
    }

    /// What stands between the parentheses of a call that begins in a line.
    fn arguments(&mut self, line: usize) -> Result<(Option<Literal>, Vec<Item>), Fault> {
        let (mut first, mut items) = (None, Vec::new());
        let mut index = 0;
        while !self.takes(')') {
            if self.at >= self.tokens.len() {
                return Err(Fault::at(line, "a call that does not end"));
            }
            let named = match (self.tokens.get(self.at), self.tokens.get(self.at + 1)) {
                (Some(Placed { token: Token::Word(name), .. }), Some(Placed { token: Token::Sign('='), .. })) => {
                    Some(name.clone())
                }
                _ => None,
            };
            let line = self.line();
            if named.is_some() {
                self.at += 2;
            }
            let value = self.argument()?;
            match named {
                Some(name) => items.push(Item { name, value, line }),
                None if index == 0 => first = Some(value),
                // `**arguments`, or a value whose name only the code knows.
                None => items.push(Item { name: value.shown(), value: Literal::Other(String::new()), line }),
            }
            index += 1;
            if !self.takes(',') && self.sign() != Some(')') {
                return Err(Fault::at(self.line(), "expected `,` or `)`"));
            }
        }
        Ok((first, items))
    }

    /// A value that ends at a comma or the end of what is around it; as it is written, where it is no literal.
    fn argument(&mut self) -> Result<Literal, Fault> {
        let begin = self.at;
        if let Ok(value) = self.value(0)
            && matches!(self.sign(), Some(',' | ')' | ']' | '}'))
        {
            return Ok(value);
        }
        self.at = begin;
        let mut depth = 0_usize;
        while let Some(token) = self.tokens.get(self.at) {
            match token.token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(',' | ')' | ']' | '}') if depth == 0 => break,
                Token::Sign(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        let (Some(first), Some(last)) =
            (self.tokens.get(begin), self.at.checked_sub(1).and_then(|at| self.tokens.get(at)))
        else {
            return Err(Fault::at(self.line(), "a value is missing"));
        };
        // A call is known by its name: those that are understood are read for themselves.
        if let (Token::Word(name), Some(Token::Sign('('))) =
            (&first.token, self.tokens.get(begin + 1).map(|token| &token.token))
        {
            return Ok(Literal::Name(format!("{name}(…)")));
        }
        Ok(Literal::Other(self.text.get(first.span[0]..last.span[1]).unwrap_or_default().to_owned()))
    }

    /// A literal, or a sum or product of numbers.
    fn value(&mut self, depth: usize) -> Result<Literal, Fault> {
        let mut sum = self.product(depth)?;
        while let Some(sign @ ('+' | '-')) = self.sign() {
            self.at += 1;
            let next = self.product(depth)?;
            let (Literal::Number(one), Literal::Number(other)) = (&sum, &next) else {
                return Err(Fault::at(self.line(), "no sum of numbers"));
            };
            sum = Literal::Number(if sign == '+' { one + other } else { one - other });
        }
        Ok(sum)
    }

    fn product(&mut self, depth: usize) -> Result<Literal, Fault> {
        let mut product = self.single(depth)?;
        while self.takes('*') {
            // `**` is a power.
            let power = self.takes('*');
            let next = self.single(depth)?;
            let (Literal::Number(one), Literal::Number(other)) = (&product, &next) else {
                return Err(Fault::at(self.line(), "no product of numbers"));
            };
            product = Literal::Number(if power { one.powf(*other) } else { one * other });
        }
        Ok(product)
    }

    fn single(&mut self, depth: usize) -> Result<Literal, Fault> {
        let line = self.line();
        if depth > DEEPEST {
            return Err(Fault::at(line, "nested too deeply"));
        }
        let Some(token) = self.tokens.get(self.at) else { return Err(Fault::at(line, "a value is missing")) };
        self.at += 1;
        match &token.token {
            Token::Text(text) => {
                let mut text = text.clone();
                // Texts that follow each other are one.
                while let Some(Placed { token: Token::Text(more), .. }) = self.tokens.get(self.at) {
                    text.push_str(more);
                    self.at += 1;
                }
                Ok(Literal::Text(text))
            }
            Token::Word(word) => Ok(bare(word)),
            Token::Sign('-') => match self.single(depth + 1)? {
                Literal::Number(number) => Ok(Literal::Number(-number)),
                _ => Err(Fault::at(line, "`-` before what is no number")),
            },
            Token::Sign('(') => {
                let items = self.list(')', depth)?;
                // Parentheses around one value are no list, but for the comma that only the text has.
                Ok(if items.len() == 1 {
                    items.into_iter().next().unwrap_or(Literal::Nothing)
                } else {
                    Literal::List(items)
                })
            }
            Token::Sign('[') => self.list(']', depth).map(Literal::List),
            Token::Sign('{') => self.items(depth).map(Literal::Table),
            Token::Sign(sign) => Err(Fault::at(line, format!("`{sign}` where a value was expected"))),
        }
    }

    fn list(&mut self, end: char, depth: usize) -> Result<Vec<Literal>, Fault> {
        let mut items = Vec::new();
        while !self.takes(end) {
            items.push(self.value(depth + 1)?);
            if !self.takes(',') && self.sign() != Some(end) {
                return Err(Fault::at(self.line(), format!("expected `,` or `{end}`")));
            }
        }
        Ok(items)
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Item>, Fault> {
        let mut items = Vec::new();
        while !self.takes('}') {
            let line = self.line();
            let key = self.value(depth + 1)?;
            if !self.takes(':') {
                return Err(Fault::at(self.line(), "expected `:` after a name"));
            }
            let value = self.value(depth + 1)?;
            items.push(Item { name: key.text().unwrap_or_default(), value, line });
            if !self.takes(',') && self.sign() != Some('}') {
                return Err(Fault::at(self.line(), "expected `,` or `}`"));
            }
        }
        Ok(items)
    }
}
