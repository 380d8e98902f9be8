//! Finds the work items that a query is about.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::at;
use crate::directory::work_item::fields::{self, Field, FieldType};
use crate::directory::work_item::wiql::grammar::{Condition, Constant, Operator, Test};
use crate::directory::work_item::wiql::{Wiql, WiqlError};
use crate::directory::{Directory, Project, WorkItem};
use crate::limits::WIQL_RESULTS;
use crate::operations::refused::Refused;
use crate::operations::work::Work;
use crate::registry::work_items::values::{present, time, user};

/// The circumstances of a query.
pub(crate) struct Asker<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) user: Option<Uuid>,
    /// The project of the request.
    pub(crate) project: Option<&'a Project>,
    pub(crate) now: Timestamp,
    /// True if dates are compared with their times, not by days.
    pub(crate) with_times: bool,
    pub(crate) work: &'a Work,
}

/// A value to compare with, of the type of the field.
enum Operand {
    Text(String),
    Number(f64),
    Time(Timestamp),
    /// A user; none that is known, or nobody for the empty text.
    Person(Option<Uuid>, bool),
    Nothing,
}

type FieldTest = Test<&'static Field>;

enum Bound<'q> {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Test(&'q FieldTest, Vec<Operand>),
}

/// The items that a query selects of `items`, in its order.
pub(crate) fn run(
    query: &Wiql,
    asker: &Asker<'_>,
    items: impl Iterator<Item = (Arc<WorkItem>, Arc<Project>)>,
) -> Result<Vec<i64>, Refused> {
    let condition = query.condition.as_ref().map(|condition| asker.bind(condition)).transpose()?;
    let as_of = query.as_of.as_deref();
    let as_of = as_of.map(|text| time(text).ok_or_else(|| WiqlError::Value(text.to_owned()))).transpose()?;
    let mut found = Vec::new();
    for (item, project) in items {
        asker.work.check()?;
        let item = match as_of {
            None => item,
            Some(time) => match at(asker.directory, &item, time) {
                Some(then) => Arc::new(then.clone()),
                None => continue,
            },
        };
        if condition.as_ref().is_none_or(|condition| asker.holds(condition, &item, &project)) {
            if found.len() >= WIQL_RESULTS {
                return Err(WiqlError::TooManyResults(WIQL_RESULTS).into());
            }
            let keys: Vec<Value> =
                query.order.iter().map(|(field, _)| asker.sortable(&item, &project, field)).collect();
            found.push((keys, item.id));
        }
    }
    found.sort_by(|(one, one_id), (other, other_id)| {
        let pairs = one.iter().zip(other).zip(&query.order);
        let compared = pairs.map(|((one, other), (_, descends))| {
            let order = compare(one, other);
            if *descends { order.reverse() } else { order }
        });
        compared.fold(Ordering::Equal, Ordering::then).then(one_id.cmp(other_id))
    });
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

fn compare(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one.as_f64().partial_cmp(&other.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Value::String(one), Value::String(other)) => one.to_lowercase().cmp(&other.to_lowercase()),
        // What has no value comes first.
        (one, other) => other.is_null().cmp(&one.is_null()),
    }
}

