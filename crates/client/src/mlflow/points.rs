//! The points of a metric in a file to which a script logged, as the API gives them.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::str::FromStr;

use gix::bstr::ByteSlice as _;
use serde_json::{Value, json};

use super::shapes;
use super::state::Point;
use crate::limits::METRICS_FILE;
use crate::metrics::{Kind, Line};

/// The place in a file at which a page begins: a byte, and the metric's points before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    byte: u64,
    count: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.byte, self.count)
    }
}

impl FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (byte, count) = text.split_once('.').unwrap_or((text, "0"));
        Ok(Self { byte: byte.parse()?, count: count.parse()? })
    }
}

/// Reads the points of one metric from a place on: some `most`, and the place to go on at. What a script logs without a step
/// is counted; `time` is that of points without one.
pub fn read(
    mut file: File,
    key: &str,
    from: Place,
    most: usize,
    time: i64,
) -> io::Result<(Vec<Point>, Option<Place>)> {
    let mut found = Vec::new();
    file.seek(SeekFrom::Start(from.byte))?;
    let (mut reader, mut at, mut line) = (BufReader::new(file), from, Vec::new());
    // Nobody writes these letters in any other way: most lines of other metrics need not be parsed.
    let is_plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte));
    loop {
        line.clear();
        let length = (&mut reader).take(METRICS_FILE).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok((found, None));
        }
        if found.len() >= most {
            return Ok((found, Some(at)));
        }
        at.byte += length as u64;
        if is_plain && line.find(key).is_none() {
            continue;
        }
        if let Some(logged) = Logged::parse(&line).filter(|logged| logged.name == key) {
            found.extend(logged.points(&mut at.count, time));
        }
    }
}

/// A metric as one line of the file logs it.
#[derive(Debug)]
pub struct Logged {
    /// The metric.
    pub name: String,
    values: Vec<f64>,
    step: Option<i64>,
    time: Option<i64>,
}

impl Logged {
    /// Reads a line; `None` if it is of no metric.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let Ok(Line { kind: Kind::Metric, name, value, step, time }) = serde_json::from_slice(line) else {
            return None;
        };
        Some(Self { name, values: values(&value), step, time })
    }

    /// Its points. One without a step has that of `count`, the number of the metric's points before; one without a time has `time`.
    pub fn points(&self, count: &mut i64, time: i64) -> impl Iterator<Item = Point> {
        self.values.iter().map(move |value| {
            let point =
                Point { value: *value, step: self.step.unwrap_or(*count), time: self.time.unwrap_or(time) };
            *count += 1;
            point
        })
    }
}

/// The numbers in a logged value: one, or those of a list.
pub fn values(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().filter_map(number).collect(),
        value => number(value).into_iter().collect(),
    }
}

/// A number, or one of the texts for what JSON lacks.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) if matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") => text.parse().ok(),
        value => value.as_f64(),
    }
}

/// The answer with a page of points.
pub fn answer(key: &str, points: &[Point], next: Option<Place>) -> Value {
    let points = points.iter().map(|point| shapes::point(key, point));
    let mut answer = json!({"metrics": points.collect::<Value>()});
    if let Some(next) = next {
        answer["next_page_token"] = next.to_string().into();
    }
    answer
}

/// At most `most` of the points from one step to another: the first, the last, and evenly between.
pub fn sampled(points: &[Point], steps: std::ops::RangeInclusive<i64>, most: usize) -> Vec<Point> {
    let mut points: Vec<Point> = points.iter().filter(|point| steps.contains(&point.step)).copied().collect();
    points.sort_by_key(|point| (point.step, point.time));
    if points.len() <= most || most < 2 {
        points.truncate(most);
        return points;
    }
    let last = points.len() - 1;
    (0..most).map(|number| points[number * last / (most - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn pages_of_points_are_the_whole() {
        let text = "{\"name\": \"loss\", \"value\": 3, \"step\": 7, \"time\": 5}\n\
                    {\"name\": \"acc\", \"value\": 1}\n\
                    torn\n\
                    {\"kind\": \"parameter\", \"name\": \"loss\", \"value\": 1}\n\
                    {\"name\": \"loss\", \"value\": \"NaN\"}\n\
                    {\"name\": \"loss\", \"value\": [1, \"x\", 2]}\n\
                    {\"name\": \"loss\", \"value\": \"text\"}\n\
                    {\"name\": \"loss\", \"value\": \"-Infinity\", \"step\": 1}\n";
        let all = |most| {
            let (mut place, mut found) = (Place::default(), Vec::new());
            loop {
                let (page, next) = read(file(text), "loss", place, most, 9).unwrap();
                found.extend(page.iter().map(|point| (point.value.to_string(), point.step, point.time)));
                match next {
                    Some(next) => place = next.to_string().parse().unwrap(),
                    None => return found,
                }
            }
        };
        let expect = [("3", 7, 5), ("NaN", 1, 9), ("1", 2, 9), ("2", 3, 9), ("-inf", 1, 9)];
        let expect = expect.map(|(value, step, time)| (value.to_owned(), step, time));
        for most in 1..7 {
            assert_eq!(all(most), expect, "{most} at once");
        }
        assert!("x".parse::<Place>().is_err() && "1.x".parse::<Place>().is_err());
    }

    #[test]
    fn a_sample_has_both_ends() {
        let points: Vec<Point> =
            (0..1000).map(|step| Point { value: 0.0, step: 999 - step, time: 0 }).collect();
        let steps = |from, to, most| {
            sampled(&points, from..=to, most).iter().map(|point| point.step).collect::<Vec<_>>()
        };
        assert_eq!(steps(0, 999, 4), [0, 333, 666, 999]);
        assert_eq!(steps(10, 12, 320), [10, 11, 12]);
        assert_eq!(steps(0, 999, 1), [0]);
        assert_eq!(steps(5, 4, 10), [0; 0]);
    }
}
