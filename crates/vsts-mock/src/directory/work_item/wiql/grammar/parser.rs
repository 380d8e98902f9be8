//! Reads a query by recursive descent: `OR` binds weakest, then `AND`, then `NOT`.

use super::lexer::{Kind, Token, tokens};
use super::{Bounds, Condition, Constant, Operator, Query, Test, WiqlError};

impl<F: Copy> Query<F> {
    /// Reads a query; `find` knows the fields by their names.
    pub(crate) fn parse(
        text: &str,
        bounds: Bounds,
        find: impl Fn(&str) -> Option<F>,
    ) -> Result<Self, WiqlError> {
        // A character has at least one byte.
        if text.len() > bounds.chars && text.chars().count() > bounds.chars {
            return Err(WiqlError::TooLong(bounds.chars));
        }
        let tokens = tokens(text)?;
        let mut parser = Parser { text, tokens: &tokens, find, bounds, at: 0, depth: 0, terms: 0 };
        parser.query()
    }
}

struct Parser<'t, L> {
    text: &'t str,
    tokens: &'t [Token],
    find: L,
    bounds: Bounds,
    at: usize,
    depth: usize,
    terms: usize,
}

impl<'t, F: Copy, L: Fn(&str) -> Option<F>> Parser<'t, L> {
    fn query(&mut self) -> Result<Query<F>, WiqlError> {
        if !self.takes_word("SELECT") {
            return Err(self.expecting("SELECT"));
        }
        let mut columns = Vec::new();
        loop {
            match self.peek() {
                Some(Kind::Word(word)) if word.eq_ignore_ascii_case("FROM") => break,
                Some(Kind::Word(_) | Kind::Field(_)) => columns.push(self.field()?),
                _ => return Err(WiqlError::NoFrom(self.found())),
            }
            if !self.takes_mark(",") {
                break;
            }
        }
        if !self.takes_word("FROM") {
            return Err(WiqlError::NoFrom(self.found()));
        }
        if self.takes_word("WORKITEMLINKS") {
            return Err(WiqlError::Unsupported("links (FROM WorkItemLinks)".to_owned()));
        }
        if !self.takes_word("WORKITEMS") {
            return Err(self.expecting("WorkItems"));
        }
        let condition = if self.takes_word("WHERE") { Some(self.any()?) } else { None };
        let mut order = Vec::new();
        if self.takes_word("ORDER") {
            if !self.takes_word("BY") {
                return Err(self.expecting("BY"));
            }
            loop {
                let field = self.field()?;
                let descends = self.takes_word("DESC");
                if !descends {
                    self.takes_word("ASC");
                }
                order.push((field, descends));
                if !self.takes_mark(",") {
                    break;
                }
            }
        }
        let as_of = if self.takes_word("ASOF") { Some(self.date()?) } else { None };
        if self.peek().is_some() {
            return Err(self.expecting("end of query"));
        }
        Ok(Query { columns, condition, order, as_of })
    }

    fn date(&mut self) -> Result<String, WiqlError> {
        let Some(Kind::Text(date)) = self.peek() else { return Err(self.expecting("constant value")) };
        self.at += 1;
        Ok(date.clone())
    }

    fn any(&mut self) -> Result<Condition<F>, WiqlError> {
        let mut all = vec![self.all()?];
        while self.takes_word("OR") {
            all.push(self.all()?);
        }
        Ok(Condition::Any(all))
    }

    fn all(&mut self) -> Result<Condition<F>, WiqlError> {
        let mut all = vec![self.one()?];
        while self.takes_word("AND") {
            all.push(self.one()?);
        }
        Ok(Condition::All(all))
    }

    fn one(&mut self) -> Result<Condition<F>, WiqlError> {
        self.depth += 1;
        if self.depth > self.bounds.depth {
            return Err(WiqlError::TooDeep(self.bounds.depth));
        }
        let condition = if self.takes_word("NOT") {
            Condition::Not(Box::new(self.one()?))
        } else if self.takes_mark("(") {
            let inner = self.any()?;
            if !self.takes_mark(")") {
                return Err(self.expecting(")"));
            }
            inner
        } else {
            Condition::Test(self.test()?)
        };
        self.depth -= 1;
        Ok(condition)
    }

    fn test(&mut self) -> Result<Test<F>, WiqlError> {
        let start = self.at;
        let is_about_past = self.takes_word("EVER");
        let field = self.field()?;
        let operator = self.operator()?;
        let values = match operator {
            Operator::Empty | Operator::NotEmpty => Vec::new(),
            Operator::In | Operator::NotIn => self.list()?,
            _ => vec![self.constant()?],
        };
        let operator = match (is_about_past, operator) {
            (true, Operator::Equal) => Operator::Ever,
            (true, _) => return Err(WiqlError::Unsupported("EVER with other operators than =".to_owned())),
            (false, operator) => operator,
        };
        let first = self.tokens.get(start).map_or(0, |token| token.start);
        let last = self.tokens.get(self.at - 1).map_or(0, |token| token.end);
        let text = self.text[first..last].to_owned();
        Ok(Test { field, operator, values, text })
    }

