//! A request's query, as clients of ten years write it: names in any case, dotted names for nested objects, enums by
//! name or by number, and junk that is passed over.

use jiff::Timestamp;
use serde_json::Value;
use url::form_urlencoded;

use super::failure::{Failure, excerpt};
use crate::http::dates;

/// The text that some clients send for an object that they do not spell out.
const JUNK: &str = "[object Object]";

/// The prefix of the names of search criteria. Clients leave it out.
const CRITERIA: &str = "searchCriteria.";

/// A request's query.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = form_urlencoded::parse(text.as_bytes());
        Self(
            pairs
                .map(|(name, value)| (name.to_lowercase(), value.into_owned()))
                .filter(|(_, value)| value != JUNK)
                .collect(),
        )
    }

    /// Adds what a body says, under dotted names: `{"a": {"b": 1}}` is `a.b=1`. It comes before what is there already.
    pub(super) fn add_object(&mut self, prefix: &str, value: &Value) {
        let Value::Object(fields) = value else { return };
        for (name, value) in fields {
            let name = format!("{prefix}.{name}");
            let texts: Vec<String> = match value {
                Value::Object(_) => {
                    self.add_object(&name, value);
                    continue;
                }
                Value::Array(list) => list.iter().map(plain).collect(),
                other => vec![plain(other)],
            };
            for text in texts.into_iter().rev() {
                self.0.insert(0, (name.to_lowercase(), text));
            }
        }
    }

    /// The first value of that name that says something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let name = name.to_lowercase();
        self.0.iter().find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The first of these names that has a value.
    pub(super) fn any(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// The value of a search criterion, whose name may have its prefix.
    pub(super) fn criterion(&self, name: &str) -> Option<&str> {
        self.get(&format!("{CRITERIA}{name}")).or_else(|| self.get(name))
    }

    /// Returns whether a search criterion is true.
    pub(super) fn criterion_flag(&self, name: &str) -> bool {
        self.criterion(name).is_some_and(is_true)
    }

    /// Every value of a search criterion.
    pub(super) fn criterion_list(&self, name: &str) -> Vec<&str> {
        let with_prefix = self.list(&format!("{CRITERIA}{name}"));
        if with_prefix.is_empty() { self.list(name) } else { with_prefix }
    }

    /// A search criterion that is a date.
    pub(super) fn criterion_date(&self, name: &str) -> Result<Option<Timestamp>, Failure> {
        let Some(text) = self.criterion(name) else { return Ok(None) };
        date(name, text).map(Some)
    }

    /// The numbers of values of a list to pass over and to show, under every name that either has.
    pub(super) fn page(&self, usual: usize) -> Result<(usize, usize), Failure> {
        let amount = |name: &str| {
            self.amount(&[
                &format!("${name}"),
                &format!("{CRITERIA}${name}"),
                &format!("{CRITERIA}{name}"),
                name,
            ])
        };
        Ok((amount("skip")?.unwrap_or(0), amount("top")?.unwrap_or(usual)))
    }

    /// The part of a list that `continuationToken` or `$skip`, and `$top`, select; and where the next part begins.
    pub(super) fn part<'t, T>(
        &self,
        all: &'t [T],
        usual: usize,
    ) -> Result<(&'t [T], Option<usize>), Failure> {
        let skip = self.amount(&["continuationToken", "$skip"])?.unwrap_or(0);
        let top = self.amount(&["$top"])?.unwrap_or(usual);
        let next = skip.saturating_add(top);
        let part = &all[skip.min(all.len())..next.min(all.len())];
        Ok((part, (next < all.len() && top > 0).then_some(next)))
    }

    /// Every value of that name; commas part values as well.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let name = name.to_lowercase();
        let values =
            self.0.iter().filter(|(key, _)| *key == name || key.strip_prefix(&name).is_some_and(is_index));
        values.flat_map(|(_, value)| value.split(',')).filter(|value| !value.is_empty()).collect()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(is_true)
    }

    /// A number of things: `$top`, `$skip`. What is larger than there can be things is all of them.
    pub(super) fn amount(&self, names: &[&str]) -> Result<Option<usize>, Failure> {
        let given = names.iter().find_map(|name| Some((name, self.get(name)?)));
        let Some((name, value)) = given else { return Ok(None) };
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            return Ok(Some(value.parse().unwrap_or(usize::MAX)));
        }
        Err(Failure::bad(format!(
            "The value {:?} of {name} is not a number that is 0 or more.",
            excerpt(value)
        )))
    }

    /// A value of an enum.
    pub(super) fn choice<T: Copy>(
        &self,
        names: &[&str],
        choices: &[(&str, u64, T)],
    ) -> Result<Option<T>, Failure> {
        self.any(names).map(|value| named(names[0], value, choices)).transpose()
    }
}

/// A date in a query or a body, by the name of its field.
pub(super) fn date(field: &str, text: &str) -> Result<Timestamp, Failure> {
    dates::parse(text).ok_or_else(|| {
        Failure::bad(format!(
            "The value {:?} of {field} is not a date, such as {}.",
            excerpt(text),
            dates::EXAMPLES
        ))
    })
}

fn is_true(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value == "1"
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `[0]`, `[12]`: how some clients number the values of a list.
fn is_index(text: &str) -> bool {
    text.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|inner| inner.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A value of an enum in a body: a name in any case, or a number.
pub(super) fn choice<T: Copy>(
    field: &str,
    value: &Value,
    choices: &[(&str, u64, T)],
) -> Result<Option<T>, Failure> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => named(field, text, choices).map(Some),
        other => named(field, &other.to_string(), choices).map(Some),
    }
}

fn named<T: Copy>(field: &str, value: &str, choices: &[(&str, u64, T)]) -> Result<T, Failure> {
    let number = value.trim().parse::<u64>().ok();
    let found = choices
        .iter()
        .find(|(name, code, _)| name.eq_ignore_ascii_case(value.trim()) || number == Some(*code));
    found.map(|(_, _, choice)| *choice).ok_or_else(|| {
        let known: Vec<&str> = choices.iter().map(|(name, ..)| *name).collect();
        Failure::bad(format!("{field} has to be one of {}, not {:?}.", known.join(", "), excerpt(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_as_clients_write_them() {
        let query = Query::parse(
            "SearchCriteria.%24Top=5&itemVersion=[object%20Object]&a=&a=x&ids=1,2&ids[0]=3&f=True",
        );
        assert_eq!(query.amount(&["searchCriteria.$top"]).ok(), Some(Some(5)));
        assert_eq!((query.get("itemVersion"), query.get("a"), query.flag("F")), (None, Some("x"), true));
        assert_eq!(query.list("ids"), ["1", "2", "3"]);
        for (text, is_fine) in [("-1", false), ("x", false), ("1e9", false), ("99999999999999999999", true)] {
            assert_eq!(Query::parse(&format!("$top={text}")).amount(&["$top"]).is_ok(), is_fine, "{text}");
        }
        let choices = [("none", 0, 'n'), ("full", 120, 'f')];
        for text in ["Full", "120", " full "] {
            assert_eq!(Query::parse(&format!("r={text}")).choice(&["r"], &choices).ok(), Some(Some('f')));
        }
        assert!(choice("r", &Value::from(7), &choices).is_err());
        assert_eq!(choice("r", &Value::from(0), &choices).ok(), Some(Some('n')));
    }
}
