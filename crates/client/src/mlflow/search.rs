//! Searching runs and models: which a filter lets through, and in which order.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::args::{self, Search};
use super::grammar::{Clause, Filter, Invalid, Key, Op, Order};
use super::refusal::Refusal;
use super::state::{Model, Run};
use crate::limits::MLFLOW_SEARCH;

/// The address of a run's files.
pub type Uri<'a> = &'a dyn Fn(&Run) -> String;

/// A page of what a search has found.
#[derive(Debug)]
pub struct Page<'r> {
    found: Vec<&'r Run>,
    next: Option<usize>,
}

impl Page<'_> {
    /// The answer, with the runs as `shown` under `key`.
    pub fn answer(&self, key: &str, shown: impl Fn(&Run) -> Value) -> Value {
        let mut answer = json!({key: self.found.iter().map(|run| shown(run)).collect::<Value>()});
        if let Some(next) = self.next {
            answer["next_page_token"] = next.to_string().into();
        }
        answer
    }
}

/// Searches `runs`: those in view for which the filter holds, in order.
pub fn page<'r>(
    args: &Search,
    runs: impl Iterator<Item = &'r Run>,
    uri: Uri<'_>,
) -> Result<Page<'r>, Refusal> {
    let (filter, order) = (Filter::parse(&args.filter)?, Order::parse(&args.order_by)?);
    let most = args::most(args.max_results, 1000, MLFLOW_SEARCH)?;
    let from: usize = args::token(&args.page_token)?;
    let is_in_view = |run: &Run| match args.run_view_type.as_str() {
        "ALL" => true,
        "DELETED_ONLY" => run.hidden,
        _ => !run.hidden,
    };
    let mut found: Vec<&Run> = runs.filter(|run| is_in_view(run) && filter.holds(run, uri)).collect();
    order.sort(&mut found, uri);
    let next = from.checked_add(most).filter(|next| *next < found.len());
    let found = found.into_iter().skip(from).take(most).collect();
    Ok(Page { found, next })
}

/// The filter of lists of names: `name = 'x'`, `name LIKE 'x%'`, and nothing else.
pub fn by_name(filter: &str) -> Result<impl Fn(&str) -> bool, Refusal> {
    let trimmed = filter.trim();
    let trimmed =
        trimmed.strip_prefix("attributes.").or_else(|| trimmed.strip_prefix("attribute.")).unwrap_or(trimmed);
    let filter = match trimmed.strip_prefix("name") {
        Some(rest) => Filter::parse(&format!("run_name{rest}"))?,
        None if trimmed.is_empty() => Filter::default(),
        None => return Err(Refusal::invalid("azml filters this list by name alone: name LIKE 'x%'")),
    };
    Ok(move |name: &str| {
        let mut run = Run::new(String::new(), String::new(), 0);
        run.name = Some(name.to_owned());
        filter.holds(&run, &|_| String::new())
    })
}

/// Searches models, newest first. The clients ask for them by `name = 'x'` alone; another filter is refused.
pub fn models<'m>(filter: &str, models: impl Iterator<Item = &'m Model>) -> Result<Vec<&'m Model>, Refusal> {
    let mut name = None;
    if !filter.trim().is_empty() {
        let refuse = || Refusal::invalid("azml finds logged models by one filter: name = 'model'");
        let (key, value) = filter.split_once('=').ok_or_else(refuse)?;
        let value = value.trim().trim_matches(['\'', '"']);
        match key.trim().trim_start_matches("attributes.") {
            "name" => name = Some(value),
            // Asked for by the UI alone.
            "source_run_id" => {}
            _ => return Err(refuse()),
        }
    }
    let mut found: Vec<&Model> = models.filter(|model| name.is_none_or(|name| model.name == name)).collect();
    found.sort_by_key(|model| std::cmp::Reverse(model.at));
    Ok(found)
}

impl From<Invalid> for Refusal {
    fn from(Invalid(message): Invalid) -> Self {
        Self::invalid(message)
    }
}

/// The value of a key in a run.
enum Has {
    Nothing,
    Number(f64),
    Text(String),
}

impl Key {
    fn of(&self, run: &Run, uri: Uri<'_>) -> Vec<Has> {
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
            Self::Attribute(_) => Has::Text(uri(run)),
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
    pub fn holds(&self, run: &Run, uri: Uri<'_>) -> bool {
        self.0.iter().all(|clause| clause.holds(run, uri))
    }
}

impl Clause {
    fn holds(&self, run: &Run, uri: Uri<'_>) -> bool {
        let all = self.key.of(run, uri);
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

impl Order {
    /// Sorts runs; one that lacks a key goes last. What is compared often is looked up once.
    pub fn sort(&self, runs: &mut Vec<&Run>, uri: Uri<'_>) {
        let first = |key: &Key, run: &Run| key.of(run, uri).into_iter().next().unwrap_or(Has::Nothing);
        let keys = |run: &Run| self.0.iter().map(|(key, _)| first(key, run)).collect::<Vec<_>>();
        let mut keyed: Vec<(Vec<Has>, &Run)> = runs.drain(..).map(|run| (keys(run), run)).collect();
        keyed.sort_by(|(one, run), (two, other)| {
            let orders = self.0.iter().zip(one.iter().zip(two));
            let orders = orders.map(|((_, descends), (one, two))| one.order(two, *descends));
            let order = orders.fold(Ordering::Equal, Ordering::then);
            order.then_with(|| other.start.cmp(&run.start)).then_with(|| run.id.cmp(&other.id))
        });
        runs.extend(keyed.into_iter().map(|(_, run)| run));
    }
}

impl Has {
    /// The order of two values; what is not there, or no number, goes last.
    fn order(&self, other: &Self, descends: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Nothing, Self::Nothing) => Ordering::Equal,
            (Self::Nothing, _) => return Ordering::Greater,
            (_, Self::Nothing) => return Ordering::Less,
            (Self::Number(one), Self::Number(two)) => match (one.is_nan(), two.is_nan()) {
                (true, false) => return Ordering::Greater,
                (false, true) => return Ordering::Less,
                _ => one.total_cmp(two),
            },
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        };
        if descends { order.reverse() } else { order }
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
            let parsed = Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error:?}"));
            assert_eq!(parsed.holds(&run, &|_| "file:///x".to_owned()), expect, "{filter}");
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
            assert!(Filter::parse(filter).is_err(), "{filter}");
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
        let sorted = |order: &[&str]| {
            let order =
                Order::parse(&order.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap();
            let mut sorted: Vec<&Run> = runs.iter().collect();
            order.sort(&mut sorted, &|_| String::new());
            sorted.iter().map(|run| run.id.as_str()).collect::<String>()
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
