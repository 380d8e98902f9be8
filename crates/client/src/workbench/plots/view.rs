//! The view of the charts that their address describes.

use super::axis::Scaling;
use crate::limits::{CHARTED_COLUMNS, CHARTED_RUNS};
use crate::workbench::request::{Pairs, encode};

/// Stands for "no column" where one could be chosen.
pub const NO_COLUMN: &str = "-";

/// One view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The filter expression of the list; unused if runs are named.
    pub filter: String,
    /// The ids of the runs, if somebody has chosen some.
    pub runs: Vec<String>,
    /// The axes of the parallel coordinates; `None`: the usual ones.
    pub columns: Option<Vec<String>>,
    /// The column that colours the lines, if it is chosen.
    pub lines: Option<String>,
    /// The horizontal axis, if it is chosen.
    pub x: Option<String>,
    /// The vertical axis, if it is chosen.
    pub y: Option<String>,
    /// The column that colours the points, if it is chosen.
    pub points: Option<String>,
    /// The kind of scale.
    pub scaling: Scaling,
}

impl View {
    /// As the address says.
    pub fn of(query: &Pairs) -> Self {
        let column = |name: &str| query.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let columns = query.all("col").filter(|text| !text.is_empty()).map(str::to_owned);
        Self {
            filter: query.get("q").unwrap_or_default().trim().to_owned(),
            runs: query
                .all("run")
                .filter(|id| !id.is_empty())
                .take(CHARTED_RUNS)
                .map(str::to_owned)
                .collect(),
            columns: query.has("cols").then(|| columns.take(CHARTED_COLUMNS).collect()),
            lines: column("lines"),
            x: column("x"),
            y: column("y"),
            points: column("points"),
            scaling: match query.get("scale") {
                Some("linear") => Scaling::Linear,
                Some("log") => Scaling::Logarithmic,
                _ => Scaling::Automatic,
            },
        }
    }

    /// The address of this view.
    pub fn path(&self) -> String {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        if !self.filter.is_empty() {
            pairs.push(("q", &self.filter));
        }
        pairs.extend(self.runs.iter().map(|run| ("run", run.as_str())));
        if let Some(columns) = &self.columns {
            pairs.push(("cols", ""));
            pairs.extend(columns.iter().map(|column| ("col", column.as_str())));
        }
        let chosen = [("lines", &self.lines), ("x", &self.x), ("y", &self.y), ("points", &self.points)];
        pairs.extend(chosen.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        match self.scaling {
            Scaling::Automatic => {}
            Scaling::Linear => pairs.push(("scale", "linear")),
            Scaling::Logarithmic => pairs.push(("scale", "log")),
        }
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        format!("/charts{}{}", if pairs.is_empty() { "" } else { "?" }, pairs.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_its_address() {
        for path in [
            "/charts",
            "/charts?q=parent%3Diris_1&cols=&col=parameters.lr&lines=metrics.auc&x=number&points=-&scale=log",
            "/charts?run=iris_1&run=iris_2&y=metrics.a%26b&scale=linear",
        ] {
            let query = path.split_once('?').map_or("", |(_, query)| query);
            assert_eq!(View::of(&Pairs::parse(query.as_bytes())).path(), path);
        }
        let many = "run=a&".repeat(2 * CHARTED_RUNS) + "cols=&" + &"col=a&".repeat(2 * CHARTED_COLUMNS);
        let view = View::of(&Pairs::parse(many.as_bytes()));
        assert_eq!(
            (view.runs.len(), view.columns.map(|all| all.len())),
            (CHARTED_RUNS, Some(CHARTED_COLUMNS))
        );
    }
}
