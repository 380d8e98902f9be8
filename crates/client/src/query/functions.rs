//! The built-in functions of JMESPath and their check at compile time.

use std::borrow::Cow;
use std::cmp::Ordering;

use jmespath::ast::Ast;
use serde_json::{Map, Number, Value, json};

use super::QueryError;
use super::eval::{Evaluator, as_f64, equal, text};

/// Name, least and most number of arguments, and which argument (if any) must be an expression (`&…`).
const FUNCTIONS: [(&str, usize, usize, Option<usize>); 26] = [
    ("abs", 1, 1, None),
    ("avg", 1, 1, None),
    ("ceil", 1, 1, None),
    ("contains", 2, 2, None),
    ("ends_with", 2, 2, None),
    ("floor", 1, 1, None),
    ("join", 2, 2, None),
    ("keys", 1, 1, None),
    ("length", 1, 1, None),
    ("map", 2, 2, Some(0)),
    ("max", 1, 1, None),
    ("max_by", 2, 2, Some(1)),
    ("merge", 1, usize::MAX, None),
    ("min", 1, 1, None),
    ("min_by", 2, 2, Some(1)),
    ("not_null", 1, usize::MAX, None),
    ("reverse", 1, 1, None),
    ("sort", 1, 1, None),
    ("sort_by", 2, 2, Some(1)),
    ("starts_with", 2, 2, None),
    ("sum", 1, 1, None),
    ("to_array", 1, 1, None),
    ("to_number", 1, 1, None),
    ("to_string", 1, 1, None),
    ("type", 1, 1, None),
    ("values", 1, 1, None),
];

/// Refuses unknown functions, wrong numbers of arguments, misplaced expressions and slices that never end.
pub(super) fn check(expression: &str, node: &Ast) -> Result<(), QueryError> {
    let expression_text = || expression.to_owned();
    match node {
        Ast::Function { name, args, .. } => {
            let Some((_, least, most, reference)) = FUNCTIONS.iter().find(|(known, ..)| known == name) else {
                return Err(QueryError::UnknownFunction {
                    expression: expression_text(),
                    name: name.clone(),
                });
            };
            if args.len() < *least || args.len() > *most {
                let expected = match (*least, *most) {
                    (1, 1) => "1 argument".to_owned(),
                    (least, usize::MAX) => format!("{least} or more arguments"),
                    (least, _) => format!("{least} arguments"),
                };
                return Err(QueryError::Arity {
                    expression: expression_text(),
                    name: name.clone(),
                    expected,
                    actual: args.len(),
                });
            }
            for (at, arg) in args.iter().enumerate() {
                let is_reference = matches!(arg, Ast::Expref { .. });
                if is_reference != (*reference == Some(at)) {
                    let (expected, actual) = if is_reference {
                        ("a value", "an expression")
                    } else {
                        ("an expression", "a value")
                    };
                    return Err(QueryError::Type {
                        expression: expression_text(),
                        name: name.clone(),
                        expected: expected.to_owned(),
                        actual: actual.to_owned(),
                    });
                }
                check(expression, arg)?;
            }
            Ok(())
        }
        Ast::Slice { step: 0, .. } => Err(QueryError::Slice { expression: expression_text() }),
        Ast::Comparison { lhs, rhs, .. }
        | Ast::Projection { lhs, rhs, .. }
        | Ast::And { lhs, rhs, .. }
        | Ast::Or { lhs, rhs, .. }
        | Ast::Subexpr { lhs, rhs, .. } => {
            check(expression, lhs)?;
            check(expression, rhs)
        }
        Ast::Condition { predicate, then, .. } => {
            check(expression, predicate)?;
            check(expression, then)
        }
        Ast::Expref { ast: node, .. }
        | Ast::Flatten { node, .. }
        | Ast::Not { node, .. }
        | Ast::ObjectValues { node, .. } => check(expression, node),
        Ast::MultiList { elements, .. } => elements.iter().try_for_each(|node| check(expression, node)),
        Ast::MultiHash { elements, .. } => {
            elements.iter().try_for_each(|pair| check(expression, &pair.value))
        }
        Ast::Identity { .. }
        | Ast::Field { .. }
        | Ast::Index { .. }
        | Ast::Literal { .. }
        | Ast::Slice { .. } => Ok(()),
    }
}

