//! Decides whether a filter means a run.

use azml_core::run::RunRecord;

use super::field::{Field, Has, Now};
use super::filter::{Filter, Op, Term, Test};

impl Filter {
    /// Returns whether a run is meant.
    pub fn holds(&self, record: &RunRecord, now: &Now) -> bool {
        self.terms.iter().all(|term| term.holds(record, now))
    }
}

impl Term {
    fn holds(&self, record: &RunRecord, now: &Now) -> bool {
        let holds = match &self.test {
            Test::Word(word) => {
                let word = word.to_lowercase();
                let name = record.name.as_deref().unwrap_or_default();
                [record.run_id.as_str(), &record.script_name, name, record.status.as_str()]
                    .into_iter()
                    .chain(record.arguments.iter().map(String::as_str))
                    .any(|text| text.to_lowercase().contains(&word))
            }
            Test::Field { field, op, values } => {
                let has = field.of(record, now);
                let positive = match op {
                    Op::NotEqual => Op::Equal,
                    Op::Lacks => Op::Contains,
                    op => *op,
                };
                let found = values.iter().any(|value| compare(field, &has, positive, value, now));
                found == (positive == *op)
            }
        };
        holds != self.negated
    }
}

fn compare(field: &Field, has: &Has, op: Op, value: &str, now: &Now) -> bool {
    let text = match has {
        Has::Nothing => return false,
        Has::Number(number) => number.to_string(),
        Has::Text(text) => text.to_lowercase(),
    };
    if op == Op::Contains {
        return text.contains(&value.to_lowercase());
    }
    if let Has::Number(number) = has {
        let Some((wanted, lasts)) = field.number(value, now) else { return false };
        return match op {
            Op::Less => *number < wanted,
            Op::AtLeast => *number >= wanted,
            Op::More => *number >= wanted + lasts && *number > wanted,
            Op::AtMost => *number <= wanted || *number < wanted + lasts,
            _ => {
                (*number - wanted).abs() <= f64::EPSILON * wanted.abs()
                    || (*number >= wanted && *number < wanted + lasts)
            }
        };
    }
    let order = text.as_str().cmp(&value.to_lowercase());
    match op {
        Op::Less => order.is_lt(),
        Op::AtLeast => order.is_ge(),
        Op::More => order.is_gt(),
        Op::AtMost => order.is_le(),
        _ => order.is_eq(),
    }
}
