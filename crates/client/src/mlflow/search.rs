//! The grammar of `search_runs`: filters and orders, as MLflow's own server takes and refuses them.

use std::cmp::Ordering;

use super::refusal::Refusal;
use super::state::Run;

/// Clauses that must all hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter(Vec<Clause>);

#[derive(Clone, Debug, PartialEq)]
struct Clause {
    key: Key,
    op: Op,
    values: Vec<String>,
}

/// The subject of a clause or an order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Metric(String),
    Param(String),
    Tag(String),
    Attribute(&'static str),
    /// A property of some data set of the run.
    Dataset(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
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

/// The value of a key in a run.
enum Has {
    Nothing,
    Number(f64),
    Text(String),
}

fn words(text: &str) -> Result<Vec<Word>, Refusal> {
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

fn invalid(text: &str) -> Refusal {
    Refusal::invalid(format!(
        "Invalid clause(s) in filter string: '{text}'. A filter is made of: key operator value, joined by AND; for example \
         metrics.acc > 0.9 and params.depth = '3'"
    ))
}

/// Reads a key at the beginning of `words`.
fn key(words: &mut std::slice::Iter<'_, Word>, text: &str) -> Result<Key, Refusal> {
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
                Refusal::invalid(format!(
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
                return Err(Refusal::invalid(format!(
                    "Invalid dataset key '{name}': name, digest or context"
                )));
            }
        },
        _ => {
            return Err(Refusal::invalid(format!(
                "Invalid entity type '{entity}'. Valid values are: metrics, params, tags, attributes, datasets"
            )));
        }
    })
}

impl Key {
    fn is_number(&self) -> bool {
        matches!(self, Self::Metric(_) | Self::Attribute("start_time" | "end_time"))
    }

    fn of(&self, run: &Run, artifact_uri: &str) -> Vec<Has> {
        let text = |text: Option<&String>| text.map_or(Has::Nothing, |text| Has::Text(text.clone()));
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a moment have less than 53 bits")]
        let moment = |at: i64| Has::Number(at as f64);
        vec![match self {
            Self::Metric(name) => {
                run.metrics.get(name).map_or(Has::Nothing, |point| Has::Number(point.value))
            }
            Self::Param(name) => text(run.params.get(name)),
            Self::Tag(name) => text(run.tags.get(name)),
            Self::Attribute("run_id") => Has::Text(run.id.clone()),
            Self::Attribute("run_name") => Has::Text(run.shown_name()),
            Self::Attribute("status") => Has::Text(run.status.as_str().to_owned()),
            Self::Attribute("user_id") => Has::Text(run.user.clone()),
            Self::Attribute("start_time") => moment(run.start),
            Self::Attribute("end_time") => run.end.map_or(Has::Nothing, moment),
            Self::Attribute(_) => Has::Text(artifact_uri.to_owned()),
            Self::Dataset("context") => {
                let contexts = run.inputs.iter().filter_map(|input| {
                    let mut tags = input["tags"].as_array()?.iter();
                    let tag = tags.find(|tag| tag["key"] == "mlflow.data.context")?;
                    Some(Has::Text(tag["value"].as_str()?.to_owned()))
                });
                return contexts.collect();
            }
            Self::Dataset(name) => {
                let found = run.inputs.iter().filter_map(|input| input["dataset"][*name].as_str());
                return found.map(|text| Has::Text(text.to_owned())).collect();
            }
        }]
    }
}

impl Filter {
    pub fn parse(text: &str) -> Result<Self, Refusal> {
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

    pub fn holds(&self, run: &Run, artifact_uri: &str) -> bool {
        self.0.iter().all(|clause| clause.holds(run, artifact_uri))
    }
}

fn clause(words: &mut std::slice::Iter<'_, Word>, text: &str) -> Result<Clause, Refusal> {
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
        return Err(Refusal::invalid(format!(
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
                return Err(Refusal::invalid(format!("Expected numeric value type for metric in '{text}'")));
            }
            _ => {
                return Err(Refusal::invalid(format!(
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

fn list(words: &mut std::slice::Iter<'_, Word>, text: &str) -> Result<Vec<String>, Refusal> {
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

impl Clause {
    fn holds(&self, run: &Run, artifact_uri: &str) -> bool {
        let all = self.key.of(run, artifact_uri);
        let has_it = all.iter().any(|has| !matches!(has, Has::Nothing));
        match self.op {
            Op::IsNull => !has_it,
            Op::IsNotNull => has_it,
            _ => all.iter().any(|has| self.compares(has)),
        }
    }

    fn compares(&self, has: &Has) -> bool {
        let wanted = self.values.first().map_or("", String::as_str);
        match has {
            // A run without the key fails every comparison.
            Has::Nothing => false,
            Has::Number(number) => {
                let Ok(wanted) = wanted.parse::<f64>() else { return false };
                match self.op {
                    Op::Less => *number < wanted,
                    Op::AtMost => *number <= wanted,
                    Op::AtLeast => *number >= wanted,
                    Op::More => *number > wanted,
                    op => {
                        (number.total_cmp(&wanted).is_eq() || (*number == 0.0 && wanted == 0.0))
                            == (op == Op::Equal)
                    }
                }
            }
            Has::Text(text) => match self.op {
                Op::Equal => text == wanted,
                Op::NotEqual => text != wanted,
                Op::Like => is_like(text, wanted),
                Op::Ilike => is_like(&text.to_lowercase(), &wanted.to_lowercase()),
                Op::In => self.values.contains(text),
                Op::NotIn => !self.values.contains(text),
                _ => false,
            },
        }
    }
}

/// Matches a text with a pattern of `%` and `_`, in time proportional to the product of their lengths.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut t, mut p) = (0, 0);
    // The last `%`, and how far the text went there.
    let mut back = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                back = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '_' || *c == text[t] => (t, p) = (t + 1, p + 1),
            _ => match back {
                Some((star, at)) => {
                    back = Some((star, at + 1));
                    (t, p) = (at + 1, star + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

/// Keys to sort by, each with whether the largest goes first.
#[derive(Clone, Debug)]
pub struct Order(Vec<(Key, bool)>);

impl Order {
    pub fn parse(list: &[String]) -> Result<Self, Refusal> {
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
                    return Err(Refusal::invalid(format!(
                        "Invalid order_by clause '{text}': KEY [ASC|DESC]"
                    )));
                }
            };
            if words.next().is_some() || matches!(key, Key::Dataset(_)) {
                return Err(Refusal::invalid(format!("Invalid order_by clause '{text}'")));
            }
            keys.push((key, descends));
        }
        Ok(Self(keys))
    }

    /// The order of two runs; the one that lacks a key goes last.
    pub fn compare(&self, one: (&Run, &str), two: (&Run, &str)) -> Ordering {
        let first =
            |key: &Key, (run, uri): (&Run, &str)| key.of(run, uri).into_iter().next().unwrap_or(Has::Nothing);
        for (key, descends) in &self.0 {
            let order = match (first(key, one), first(key, two)) {
                (Has::Nothing, Has::Nothing) => Ordering::Equal,
                (Has::Nothing, _) => return Ordering::Greater,
                (_, Has::Nothing) => return Ordering::Less,
                (Has::Number(one), Has::Number(two)) => {
                    // What is no number goes last, too.
                    match (one.is_nan(), two.is_nan()) {
                        (true, false) => return Ordering::Greater,
                        (false, true) => return Ordering::Less,
                        _ => one.total_cmp(&two),
                    }
                }
                (Has::Text(one), Has::Text(two)) => one.cmp(&two),
                (Has::Number(_), Has::Text(_)) => Ordering::Less,
                (Has::Text(_), Has::Number(_)) => Ordering::Greater,
            };
            let order = if *descends { order.reverse() } else { order };
            if order.is_ne() {
                return order;
            }
        }
        two.0.start.cmp(&one.0.start).then_with(|| one.0.id.cmp(&two.0.id))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::state::{Event, Point, RunStatus, State};
    use super::*;

    fn run() -> Run {
        let mut state = State::new("iris_5", "alice", 1000);
        let run = || "iris_5".to_owned();
        let text = str::to_owned;
        for event in [
            Event::Parameter { run: run(), key: text("depth"), value: text("3") },
            Event::Tag { run: run(), key: text("mlflow.runName"), value: text("Base_line") },
            Event::Tag { run: run(), key: text("odd key"), value: text("it's") },
            Event::Input {
                run: run(),
                input: json!({"tags": [{"key": "mlflow.data.context", "value": "train"}],
                              "dataset": {"name": "iris", "digest": "d1"}}),
            },
        ] {
            state.apply(event);
        }
        let mut run = state.runs.remove("iris_5").unwrap();
        run.status = RunStatus::Finished;
        run.metrics.insert("acc".to_owned(), Point { value: 0.9, step: 0, time: 0 });
        run.metrics.insert("val loss".to_owned(), Point { value: -1000.0, step: 0, time: 0 });
        run
    }

    /// The rows of the grammar that was tried with MLflow's own server.
    #[test]
    fn filters_hold_and_are_refused_as_mlflow_does() {
        let run = run();
        for (filter, expect) in [
            ("", true),
            ("metrics.acc > 0.8", true),
            ("metrics.acc>0.8 AND params.depth = '3'", true),
            ("metric.acc >= 0.9 and param.depth = \"3\" And parameter.depth != '4'", true),
            ("metrics.`val loss` = -1e3", true),
            ("metrics.\"val loss\" < 0", true),
            ("metrics.none != 1", false),
            ("metrics.acc != 0.9", false),
            ("params.none != 'x'", false),
            ("params.none IS NULL", true),
            ("tags.`odd key` is not null", true),
            ("tags.'odd key' = \"it's\"", true),
            ("tags.mlflow.runName LIKE 'Base%'", true),
            ("tags.mlflow.runName LIKE 'base%'", false),
            ("tags.mlflow.runName ILIKE 'bASE_L%e'", true),
            ("run_name = 'Base_line'", true),
            ("attributes.status = 'FINISHED'", true),
            ("status = 'finished'", false),
            ("attr.run_id IN ('a', 'iris_5')", true),
            ("run.run_id NOT IN ('iris_5')", false),
            ("start_time >= 1000 and created < 1001", true),
            ("end_time > 0", false),
            ("datasets.name = 'iris' and dataset.context = 'train'", true),
            ("datasets.digest IN ('d2')", false),
        ] {
            let parsed = Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
            assert_eq!(parsed.holds(&run, "file:///x"), expect, "{filter}");
        }
        for filter in [
            "metrics.acc > 0.8 or params.depth = '3'",
            "not metrics.acc > 1",
            "(metrics.acc > 1)",
            "metrics.acc = '0.9'",
            "params.lr = 0.1",
            "params.lr > '1'",
            "duration > 3",
            "nonsense.x = 'y'",
            "metrics.acc IS NULL",
            "status IN ('FINISHED')",
            "metrics.acc >",
            "metrics.acc",
            "tags.x = 'open",
            "metrics.acc > 1 and",
            "start_time = '5'",
        ] {
            assert_eq!(Filter::parse(filter).map_err(|refusal| refusal.status), Err(400), "{filter}");
        }
    }

    #[test]
    fn orders_put_what_is_missing_last() {
        let mut runs = [run(), run(), run()];
        for (run, (id, acc)) in runs.iter_mut().zip([("a", Some(0.5)), ("b", None), ("c", Some(0.7))]) {
            run.id = id.to_owned();
            run.metrics.retain(|_, _| false);
            if let Some(value) = acc {
                run.metrics.insert("acc".to_owned(), Point { value, step: 0, time: 0 });
            }
        }
        let mut sorted = |order: &[&str]| {
            let order =
                Order::parse(&order.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap();
            runs.sort_by(|one, two| order.compare((one, ""), (two, "")));
            runs.iter().map(|run| run.id.clone()).collect::<String>()
        };
        assert_eq!(sorted(&["metrics.acc"]), "acb");
        assert_eq!(sorted(&["metrics.acc DESC"]), "cab");
        assert_eq!(sorted(&[]), "abc");
        assert_eq!(sorted(&["attributes.start_time asc", "params.x", "run_id desc"]), "cba");
        for bad in ["duration", "metrics.acc DOWN", "metrics.acc desc desc"] {
            assert!(Order::parse(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pattern_of_many_wild_cards_ends_soon() {
        assert!(!is_like(&"a".repeat(8000), &"%a".repeat(2000).replace("%a%a%a", "%a%b")));
        assert!(is_like("größe", "gr__e") && is_like("", "%") && !is_like("", "_"));
    }
}
