//! The filter expression of the run list: what it means and how it is read.
//!
//! ```text
//! filter  = { term }                       all terms have to hold
//! term    = [ "-" ] ( word | test )        "-" turns it round
//! word    = text                           somewhere in id, script, arguments, name or status
//! test    = field op text { "," text }     one of the texts is enough
//! op      = "=" | "!=" | "~" | "!~" | "<" | "<=" | ">" | ">="      ~ is "contains"
//! text    = any characters but spaces, or "in quotes, with \" and \\"
//! field   = run number status script arguments target user host exit parent duration started age,
//!           else a metric, a parameter, a property or a tag;
//!           metrics.NAME, parameters.NAME, properties.NAME and tags.NAME are certain
//! ```
//!
//! Letters' case does not count. `duration` and `age` take 90s, 5m, 2h, 3d; `started` takes a date or a moment.

use std::fmt;

use super::field::Field;

/// A filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// All of them have to hold.
    pub terms: Vec<Term>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// True if it must not hold.
    pub negated: bool,
    /// The test.
    pub test: Test,
}

/// The test of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// A text that is somewhere in the run.
    Word(String),
    /// A field, compared with some texts.
    Field {
        /// The one that is meant.
        field: Field,
        /// The kind of its end.
        op: Op,
        /// With what; one is enough.
        values: Vec<String>,
    },
}

/// The comparison of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Equal,
    NotEqual,
    Contains,
    Lacks,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// A text that is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at character {at}")]
pub struct FilterError {
    /// The column, from 1.
    pub at: usize,
    /// The fault.
    pub what: String,
}

impl Op {
    /// All, the longer signs first.
    pub const ALL: [(&'static str, Self); 8] = [
        ("!=", Self::NotEqual),
        ("!~", Self::Lacks),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("=", Self::Equal),
        ("~", Self::Contains),
        ("<", Self::Less),
        (">", Self::More),
    ];

    fn sign(self) -> &'static str {
        Self::ALL.iter().find(|(_, op)| *op == self).map_or("", |(sign, _)| sign)
    }
}

impl Filter {
    /// The fields that it looks at.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.terms.iter().filter_map(|term| match &term.test {
            Test::Field { field, .. } => Some(field),
            Test::Word(_) => None,
        })
    }

    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut reader = Reader { text, at: 0 };
        let mut terms = Vec::new();
        loop {
            reader.skip_space();
            if reader.rest().is_empty() {
                return Ok(Self { terms });
            }
            terms.push(reader.term()?);
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, what: impl Into<String>) -> FilterError {
        FilterError { at: self.text[..self.at].chars().count() + 1, what: what.into() }
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn op(&mut self) -> Option<Op> {
        let (sign, op) = *Op::ALL.iter().find(|(sign, _)| self.rest().starts_with(sign))?;
        self.at += sign.len();
        Some(op)
    }

    fn term(&mut self) -> Result<Term, FilterError> {
        let negated = self.rest().strip_prefix('-').is_some_and(|rest| !rest.trim_start().is_empty());
        self.at += usize::from(negated);
        if Op::ALL.iter().any(|(sign, _)| self.rest().starts_with(sign)) {
            return Err(self.error("there is nothing before the comparison"));
        }
        let name = self.word(|rest| Op::ALL.iter().any(|(sign, _)| rest.starts_with(sign)))?;
        let after_name = self.at;
        self.skip_space();
        let Some(op) = self.op() else {
            self.at = after_name;
            if name.is_empty() {
                return Err(self.error("there is nothing to look for"));
            }
            return Ok(Term { negated, test: Test::Word(name) });
        };
        let mut values = Vec::new();
        loop {
            self.skip_space();
            if self.rest().is_empty() {
                return Err(self.error(format!("there is nothing to compare `{name}` with")));
            }
            values.push(self.word(|rest| rest.starts_with(','))?);
            if !self.rest().starts_with(',') {
                break;
            }
            self.at += 1;
        }
        Ok(Term { negated, test: Test::Field { field: Field::parse(&name), op, values } })
    }

    /// A text in quotes, or up to a space or `end`.
    fn word(&mut self, end: impl Fn(&str) -> bool) -> Result<String, FilterError> {
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let start = self.at;
        while let Some(c) = self.rest().chars().next() {
            if c.is_whitespace() || end(self.rest()) {
                break;
            }
            self.at += c.len_utf8();
        }
        Ok(self.text[start..self.at].to_owned())
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        let mut out = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(out);
                }
                '\\' => out.extend(chars.next().map(|(_, c)| c)),
                c => out.push(c),
            }
        }
        Err(self.error("this quotation has no end"))
    }
}

/// A text as it has to be written in a filter.
pub fn quote(text: &str) -> String {
    let odd = |c: char| c.is_whitespace() || "=!~<>,\"\\".contains(c);
    if text.is_empty() || text.starts_with('-') || text.contains(odd) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<String> = self.terms.iter().map(ToString::to_string).collect();
        f.write_str(&terms.join(" "))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.negated { "-" } else { "" })?;
        match &self.test {
            Test::Word(text) => f.write_str(&quote(text)),
            Test::Field { field, op, values } => {
                let values: Vec<String> = values.iter().map(|value| quote(value)).collect();
                write!(f, "{}{}{}", quote(&field.name()), op.sign(), values.join(","))
            }
        }
    }
}
