//! The parameters of a sweep and their values; the members are numbered combinations of them.

use std::collections::BTreeSet;

use crate::limits::SWEEP_MEMBERS;

/// The digits of a number in a range, with those after the point.
const DIGITS: usize = 18;

/// The reason why there is no sweep over these parameters.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No parameter was given.
    #[error("a sweep has at least one parameter")]
    None,
    /// A parameter was given twice.
    #[error("the parameter `{name}` is given twice")]
    Twice {
        /// Its name.
        name: String,
    },
    /// A parameter without a value.
    #[error("the parameter `{name}` has no value: `{text}`")]
    Empty {
        /// Its name.
        name: String,
        /// Its values as they were given.
        text: String,
    },
    /// A range that ends before it begins.
    #[error("the range {range} of `{name}` is empty")]
    EmptyRange {
        /// The parameter.
        name: String,
        /// The range.
        range: String,
    },
    /// A range of numbers that are not integers, without a step.
    #[error("the range {range} of `{name}` has no step")]
    NoStep {
        /// The parameter.
        name: String,
        /// The range.
        range: String,
    },
    /// A step that leads nowhere.
    #[error("the step of the range {range} of `{name}` is not a number above 0")]
    Step {
        /// The parameter.
        name: String,
        /// The range.
        range: String,
    },
    /// More runs than a sweep may have.
    #[error("{members} runs are more than a sweep may have ({SWEEP_MEMBERS})")]
    TooMany {
        /// The number of runs, in words.
        members: String,
    },
}

/// The parameters of a sweep, in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    parameters: Vec<Parameter>,
    /// The number of combinations.
    size: u64,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Parameter {
    name: String,
    pieces: Vec<Piece>,
    /// The number of its values.
    count: u64,
}

/// A value, or a range of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Value(String),
    /// Of integers that count units of the last digit after the point.
    Range {
        first: i64,
        step: i64,
        count: u64,
        digits: usize,
    },
}

/// The values of a member, by the parameters' names, in their order.
pub type Values = Vec<(String, String)>;

impl Space {
    /// Reads parameters as they are given: `lr` and `0.1,0.01`, `depth` and `2..5`, `rate` and `0.1..0.5:0.1`.
    pub fn parse(given: &[(String, String)]) -> Result<Self, Error> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut size: Option<u64> = Some(1);
        for (name, text) in given {
            if parameters.iter().any(|known| known.name == *name) {
                return Err(Error::Twice { name: name.clone() });
            }
            let parameter = Parameter::parse(name, text)?;
            size = size.and_then(|size| size.checked_mul(parameter.count));
            parameters.push(parameter);
        }
        match size {
            Some(_) if parameters.is_empty() => Err(Error::None),
            Some(size) => Ok(Self { parameters, size }),
            None => Err(Error::TooMany { members: "more than 10^19".to_owned() }),
        }
    }

    /// All combinations; the last parameter changes fastest.
    pub fn all(&self) -> Result<Vec<u64>, Error> {
        if self.size > SWEEP_MEMBERS {
            return Err(Error::TooMany { members: self.size.to_string() });
        }
        Ok((0..self.size).collect())
    }

    /// `count` of the combinations, or all if there are no more, each once, by chance; a seed always gives the same.
    pub fn sample(&self, count: u64, seed: u64) -> Result<Vec<u64>, Error> {
        let count = count.min(self.size);
        if count > SWEEP_MEMBERS {
            return Err(Error::TooMany { members: count.to_string() });
        }
        let mut random = Random(seed);
        let (mut taken, mut chosen) = (BTreeSet::new(), Vec::new());
        // Floyd's algorithm: as many draws as there are members, however large the space is.
        for last in self.size - count..self.size {
            let drawn = random.below(last + 1);
            let member = if taken.insert(drawn) { drawn } else { last };
            taken.insert(member);
            chosen.push(member);
        }
        // Without this the largest would tend to come last.
        for at in (1..chosen.len()).rev() {
            let other = random.below(u64::try_from(at).map_or(0, |at| at + 1));
            chosen.swap(at, usize::try_from(other).unwrap_or(at));
        }
        Ok(chosen)
    }

    /// The values of a combination; `None` if there is none of this number.
    pub fn values(&self, combination: u64) -> Option<Values> {
        let mut rest = (combination < self.size).then_some(combination)?;
        let mut values = Vec::with_capacity(self.parameters.len());
        for parameter in self.parameters.iter().rev() {
            values.push((parameter.name.clone(), parameter.value(rest % parameter.count)?));
            rest /= parameter.count;
        }
        values.reverse();
        Some(values)
    }
}