    fn operator(&mut self) -> Result<Operator, WiqlError> {
        if let Some(Kind::Mark(mark)) = self.peek() {
            let operator = match *mark {
                "=" => Operator::Equal,
                "<>" | "!=" => Operator::Differs,
                "<" => Operator::Less,
                "<=" => Operator::LessOrEqual,
                ">" => Operator::Greater,
                ">=" => Operator::GreaterOrEqual,
                _ => return Err(self.expecting("comparison operator")),
            };
            self.at += 1;
            return Ok(operator);
        }
        if self.takes_word("IS") {
            let is_negated = self.takes_word("NOT");
            let is_empty = self.takes_word("EMPTY");
            return match (is_empty, is_negated) {
                (false, _) => Err(self.expecting("EMPTY")),
                (true, false) => Ok(Operator::Empty),
                (true, true) => Ok(Operator::NotEmpty),
            };
        }
        if self.takes_word("WAS") {
            return if self.takes_word("EVER") { Ok(Operator::Ever) } else { Err(self.expecting("EVER")) };
        }
        let is_negated = self.takes_word("NOT");
        let either = |negated, plain| if is_negated { negated } else { plain };
        if self.takes_word("IN") {
            if self.takes_word("GROUP") {
                return Err(WiqlError::Unsupported("IN GROUP".to_owned()));
            }
            Ok(either(Operator::NotIn, Operator::In))
        } else if self.takes_word("CONTAINS") {
            if self.takes_word("WORDS") {
                return Ok(either(Operator::NotContainsWords, Operator::ContainsWords));
            }
            Ok(either(Operator::NotContains, Operator::Contains))
        } else if self.takes_word("UNDER") {
            Ok(either(Operator::NotUnder, Operator::Under))
        } else {
            Err(self.expecting("comparison operator"))
        }
    }

    fn list(&mut self) -> Result<Vec<Constant>, WiqlError> {
        if !self.takes_mark("(") {
            return Err(self.expecting("("));
        }
        let mut values = Vec::new();
        loop {
            values.push(self.constant()?);
            if self.takes_mark(")") {
                return Ok(values);
            }
            if !self.takes_mark(",") {
                return Err(self.expecting(")"));
            }
        }
    }

    fn constant(&mut self) -> Result<Constant, WiqlError> {
        self.count()?;
        let is_negative = self.takes_mark("-");
        let sign = if is_negative { -1.0 } else { 1.0 };
        let constant = match self.peek() {
            Some(Kind::Number(number)) => Constant::Number(sign * number),
            Some(Kind::Text(text)) if !is_negative => Constant::Text(text.clone()),
            Some(Kind::Word(word)) if !is_negative && is_truth(word) => Constant::Text(word.to_lowercase()),
            Some(Kind::Macro(name)) if !is_negative => {
                self.at += 1;
                return self.named(&name.to_lowercase());
            }
            Some(Kind::Field(_)) => {
                return Err(WiqlError::Unsupported("comparisons of two fields".to_owned()));
            }
            _ => return Err(self.expecting("constant value")),
        };
        self.at += 1;
        Ok(constant)
    }

    /// A macro, whose name has been read.
    fn named(&mut self, name: &str) -> Result<Constant, WiqlError> {
        match name {
            "me" => Ok(Constant::Me),
            "project" => Ok(Constant::Project),
            "today" | "startofday" => {
                let sign = if self.takes_mark("-") {
                    -1
                } else if self.takes_mark("+") {
                    1
                } else {
                    return Ok(Constant::Today(0));
                };
                let Some(Kind::Number(days)) = self.peek() else {
                    return Err(self.expecting("constant value"));
                };
                // No date that can be compared is farther away.
                #[expect(clippy::cast_possible_truncation, reason = "a part of a day is not counted")]
                let days = days.min(1_000_000.0) as i64;
                self.at += 1;
                Ok(Constant::Today(sign * days))
            }
            other => Err(WiqlError::Unsupported(format!("the macro @{other}"))),
        }
    }

    fn field(&mut self) -> Result<F, WiqlError> {
        self.count()?;
        let Some(Kind::Field(name) | Kind::Word(name)) = self.peek() else {
            return Err(self.expecting("field name"));
        };
        let found = (self.find)(name).ok_or_else(|| WiqlError::NoField(self.found()))?;
        self.at += 1;
        Ok(found)
    }

    fn count(&mut self) -> Result<(), WiqlError> {
        self.terms += 1;
        let most = self.bounds.terms;
        if self.terms > most { Err(WiqlError::TooMany(most)) } else { Ok(()) }
    }

    fn peek(&self) -> Option<&'t Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Kind::Word(own)) if own.eq_ignore_ascii_case(word));
        self.at += usize::from(is_it);
        is_it
    }

    fn takes_mark(&mut self, mark: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Kind::Mark(own)) if *own == mark);
        self.at += usize::from(is_it);
        is_it
    }

    /// The token at which the parser stands, as it is written.
    fn found(&self) -> String {
        self.tokens
            .get(self.at)
            .map_or_else(String::new, |token| self.text[token.start..token.end].to_owned())
    }

    fn expecting(&self, expected: &'static str) -> WiqlError {
        WiqlError::Expecting { expected, found: self.found() }
    }
}

fn is_truth(word: &str) -> bool {
    word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false")
}
