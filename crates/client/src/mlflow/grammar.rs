//! The grammar of filters and orders, as MLflow's own server takes and refuses them. The file stands by itself: the fuzz
//! target includes it.

/// A text that is no filter or no order, in MLflow's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid(pub String);

/// Clauses that must all hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter(pub Vec<Clause>);

#[derive(Clone, Debug, PartialEq)]
/// One comparison.
pub struct Clause {
    pub key: Key,
    pub op: Op,
    pub values: Vec<String>,
}

/// The subject of a clause or an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Metric(String),
    Param(String),
    Tag(String),
    Attribute(&'static str),
    /// A property of some data set of the run.
    Dataset(&'static str),
}

/// The operator of a clause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Less,
    AtMost,
    Equal,
    NotEqual,
    AtLeast,
    More,
    Like,
    Ilike,
    In,
    NotIn,
    IsNull,
    IsNotNull,
}

/// One word of a filter.
#[derive(Clone, Debug, PartialEq)]
enum Word {
    /// A key, an operator in letters, or a number.
    Plain(String),
    Quoted(String),
    /// A name in backticks.
    Name(String),
    Symbol(String),
}

const ATTRIBUTES: [(&str, &str); 9] = [
    ("run_id", "run_id"),
    ("run_name", "run_name"),
    ("run name", "run_name"),
    ("status", "status"),
    ("artifact_uri", "artifact_uri"),
    ("user_id", "user_id"),
    ("start_time", "start_time"),
    ("created", "start_time"),
    ("end_time", "end_time"),
];

/// Keys to sort by, each with whether the largest goes first.
#[derive(Clone, Debug)]
pub struct Order(pub Vec<(Key, bool)>);

fn words(text: &str) -> Result<Vec<Word>, Invalid> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_quote = matches!(first, '\'' | '"' | '`');
        let length = if is_quote {
            let end = rest[1..].find(first).ok_or_else(|| invalid(text))?;
            let inner = rest[1..=end].to_owned();
            words.push(if first == '`' { Word::Name(inner) } else { Word::Quoted(inner) });
            end + 2
        } else if "<>=!(),".contains(first) {
            let length = if matches!(rest.as_bytes(), [b'<' | b'>' | b'!', b'=', ..]) { 2 } else { 1 };
            words.push(Word::Symbol(rest[..length].to_owned()));
            length
        } else {
            let end =
                rest.find(|c: char| c.is_whitespace() || "<>=!(),'\"`".contains(c)).unwrap_or(rest.len());
            words.push(Word::Plain(rest[..end].to_owned()));
            end
        };
        rest = rest[length..].trim_start();
    }
    Ok(words)
}

fn invalid(text: &str) -> Invalid {
    Invalid(format!(
        "Invalid clause(s) in filter string: '{text}'. A filter is made of: key operator value, joined by AND; for example \
         metrics.acc > 0.9 and params.depth = '3'"
    ))
}

/// Reads a key at the beginning of `words`.
fn key(words: &mut std::slice::Iter<'_, Word>, text: &str) -> Result<Key, Invalid> {
    let (entity, name) = match words.next() {
        Some(Word::Plain(word)) => match word.split_once('.') {
            // The name is in quotes of its own.
            Some((entity, "")) => match words.next() {
                Some(Word::Name(name) | Word::Quoted(name)) => (entity, name.clone()),
                _ => return Err(invalid(text)),
            },
            Some((entity, name)) => (entity, name.to_owned()),
            None => ("attribute", word.clone()),
        },
        Some(Word::Name(name) | Word::Quoted(name)) => ("attribute", name.clone()),
        _ => return Err(invalid(text)),
    };
    Ok(match entity.to_ascii_lowercase().as_str() {
        "metric" | "metrics" => Key::Metric(name),
        "param" | "params" | "parameter" | "parameters" => Key::Param(name),
        "tag" | "tags" => Key::Tag(name),
        "attribute" | "attributes" | "attr" | "run" => {
            let lower = name.to_ascii_lowercase();
            let known = ATTRIBUTES.iter().find(|(known, _)| *known == lower);
            let (_, name) = known.ok_or_else(|| {
                Invalid(format!(
                    "Invalid attribute key '{name}' specified. Valid keys are: run_id, run_name, status, artifact_uri, \
                     user_id, start_time, end_time, created"
                ))
            })?;
            Key::Attribute(name)
        }
        "dataset" | "datasets" => match name.as_str() {
            "name" => Key::Dataset("name"),
            "digest" => Key::Dataset("digest"),
            "context" => Key::Dataset("context"),
            _ => {
                return Err(Invalid(format!("Invalid dataset key '{name}': name, digest or context")));
            }
        },
        _ => {
            return Err(Invalid(format!(
                "Invalid entity type '{entity}'. Valid values are: metrics, params, tags, attributes, datasets"
            )));
        }
    })
}