impl Parameter {
    fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let pieces: Vec<Piece> =
            text.split(',').map(|piece| Piece::parse(name, text, piece.trim())).collect::<Result<_, _>>()?;
        let count = pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.count()));
        let count =
            count.ok_or_else(|| Error::TooMany { members: format!("the values of `{name}` alone") })?;
        Ok(Self { name: name.to_owned(), pieces, count })
    }

    fn value(&self, mut at: u64) -> Option<String> {
        for piece in &self.pieces {
            if at < piece.count() {
                return Some(piece.value(at));
            }
            at -= piece.count();
        }
        None
    }
}

impl Piece {
    fn parse(name: &str, text: &str, piece: &str) -> Result<Self, Error> {
        if piece.is_empty() {
            return Err(Error::Empty { name: name.to_owned(), text: text.to_owned() });
        }
        let literal = || Ok(Self::Value(piece.to_owned()));
        let Some((first, rest)) = piece.split_once("..") else { return literal() };
        let (last, step) = rest.split_once(':').map_or((rest, None), |(last, step)| (last, Some(step)));
        // `../data` is a path.
        let (Some(first), Some(last)) = (Number::parse(first), Number::parse(last)) else { return literal() };
        let range = || (name.to_owned(), piece.to_owned());
        let step = match step {
            Some(step) => Number::parse(step).filter(|step| step.units > 0).ok_or_else(|| {
                let (name, range) = range();
                Error::Step { name, range }
            })?,
            None if first.digits > 0 || last.digits > 0 => {
                let (name, range) = range();
                return Err(Error::NoStep { name, range });
            }
            None => Number { units: 1, digits: 0 },
        };
        let digits = first.digits.max(last.digits).max(step.digits);
        let units = |number: Number| number.with(digits);
        let (Some(first), Some(last), Some(step)) = (units(first), units(last), units(step)) else {
            return Err(Error::TooMany { members: format!("the values of `{name}` alone") });
        };
        let Some(length) = last.checked_sub(first).and_then(|length| u64::try_from(length).ok()) else {
            let (name, range) = range();
            return Err(Error::EmptyRange { name, range });
        };
        Ok(Self::Range { first, step, count: length / step.unsigned_abs() + 1, digits })
    }

    fn count(&self) -> u64 {
        match self {
            Self::Value(_) => 1,
            Self::Range { count, .. } => *count,
        }
    }

    fn value(&self, at: u64) -> String {
        match self {
            Self::Value(text) => text.clone(),
            Self::Range { first, step, digits, .. } => {
                let steps = step.saturating_mul(i64::try_from(at).unwrap_or(i64::MAX));
                Number { units: first.saturating_add(steps), digits: *digits }.text()
            }
        }
    }
}

/// A decimal number, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number {
    units: i64,
    /// Digits after the point.
    digits: usize,
}

impl Number {
    fn parse(text: &str) -> Option<Self> {
        let (sign, plain) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
        let is_number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(part) || whole.len() + part.len() > DIGITS {
            return None;
        }
        if plain.contains('.') && part.is_empty() {
            return None;
        }
        let units: i64 = format!("{whole}{part}").parse().ok()?;
        Some(Self { units: sign * units, digits: part.len() })
    }

    /// The number in units of this many digits after the point.
    fn with(self, digits: usize) -> Option<i64> {
        let more = u32::try_from(digits - self.digits).ok()?;
        self.units.checked_mul(10_i64.checked_pow(more)?)
    }

    fn text(self) -> String {
        let sign = if self.units < 0 { "-" } else { "" };
        let all = format!("{:0>width$}", self.units.unsigned_abs(), width = self.digits + 1);
        let (whole, part) = all.split_at(all.len() - self.digits);
        if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
    }
}