impl Asker<'_> {
    fn bind<'q>(&self, condition: &'q Condition<&'static Field>) -> Result<Bound<'q>, WiqlError> {
        let many = |all: &'q [Condition<&'static Field>]| {
            all.iter().map(|one| self.bind(one)).collect::<Result<_, _>>()
        };
        Ok(match condition {
            Condition::All(all) => Bound::All(many(all)?),
            Condition::Any(all) => Bound::Any(many(all)?),
            Condition::Not(one) => Bound::Not(Box::new(self.bind(one)?)),
            Condition::Test(test) => {
                let operands = test.values.iter().map(|value| self.operand(test, value));
                Bound::Test(test, operands.collect::<Result<_, _>>()?)
            }
        })
    }

    fn operand(&self, test: &FieldTest, constant: &Constant) -> Result<Operand, WiqlError> {
        let wrong = || WiqlError::Value(test.text.clone());
        let text = match constant {
            Constant::Me if test.field.kind == FieldType::Person => {
                return Ok(Operand::Person(self.user, false));
            }
            Constant::Today(days) if test.field.kind == FieldType::Time => {
                return self.today(*days).ok_or_else(wrong);
            }
            Constant::Me | Constant::Today(_) => return Err(wrong()),
            Constant::Project => self.project.ok_or(WiqlError::NoProject)?.name.clone(),
            Constant::Text(text) => text.clone(),
            Constant::Number(number) => number.to_string(),
        };
        if text.is_empty() && test.field.kind != FieldType::Person {
            return Ok(Operand::Nothing);
        }
        Ok(match test.field.kind {
            FieldType::Integer | FieldType::Double => {
                Operand::Number(text.trim().parse().map_err(|_| wrong())?)
            }
            FieldType::Time => {
                let is_day = text.trim().len() <= "2017-09-07".len();
                let midnight = text.contains("T00:00:00");
                if !self.with_times && !is_day && !midnight {
                    return Err(WiqlError::TimeOfDay(test.text.clone()));
                }
                Operand::Time(time(&text).ok_or_else(wrong)?)
            }
            FieldType::Person => Operand::Person(user(self.directory, &text), text.is_empty()),
            _ => Operand::Text(text.to_lowercase()),
        })
    }

    fn today(&self, days: i64) -> Option<Operand> {
        let today = self.now.to_zoned(TimeZone::UTC).start_of_day().ok()?;
        let day = today.checked_add(Span::new().try_days(days).ok()?).ok()?;
        Some(Operand::Time(day.timestamp()))
    }

    fn holds(&self, condition: &Bound<'_>, item: &WorkItem, project: &Project) -> bool {
        match condition {
            Bound::All(all) => all.iter().all(|one| self.holds(one, item, project)),
            Bound::Any(all) => all.iter().any(|one| self.holds(one, item, project)),
            Bound::Not(one) => !self.holds(one, item, project),
            Bound::Test(test, operands) => self.test(test, operands, item, project),
        }
    }

    fn test(&self, test: &FieldTest, operands: &[Operand], item: &WorkItem, project: &Project) -> bool {
        let field = test.field;
        let value = |item: &WorkItem| present(self.directory, project, item, field);
        let own = value(item);
        let any = |holds: &dyn Fn(&Operand) -> bool| operands.iter().any(holds);
        let order =
            |wanted: &dyn Fn(Ordering) -> bool| any(&|operand| self.order(&own, operand).is_some_and(wanted));
        match test.operator {
            Operator::Equal | Operator::In => any(&|operand| self.equals(field, &own, operand)),
            Operator::Differs | Operator::NotIn => !any(&|operand| self.equals(field, &own, operand)),
            Operator::Less => order(&Ordering::is_lt),
            Operator::LessOrEqual => order(&Ordering::is_le),
            Operator::Greater => order(&Ordering::is_gt),
            Operator::GreaterOrEqual => order(&Ordering::is_ge),
            Operator::Contains => any(&|operand| contains(field, &own, operand)),
            Operator::NotContains => !any(&|operand| contains(field, &own, operand)),
            Operator::ContainsWords => any(&|operand| has_words(&own, operand)),
            Operator::NotContainsWords => !any(&|operand| has_words(&own, operand)),
            Operator::Under => any(&|operand| is_under(&own, operand)),
            Operator::NotUnder => !any(&|operand| is_under(&own, operand)),
            Operator::Empty => is_empty(&own),
            Operator::NotEmpty => !is_empty(&own),
            Operator::Ever => {
                let earlier = self.directory.work.revisions_of(item);
                let is_it = |own: &Value| any(&|operand| self.equals(field, own, operand));
                is_it(&own) || earlier.map(value).any(|own| is_it(&own))
            }
        }
    }

    fn equals(&self, field: &Field, own: &Value, operand: &Operand) -> bool {
        match operand {
            Operand::Nothing | Operand::Person(_, true) => is_empty(own),
            Operand::Person(user, false) => names(own, *user),
            Operand::Text(text) if field.reference == fields::TAGS => has_tag(own, text),
            Operand::Text(text) => shown(own) == *text,
            Operand::Number(_) | Operand::Time(_) => self.order(own, operand) == Some(Ordering::Equal),
        }
    }

    fn order(&self, own: &Value, operand: &Operand) -> Option<Ordering> {
        match operand {
            Operand::Number(number) => own.as_f64()?.partial_cmp(number),
            Operand::Time(time) => {
                let own: Timestamp = own.as_str()?.parse().ok()?;
                let day = |time: Timestamp| time.as_second().div_euclid(86_400);
                Some(if self.with_times { own.cmp(time) } else { day(own).cmp(&day(*time)) })
            }
            Operand::Text(text) if !is_empty(own) => Some(shown(own).as_str().cmp(text.as_str())),
            _ => None,
        }
    }

    /// A value by which items are sorted: of a user the name.
    fn sortable(&self, item: &WorkItem, project: &Project, field: &Field) -> Value {
        let value = present(self.directory, project, item, field);
        match field.kind {
            FieldType::Person => {
                let id = value.as_str().and_then(|id| Uuid::parse_str(id).ok());
                id.and_then(|id| self.directory.identity_name(id)).map_or(Value::Null, Value::from)
            }
            _ => value,
        }
    }
}

fn contains(field: &Field, own: &Value, operand: &Operand) -> bool {
    match operand {
        Operand::Text(text) if field.reference == fields::TAGS => has_tag(own, text),
        Operand::Text(text) => shown(own).contains(text.as_str()),
        Operand::Person(user, _) => names(own, *user),
        _ => false,
    }
}

/// Returns whether each word of a text is one of the field, or begins one if it ends with `*`.
fn has_words(own: &Value, operand: &Operand) -> bool {
    let Operand::Text(text) = operand else { return false };
    let own = shown(own);
    let words: Vec<&str> = own.split(|c: char| !c.is_alphanumeric()).collect();
    text.split_whitespace().all(|wanted| match wanted.strip_suffix('*') {
        Some(start) => words.iter().any(|word| word.starts_with(start)),
        None => words.contains(&wanted),
    })
}

/// A value as text, in lower case.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned).to_lowercase()
}

/// Returns whether a value is the id of that user.
fn names(value: &Value, user: Option<Uuid>) -> bool {
    user.is_some_and(|user| value.as_str() == Some(user.to_string().as_str()))
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

fn has_tag(own: &Value, tag: &str) -> bool {
    let all = crate::directory::work_item::split_tags(own.as_str().unwrap_or_default());
    all.iter().any(|own| own.to_lowercase() == tag.trim())
}

fn is_under(own: &Value, operand: &Operand) -> bool {
    let Operand::Text(path) = operand else { return false };
    let own = own.as_str().unwrap_or_default().to_lowercase();
    let path = path.trim_matches('\\');
    own.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
}