impl Key {
    /// Returns whether its values are numbers.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Metric(_) | Self::Attribute("start_time" | "end_time"))
    }
}

impl Filter {
    /// Reads it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let list = words(text)?;
        let mut words = list.iter();
        let mut clauses = Vec::new();
        if list.is_empty() {
            return Ok(Self::default());
        }
        loop {
            clauses.push(clause(&mut words, text)?);
            match words.next() {
                None => return Ok(Self(clauses)),
                Some(Word::Plain(word)) if word.eq_ignore_ascii_case("and") => {}
                Some(_) => return Err(invalid(text)),
            }
        }
    }
}

fn clause(words: &mut std::slice::Iter<'_, Word>, text: &str) -> Result<Clause, Invalid> {
    let key = key(words, text)?;
    let op = match words.next() {
        Some(Word::Symbol(symbol)) => match symbol.as_str() {
            "<" => Op::Less,
            "<=" => Op::AtMost,
            "=" => Op::Equal,
            "!=" => Op::NotEqual,
            ">=" => Op::AtLeast,
            ">" => Op::More,
            _ => return Err(invalid(text)),
        },
        Some(Word::Plain(word)) => match word.to_ascii_lowercase().as_str() {
            "like" => Op::Like,
            "ilike" => Op::Ilike,
            "in" => Op::In,
            "not" if is_word(words.next(), "in") => Op::NotIn,
            "is" => match words.next() {
                next if is_word(next, "null") => Op::IsNull,
                next if is_word(next, "not") && is_word(words.next(), "null") => Op::IsNotNull,
                _ => return Err(invalid(text)),
            },
            _ => return Err(invalid(text)),
        },
        _ => return Err(invalid(text)),
    };
    let is_comparison =
        matches!(op, Op::Less | Op::AtMost | Op::Equal | Op::NotEqual | Op::AtLeast | Op::More);
    let is_allowed = match (&key, op) {
        (key, _) if key.is_number() => is_comparison,
        (Key::Param(_) | Key::Tag(_), Op::IsNull | Op::IsNotNull)
        | (_, Op::Equal | Op::NotEqual | Op::Like | Op::Ilike)
        | (Key::Attribute("run_id") | Key::Dataset(_), Op::In | Op::NotIn) => true,
        _ => false,
    };
    if !is_allowed {
        return Err(Invalid(format!(
            "the filter compares {key:?} by an operator that it does not have: '{text}'"
        )));
    }
    let values = match op {
        Op::IsNull | Op::IsNotNull => Vec::new(),
        Op::In | Op::NotIn => list(words, text)?,
        _ => vec![match words.next() {
            Some(Word::Plain(word)) if key.is_number() && word.parse::<f64>().is_ok() => word.clone(),
            Some(Word::Quoted(word)) if !key.is_number() => word.clone(),
            _ if key.is_number() => {
                return Err(Invalid(format!("Expected numeric value type for metric in '{text}'")));
            }
            _ => {
                return Err(Invalid(format!(
                    "Expected a quoted string value in '{text}'; use 'single quotes' or \"double quotes\""
                )));
            }
        }],
    };
    Ok(Clause { key, op, values })
}

fn is_word(word: Option<&Word>, text: &str) -> bool {
    matches!(word, Some(Word::Plain(word)) if word.eq_ignore_ascii_case(text))
}

fn list(words: &mut std::slice::Iter<'_, Word>, text: &str) -> Result<Vec<String>, Invalid> {
    let mut values = Vec::new();
    let is_symbol =
        |word: Option<&Word>, symbol: &str| matches!(word, Some(Word::Symbol(found)) if found == symbol);
    if !is_symbol(words.next(), "(") {
        return Err(invalid(text));
    }
    loop {
        let Some(Word::Quoted(value)) = words.next() else { return Err(invalid(text)) };
        values.push(value.clone());
        match words.next() {
            next if is_symbol(next, ")") => return Ok(values),
            next if is_symbol(next, ",") => {}
            _ => return Err(invalid(text)),
        }
    }
}

impl Order {
    /// Reads one key from each text.
    pub fn parse(list: &[String]) -> Result<Self, Invalid> {
        let mut keys = Vec::new();
        for text in list {
            let words = words(text)?;
            let mut words = words.iter();
            let key = key(&mut words, text)?;
            let descends = match words.next() {
                None => false,
                next if is_word(next, "asc") => false,
                next if is_word(next, "desc") => true,
                _ => {
                    return Err(Invalid(format!("Invalid order_by clause '{text}': KEY [ASC|DESC]")));
                }
            };
            if words.next().is_some() || matches!(key, Key::Dataset(_)) {
                return Err(Invalid(format!("Invalid order_by clause '{text}'")));
            }
            keys.push((key, descends));
        }
        Ok(Self(keys))
    }
}