/// JMESPath's name for the type of a value.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A key by which values are ordered: all numbers or all strings.
#[derive(PartialEq, PartialOrd)]
enum Key {
    Number(f64),
    Text(String),
}

impl Key {
    fn order(&self, other: &Self) -> Ordering {
        self.partial_cmp(other).unwrap_or(Ordering::Equal)
    }
}

/// A number without a needless fraction: whole results stay whole, as Python's would.
fn whole(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "the bounds are checked")]
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}

impl Evaluator<'_> {
    fn wrong(&self, name: &str, expected: &str, actual: &Value) -> QueryError {
        QueryError::Type {
            expression: self.expression.to_owned(),
            name: name.to_owned(),
            expected: expected.to_owned(),
            actual: type_name(actual).to_owned(),
        }
    }

    pub(super) fn call(&self, name: &str, args: &[Ast], data: &Value) -> Result<Value, QueryError> {
        let arg = |at: usize| self.eval(data, &args[at]).map(Cow::into_owned);
        Ok(match name {
            "abs" => {
                let number = self.number(name, arg(0)?)?;
                match number.as_i64().and_then(i64::checked_abs) {
                    Some(whole) => json!(whole),
                    None if number.is_u64() => Value::Number(number),
                    None => json!(as_f64(&number).abs()),
                }
            }
            "ceil" => whole(as_f64(&self.number(name, arg(0)?)?).ceil()),
            "floor" => whole(as_f64(&self.number(name, arg(0)?)?).floor()),
            "sum" => sum(&self.numbers(name, arg(0)?)?),
            "avg" => {
                let numbers = self.numbers(name, arg(0)?)?;
                #[expect(clippy::cast_precision_loss, reason = "no list is that long")]
                let count = numbers.len() as f64;
                if numbers.is_empty() {
                    Value::Null
                } else {
                    json!(numbers.iter().map(as_f64).sum::<f64>() / count)
                }
            }
            "contains" => match (arg(0)?, arg(1)?) {
                (Value::Array(list), item) => Value::Bool(list.iter().any(|other| equal(other, &item))),
                (Value::String(subject), Value::String(part)) => Value::Bool(subject.contains(&part)),
                (Value::String(_), _) => Value::Bool(false),
                (other, _) => return Err(self.wrong(name, "an array or a string", &other)),
            },
            "starts_with" => {
                Value::Bool(self.text(name, arg(0)?)?.starts_with(self.text(name, arg(1)?)?.as_str()))
            }
            "ends_with" => {
                Value::Bool(self.text(name, arg(0)?)?.ends_with(self.text(name, arg(1)?)?.as_str()))
            }
            "join" => {
                let glue = self.text(name, arg(0)?)?;
                let parts = self.list(name, arg(1)?)?;
                let parts: Vec<String> =
                    parts.into_iter().map(|part| self.text(name, part)).collect::<Result<_, _>>()?;
                Value::String(parts.join(&glue))
            }
            "keys" => self.object(name, arg(0)?)?.into_iter().map(|(key, _)| key).collect(),
            "values" => self.object(name, arg(0)?)?.into_iter().map(|(_, value)| value).collect(),
            "length" => match &*self.eval(data, &args[0])? {
                Value::String(text) => json!(text.chars().count()),
                Value::Array(list) => json!(list.len()),
                Value::Object(map) => json!(map.len()),
                other => return Err(self.wrong(name, "a string, an array or an object", other)),
            },
            "map" => {
                let list = self.list(name, arg(1)?)?;
                list.iter().map(|item| self.by(item, &args[0])).collect::<Result<_, _>>()?
            }
            "sort" => {
                let mut keyed = self.keyed(name, arg(0)?, None)?;
                keyed.sort_by(|(left, _), (right, _)| left.order(right));
                keyed.into_iter().map(|(_, value)| value).collect()
            }
            "sort_by" => {
                let mut keyed = self.keyed(name, arg(0)?, Some(&args[1]))?;
                keyed.sort_by(|(left, _), (right, _)| left.order(right));
                keyed.into_iter().map(|(_, value)| value).collect()
            }
            "max" | "max_by" | "min" | "min_by" => {
                let keyed = self.keyed(name, arg(0)?, args.get(1))?;
                let wanted = if name.starts_with("max") { Ordering::Greater } else { Ordering::Less };
                let best = keyed
                    .into_iter()
                    .reduce(|best, next| if next.0.order(&best.0) == wanted { next } else { best });
                best.map_or(Value::Null, |(_, value)| value)
            }
            "merge" => {
                let mut merged = Map::new();
                for at in 0..args.len() {
                    merged.extend(self.object(name, arg(at)?)?);
                }
                Value::Object(merged)
            }
            "not_null" => {
                for at in 0..args.len() {
                    let value = arg(at)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Value::Null
            }
            "reverse" => match arg(0)? {
                Value::String(text) => Value::String(text.chars().rev().collect()),
                Value::Array(list) => list.into_iter().rev().collect(),
                other => return Err(self.wrong(name, "a string or an array", &other)),
            },
            "to_array" => match arg(0)? {
                Value::Array(list) => Value::Array(list),
                other => Value::Array(vec![other]),
            },
            "to_number" => match arg(0)? {
                Value::Number(number) => Value::Number(number),
                Value::String(text) => text.parse::<Number>().map_or(Value::Null, Value::Number),
                _ => Value::Null,
            },
            "to_string" => Value::String(text(&arg(0)?).into_owned()),
            "type" => Value::String(type_name(&arg(0)?).to_owned()),
            other => {
                return Err(QueryError::UnknownFunction {
                    expression: self.expression.to_owned(),
                    name: other.to_owned(),
                });
            }
        })
    }

    fn by(&self, item: &Value, reference: &Ast) -> Result<Value, QueryError> {
        let tree = if let Ast::Expref { ast, .. } = reference { ast } else { reference };
        self.eval(item, tree).map(Cow::into_owned)
    }

    /// The values of a list with the keys that order them; all keys must be numbers, or all strings.
    fn keyed(&self, name: &str, list: Value, by: Option<&Ast>) -> Result<Vec<(Key, Value)>, QueryError> {
        let mut out: Vec<(Key, Value)> = Vec::new();
        for item in self.list(name, list)? {
            let key = match by {
                Some(reference) => self.by(&item, reference)?,
                None => item.clone(),
            };
            let key = match (key, out.first()) {
                (Value::Number(number), None | Some((Key::Number(_), _))) => Key::Number(as_f64(&number)),
                (Value::String(text), None | Some((Key::Text(_), _))) => Key::Text(text),
                (other, _) => return Err(self.wrong(name, "numbers only or strings only", &other)),
            };
            out.push((key, item));
        }
        Ok(out)
    }

    fn number(&self, name: &str, value: Value) -> Result<Number, QueryError> {
        match value {
            Value::Number(number) => Ok(number),
            other => Err(self.wrong(name, "a number", &other)),
        }
    }

    fn numbers(&self, name: &str, value: Value) -> Result<Vec<Number>, QueryError> {
        self.list(name, value)?.into_iter().map(|item| self.number(name, item)).collect()
    }

    fn text(&self, name: &str, value: Value) -> Result<String, QueryError> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(self.wrong(name, "a string", &other)),
        }
    }

    fn list(&self, name: &str, value: Value) -> Result<Vec<Value>, QueryError> {
        match value {
            Value::Array(list) => Ok(list),
            other => Err(self.wrong(name, "an array", &other)),
        }
    }

    fn object(&self, name: &str, value: Value) -> Result<Map<String, Value>, QueryError> {
        match value {
            Value::Object(map) => Ok(map),
            other => Err(self.wrong(name, "an object", &other)),
        }
    }
}

fn sum(numbers: &[Number]) -> Value {
    let whole: Option<i64> = numbers.iter().try_fold(0_i64, |sum, number| sum.checked_add(number.as_i64()?));
    whole.map_or_else(|| json!(numbers.iter().map(as_f64).sum::<f64>()), |sum| json!(sum))
}
