//! Walks a parsed JMESPath tree over values whose objects keep their order.

use std::borrow::Cow;
use std::cmp::Ordering;

use jmespath::ast::{Ast, Comparator};
use serde_json::{Map, Number, Value};

use super::QueryError;

/// One evaluation; the expression is kept for the messages.
pub(super) struct Evaluator<'a> {
    /// The expression as the user wrote it.
    pub(super) expression: &'a str,
}

impl Evaluator<'_> {
    /// The value of an expression; a part of `data` is borrowed, since lists can be long.
    pub(super) fn eval<'d>(&self, data: &'d Value, node: &Ast) -> Result<Cow<'d, Value>, QueryError> {
        Ok(Cow::Owned(match node {
            Ast::Identity { .. } => return Ok(Cow::Borrowed(data)),
            Ast::Field { name, .. } => return Ok(part(data.get(name.as_str()))),
            Ast::Literal { value, .. } => {
                serde_json::to_value(value.as_ref()).expect("a JMESPath literal is JSON")
            }
            Ast::Index { idx, .. } => return Ok(part(index(data, *idx))),
            Ast::Slice { start, stop, step, .. } => match data {
                Value::Array(list) => Value::Array(slice(list, *start, *stop, *step)),
                _ => Value::Null,
            },
            Ast::Subexpr { lhs, rhs, .. } => match self.eval(data, lhs)? {
                Cow::Borrowed(left) => return self.eval(left, rhs),
                Cow::Owned(left) => self.eval(&left, rhs)?.into_owned(),
            },
            Ast::Or { lhs, rhs, .. } => match self.eval(data, lhs)? {
                left if is_truthy(&left) => return Ok(left),
                _ => return self.eval(data, rhs),
            },
            Ast::And { lhs, rhs, .. } => match self.eval(data, lhs)? {
                left if is_truthy(&left) => return self.eval(data, rhs),
                left => return Ok(left),
            },
            Ast::Not { node, .. } => Value::Bool(!is_truthy(&*self.eval(data, node)?)),
            Ast::Condition { predicate, then, .. } => {
                if is_truthy(&*self.eval(data, predicate)?) {
                    return self.eval(data, then);
                }
                Value::Null
            }
            Ast::Comparison { comparator, lhs, rhs, .. } => {
                compare(comparator, &*self.eval(data, lhs)?, &*self.eval(data, rhs)?)
            }
            Ast::ObjectValues { node, .. } => match self.eval(data, node)?.into_owned() {
                Value::Object(map) => map.into_iter().map(|(_, value)| value).collect(),
                _ => Value::Null,
            },
            Ast::Projection { lhs, rhs, .. } => match &*self.eval(data, lhs)? {
                Value::Array(list) => {
                    let mut out = Vec::new();
                    for item in list {
                        let found = self.eval(item, rhs)?;
                        if !found.is_null() {
                            out.push(found.into_owned());
                        }
                    }
                    Value::Array(out)
                }
                _ => Value::Null,
            },
            Ast::Flatten { node, .. } => match self.eval(data, node)? {
                flat if flat.as_array().is_some_and(|list| !list.iter().any(Value::is_array)) => {
                    return Ok(flat);
                }
                nested => match nested.into_owned() {
                    Value::Array(list) => {
                        let mut out = Vec::with_capacity(list.len());
                        for item in list {
                            match item {
                                Value::Array(inner) => out.extend(inner),
                                other => out.push(other),
                            }
                        }
                        Value::Array(out)
                    }
                    _ => Value::Null,
                },
            },
            Ast::MultiList { .. } | Ast::MultiHash { .. } if data.is_null() => Value::Null,
            Ast::MultiList { elements, .. } => {
                let values = elements.iter().map(|node| self.eval(data, node).map(Cow::into_owned));
                Value::Array(values.collect::<Result<_, _>>()?)
            }
            Ast::MultiHash { elements, .. } => {
                let mut map = Map::new();
                for pair in elements {
                    map.insert(pair.key.clone(), self.eval(data, &pair.value)?.into_owned());
                }
                Value::Object(map)
            }
            Ast::Function { name, args, .. } => self.call(name, args, data)?,
            // Only ever an argument of a function, which takes the tree itself.
            Ast::Expref { .. } => Value::Null,
        }))
    }
}

fn part(found: Option<&Value>) -> Cow<'_, Value> {
    found.map_or(Cow::Owned(Value::Null), Cow::Borrowed)
}

pub(super) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

fn index(data: &Value, idx: i32) -> Option<&Value> {
    let list = data.as_array()?;
    let at = usize::try_from(idx.unsigned_abs()).expect("32 bits fit an index");
    if idx >= 0 { list.get(at) } else { list.len().checked_sub(at).and_then(|at| list.get(at)) }
}

fn slice(list: &[Value], start: Option<i32>, stop: Option<i32>, step: i32) -> Vec<Value> {
    let len = i64::try_from(list.len()).expect("a list's length fits 63 bits");
    let step = i64::from(step);
    let clamp = |end: i32| {
        let end = i64::from(end);
        let end = if end < 0 { end + len } else { end };
        if step > 0 { end.clamp(0, len) } else { end.clamp(-1, len - 1) }
    };
    let first = start.map_or(if step > 0 { 0 } else { len - 1 }, clamp);
    let last = stop.map_or(if step > 0 { len } else { -1 }, clamp);
    let mut out = Vec::new();
    let mut at = first;
    while (step > 0 && at < last) || (step < 0 && at > last) {
        out.extend(usize::try_from(at).ok().and_then(|at| list.get(at)).cloned());
        at += step;
    }
    out
}

fn compare(comparator: &Comparator, left: &Value, right: &Value) -> Value {
    let ordered = |accept: fn(Ordering) -> bool| match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            as_f64(left).partial_cmp(&as_f64(right)).map_or(Value::Null, |order| Value::Bool(accept(order)))
        }
        _ => Value::Null,
    };
    match comparator {
        Comparator::Equal => Value::Bool(equal(left, right)),
        Comparator::NotEqual => Value::Bool(!equal(left, right)),
        Comparator::LessThan => ordered(Ordering::is_lt),
        Comparator::LessThanEqual => ordered(Ordering::is_le),
        Comparator::GreaterThan => ordered(Ordering::is_gt),
        Comparator::GreaterThanEqual => ordered(Ordering::is_ge),
    }
}

/// Equality as JMESPath has it: `1` and `1.0` are the same number.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || exactly(as_f64(left), as_f64(right)),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| equal(value, other)))
        }
        _ => left == right,
    }
}

fn exactly(left: f64, right: f64) -> bool {
    left.total_cmp(&right).is_eq()
}

pub(super) fn as_f64(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

/// The text of a value: strings as they are, all else as compact JSON.
pub(super) fn text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}