/// Numbers by chance that depend on the seed alone (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`, each as likely as the others to one part in 2^64.
    fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).expect("the high half of a product of two such numbers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(words: &[&str]) -> Result<Space, Error> {
        let pairs: Vec<(String, String)> = words
            .iter()
            .map(|word| word.split_once('=').map(|(name, text)| (name.to_owned(), text.to_owned())).unwrap())
            .collect();
        Space::parse(&pairs)
    }

    fn values(word: &str) -> String {
        let space = space(&[&format!("x={word}")]).unwrap();
        let all = space.all().unwrap();
        all.iter().map(|member| space.values(*member).unwrap()[0].1.clone()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn values_are_lists_and_ranges() {
        for (word, expect) in [
            ("0.1,0.01", "0.1 0.01"),
            ("2..5", "2 3 4 5"),
            ("3..3", "3"),
            ("-1..1", "-1 0 1"),
            ("0.1..0.5:0.1", "0.1 0.2 0.3 0.4 0.5"),
            ("-0.5..0.5:0.25", "-0.50 -0.25 0.00 0.25 0.50"),
            ("1..10:4", "1 5 9"),
            ("1..3,10,adam", "1 2 3 10 adam"),
            ("../data,a..b,1e-3", "../data a..b 1e-3"),
        ] {
            assert_eq!(values(word), expect, "{word}");
        }
    }

    #[test]
    fn a_grid_has_each_combination_once_and_the_last_parameter_changes_fastest() {
        let space = space(&["lr=0.1,0.01", "depth=2..4"]).unwrap();
        let all: Vec<String> = space
            .all()
            .unwrap()
            .iter()
            .map(|member| {
                space.values(*member).unwrap().iter().map(|pair| pair.1.clone()).collect::<Vec<_>>().join("/")
            })
            .collect();
        assert_eq!(all, ["0.1/2", "0.1/3", "0.1/4", "0.01/2", "0.01/3", "0.01/4"]);
        assert_eq!(space.values(6), None);
    }

    #[test]
    fn odd_parameters_are_refused_by_name() {
        for (words, said) in [
            (&[][..], "at least one parameter"),
            (&["a=1", "a=2"], "`a` is given twice"),
            (&["a="], "`a` has no value"),
            (&["a=1,,2"], "`a` has no value"),
            (&["a=5..2"], "the range 5..2 of `a` is empty"),
            (&["a=0.1..0.5"], "the range 0.1..0.5 of `a` has no step"),
            (&["a=1..5:0"], "the step of the range 1..5:0"),
            (&["a=1..5:x"], "the step of the range 1..5:x"),
            (&["a=0..999999999", "b=0..999999999", "c=0..999999999"], "more than 10^19 runs"),
        ] {
            let error = space(words).unwrap_err().to_string();
            assert!(error.contains(said), "{words:?}: {error}");
        }
        let large = space(&["a=0..999", "b=0..999"]).unwrap();
        let error = large.all().unwrap_err().to_string();
        assert_eq!(error, "1000000 runs are more than a sweep may have (10000)");
        assert_eq!(large.sample(20_000, 1).unwrap_err().to_string().split(' ').next(), Some("20000"));
    }

    #[test]
    fn a_sample_has_no_combination_twice_and_is_its_seeds() {
        let space = space(&["a=0..999", "b=0..999", "c=0..999"]).unwrap();
        let sample = space.sample(1000, 7).unwrap();
        assert_eq!(sample, space.sample(1000, 7).unwrap());
        assert_ne!(sample, space.sample(1000, 8).unwrap());
        assert_eq!(sample.iter().collect::<BTreeSet<_>>().len(), 1000);
        let small = self::space(&["a=1..7"]).unwrap();
        for seed in 0..200 {
            let mut all = small.sample(100, seed).unwrap();
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2, 3, 4, 5, 6], "all there are");
            let mut some = small.sample(3, seed).unwrap();
            some.sort_unstable();
            some.dedup();
            assert!(some.len() == 3 && some.iter().all(|member| *member < 7));
        }
    }
}
