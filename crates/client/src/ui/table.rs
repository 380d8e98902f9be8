//! Plain tables: columns two spaces apart, a line of dashes below the headers, no line at the end.
//!
//! The layout is that of Python's `tabulate` in its "simple" style, which `az` prints; with
//! [`Numbers::Aligned`] numeric columns are aligned at the decimal point with six significant digits.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value};
use unicode_width::UnicodeWidthStr;

use crate::text::{clean_line, significant};

/// The form of numbers in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Like any text, to the left.
    AsText,
    /// To the right, at the decimal point, six significant digits.
    Aligned,
}

/// The rows of a thread from which on another thread pays.
const WORTH_A_THREAD: usize = 1000;
/// A header is at least this much narrower than its column.
const MIN_PADDING: usize = 2;

/// Prints rows; columns appear in the order in which the rows first name them.
pub fn tabulate(rows: &[Map<String, Value>], numbers: Numbers) -> String {
    let mut headers: Vec<&str> = Vec::new();
    for row in rows {
        for key in row.keys() {
            if !headers.contains(&key.as_str()) {
                headers.push(key);
            }
        }
    }
    let column = |header: &&str| {
        let values = rows.iter().map(|row| row.get(*header).filter(|value| !value.is_null()));
        Column::new(header, &values.collect::<Vec<_>>(), numbers)
    };
    render(&headers.iter().map(column).collect::<Vec<_>>(), rows.len())
}

/// Prints a long table, of which `value` gives each cell of a column for a row; the columns are made side by side.
pub fn tabulate_columns(
    headers: &[&str],
    rows: usize,
    value: &(dyn Fn(usize, usize) -> Value + Sync),
    numbers: Numbers,
) -> String {
    let next = AtomicUsize::new(0);
    let made: Vec<OnceLock<Column>> = headers.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let (Some(header), Some(place)) = (headers.get(at), made.get(at))
        {
            let values: Vec<Value> = (0..rows).map(|row| value(at, row)).collect();
            let values: Vec<Option<&Value>> =
                values.iter().map(|value| Some(value).filter(|value| !value.is_null())).collect();
            place.get_or_init(|| Column::new(header, &values, numbers));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(rows / WORTH_A_THREAD);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let columns: Vec<Column> = made.into_iter().filter_map(OnceLock::into_inner).collect();
    render(&columns, rows)
}

fn render(columns: &[Column], rows: usize) -> String {
    if columns.is_empty() {
        return String::new();
    }
    let width: usize = columns.iter().map(|column| column.width + 2).sum();
    let mut out = String::with_capacity((rows + 2) * (width + 1));
    let mut line = |cells: &mut dyn Iterator<Item = (&str, usize)>| {
        let start = out.len();
        for (column, (text, width)) in columns.iter().zip(cells) {
            let spaces = std::iter::repeat_n(' ', column.width - width);
            if out.len() > start {
                out.push_str("  ");
            }
            if column.numeric {
                out.extend(spaces);
                out.push_str(text);
            } else {
                out.push_str(text);
                out.extend(spaces);
            }
        }
        out.truncate(start + out[start..].trim_end().len());
        out.push('\n');
    };
    line(&mut columns.iter().map(|column| (column.header.0.as_str(), column.header.1)));
    let dashes: Vec<String> = columns.iter().map(|column| "-".repeat(column.width)).collect();
    line(&mut dashes.iter().map(|dashes| (dashes.as_str(), dashes.len())));
    for at in 0..rows {
        line(&mut columns.iter().map(|column| (column.cells[at].0.as_str(), column.cells[at].1)));
    }
    out
}

struct Column {
    /// With its width.
    header: (String, usize),
    /// Each with its width.
    cells: Vec<(String, usize)>,
    width: usize,
    numeric: bool,
}

impl Column {
    fn new(header: &str, values: &[Option<&Value>], numbers: Numbers) -> Self {
        let numeric = numbers == Numbers::Aligned
            && values.iter().flatten().next().is_some()
            && values.iter().flatten().all(|value| value.is_number());
        let has_fraction = values.iter().flatten().any(|value| value.is_f64());
        let mut cells: Vec<String> = values
            .iter()
            .map(|value| match value {
                None => String::new(),
                Some(Value::Number(number)) if numeric && has_fraction => {
                    significant(number.as_f64().unwrap_or(f64::NAN), 6)
                }
                Some(value) => cell(value),
            })
            .collect();
        let header = clean_line(header);
        if numeric {
            let decimals = |cell: &String| cell.rfind(['.', 'e']).map_or(0, |point| cell.len() - point);
            let most = cells.iter().map(decimals).max().unwrap_or(0);
            for cell in &mut cells {
                let missing = most - decimals(cell);
                cell.extend(std::iter::repeat_n(' ', missing));
            }
        }
        let measured = |text: String| {
            // Of plain text, which most is, the length is the width.
            let width = if text.is_ascii() { text.len() } else { text.width() };
            (text, width)
        };
        let header = measured(header);
        let cells: Vec<(String, usize)> = cells.into_iter().map(measured).collect();
        let widths = cells.iter().map(|(_, width)| *width).chain([header.1 + MIN_PADDING]);
        let width = widths.max().expect("the header is there");
        Self { header, cells, width, numeric }
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => clean_line(text),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        other => clean_line(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(rows: &Value, numbers: Numbers) -> String {
        let rows: Vec<Map<String, Value>> =
            rows.as_array().unwrap().iter().map(|row| row.as_object().unwrap().clone()).collect();
        tabulate(&rows, numbers)
    }

    #[test]
    fn the_table_of_the_workbench_documentation() {
        let rows = json!([{
            "Accuracy": 0.679_245_283, "Regularization Rate": 0.078_125, "Duration": "0:00:04.892389",
            "Run_id": "IrisDemo_1504832281116", "Script_name": "iris_sklearn.py",
            "Start_time_utc": "2017-09-08T00:58:03.059014+00:00", "Status": "Completed",
        }]);
        insta::assert_snapshot!(table(&rows, Numbers::Aligned), @r"
          Accuracy    Regularization Rate  Duration        Run_id                  Script_name      Start_time_utc                    Status
        ----------  ---------------------  --------------  ----------------------  ---------------  --------------------------------  ---------
          0.679245               0.078125  0:00:04.892389  IrisDemo_1504832281116  iris_sklearn.py  2017-09-08T00:58:03.059014+00:00  Completed
        ");
    }

    #[test]
    fn numbers_are_aligned_at_the_point_and_gaps_stay_empty() {
        let rows = json!([
            {"a": 10.5, "n": 1, "t": "x"}, {"a": 0.25, "n": 200}, {"n": 3, "t": "longer\ttext"}, {"a": 3, "n": 4},
        ]);
        insta::assert_snapshot!(table(&rows, Numbers::Aligned), @r"
            a    n  t
        -----  ---  ------------
        10.5     1  x
         0.25  200
                 3  longer\ttext
         3       4
        ");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        let rows = json!([{"name": "测试", "x": "1"}, {"name": "a", "x": "2"}]);
        insta::assert_snapshot!(table(&rows, Numbers::AsText), @r"
        name    x
        ------  ---
        测试    1
        a       2
        ");
    }
}
