//! Plain tables: columns two spaces apart, a line of dashes below the headers, no line at the end.
//!
//! The layout is that of Python's `tabulate` in its "simple" style, which `az` prints; with
//! [`Numbers::Aligned`] numeric columns are aligned at the decimal point with six significant digits.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use azml_core::parallel;
use serde_json::{Map, Number, Value};
use unicode_width::UnicodeWidthStr;

use crate::text::{clean_line, push_clean_line, significant};

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

/// A value in a table.
#[derive(Clone, Debug)]
pub enum Cell<'v> {
    Empty,
    Number(Number),
    Text(Cow<'v, str>),
}

impl<'v> Cell<'v> {
    /// Of a value; null is an empty cell.
    pub fn of(value: &'v Value) -> Self {
        match value {
            Value::Null => Self::Empty,
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(text.as_str().into()),
            Value::Bool(true) => Self::Text("True".into()),
            Value::Bool(false) => Self::Text("False".into()),
            other => Self::Text(other.to_string().into()),
        }
    }

    /// The same, borrowed from nobody.
    pub fn into_owned(self) -> Cell<'static> {
        match self {
            Self::Empty => Cell::Empty,
            Self::Number(number) => Cell::Number(number),
            Self::Text(text) => Cell::Text(text.into_owned().into()),
        }
    }
}

impl<'v, T: Into<Cow<'v, str>>> From<Option<T>> for Cell<'v> {
    fn from(text: Option<T>) -> Self {
        text.map_or(Self::Empty, |text| Self::Text(text.into()))
    }
}

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
    let value = |column: usize, row: usize| rows[row].get(headers[column]).map_or(Cell::Empty, Cell::of);
    tabulate_columns(&headers, rows.len(), &value, numbers)
}

/// Prints a table, of which `value` gives each cell of a column for a row; the columns of a long one are made side by side.
pub fn tabulate_columns<'v>(
    headers: &[&str],
    rows: usize,
    value: &(dyn Fn(usize, usize) -> Cell<'v> + Sync),
    numbers: Numbers,
) -> String {
    let next = AtomicUsize::new(0);
    let made: Vec<OnceLock<Column>> = headers.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let (Some(header), Some(place)) = (headers.get(at), made.get(at))
        {
            place.get_or_init(|| Column::new(header, rows, &|row| value(at, row), numbers));
        }
    };
    let threads = parallel::threads(rows / WORTH_A_THREAD);
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
    let mut line = |cells: &mut dyn Iterator<Item = Shown<'_>>| {
        let start = out.len();
        for (at, (column, Shown { text, width, behind })) in columns.iter().zip(cells).enumerate() {
            let spaces = column.width - width - behind;
            if at > 0 {
                out.push_str("  ");
            }
            push_spaces(&mut out, if column.numeric { spaces } else { 0 });
            out.push_str(text);
            push_spaces(&mut out, if column.numeric { behind } else { spaces });
        }
        out.truncate(start + out[start..].trim_end().len());
        out.push('\n');
    };
    line(&mut columns.iter().map(Column::header));
    let dashes: Vec<String> = columns.iter().map(|column| "-".repeat(column.width)).collect();
    line(&mut dashes.iter().map(|dashes| Shown { text: dashes, width: dashes.len(), behind: 0 }));
    for row in 0..rows {
        line(&mut columns.iter().map(|column| column.cell(row)));
    }
    out
}

fn push_spaces(out: &mut String, mut count: usize) {
    const SPACES: &str = "                                ";
    while count > 0 {
        let some = count.min(SPACES.len());
        out.push_str(&SPACES[..some]);
        count -= some;
    }
}

/// A text in a line.
struct Shown<'t> {
    text: &'t str,
    width: usize,
    /// Spaces behind a number, where others have digits behind the point.
    behind: usize,
}

/// A column; the texts of all cells are one after the other.
struct Column {
    header: String,
    texts: String,
    cells: Vec<Place>,
    width: usize,
    numeric: bool,
    /// The most that a number has from its point on.
    decimals: usize,
}

/// The text of a cell.
struct Place {
    end: usize,
    width: usize,
    decimals: usize,
}

impl Column {
    fn new<'v>(header: &str, rows: usize, value: &dyn Fn(usize) -> Cell<'v>, numbers: Numbers) -> Self {
        // Making a cell may mean to parse a part of a record: each is made once.
        let values: Vec<Cell<'v>> = (0..rows).map(value).collect();
        let numeric = numbers == Numbers::Aligned
            && values.iter().any(|cell| matches!(cell, Cell::Number(_)))
            && !values.iter().any(|cell| matches!(cell, Cell::Text(_)));
        let has_fraction =
            numeric && values.iter().any(|cell| matches!(cell, Cell::Number(number) if number.is_f64()));
        let (mut texts, mut cells) = (String::new(), Vec::with_capacity(rows));
        for cell in values {
            let start = texts.len();
            match cell {
                Cell::Empty => {}
                Cell::Number(number) if numeric && has_fraction => {
                    texts.push_str(&significant(number.as_f64().unwrap_or(f64::NAN), 6));
                }
                Cell::Number(number) => texts.push_str(&number.to_string()),
                Cell::Text(text) => push_clean_line(&mut texts, &text),
            }
            let text = &texts[start..];
            let point = text.rfind(['.', 'e']).filter(|_| numeric);
            let decimals = point.map_or(0, |point| text.len() - point);
            cells.push(Place { end: texts.len(), width: width(text), decimals });
        }
        let header = clean_line(header);
        let decimals = cells.iter().map(|cell| cell.decimals).max().unwrap_or(0);
        let widths = cells.iter().map(|cell| cell.width + decimals - cell.decimals);
        let width = widths.max().unwrap_or(0).max(width(&header) + MIN_PADDING);
        Self { header, texts, cells, width, numeric, decimals }
    }

    fn header(&self) -> Shown<'_> {
        Shown { text: &self.header, width: width(&self.header), behind: 0 }
    }

    fn cell(&self, row: usize) -> Shown<'_> {
        let start = row.checked_sub(1).map_or(0, |before| self.cells[before].end);
        let Place { end, width, decimals } = self.cells[row];
        Shown { text: &self.texts[start..end], width, behind: self.decimals - decimals }
    }
}

/// The columns of a terminal that a text takes.
fn width(text: &str) -> usize {
    // Of plain text, which most is, the length is the width.
    if text.is_ascii() { text.len() } else { text.width() }
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
