//! The view of the list that its address describes, so that it can be bookmarked and sent to somebody.

use crate::workbench::request::{Pairs, encode};

/// Rows on a page, unless the address says otherwise.
pub const ROWS: usize = 50;
/// At most so many rows on one page.
pub const MOST_ROWS: usize = 1000;
/// So many columns can be sorted by at once.
const SORTS: usize = 3;

/// One view of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The filter expression, as it was typed.
    pub filter: String,
    /// The sort keys, the first first; newest first if there is none.
    pub sort: Vec<Sort>,
    /// The chosen columns; `None`: the usual ones.
    pub columns: Option<Vec<String>>,
    /// From 1.
    pub page: usize,
    /// The number of rows on a page.
    pub rows: usize,
}

/// A field and a direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The field's name.
    pub by: String,
    /// Largest first.
    pub descending: bool,
}

impl Default for View {
    fn default() -> Self {
        Self::of(&Pairs::default())
    }
}

impl View {
    /// As the address says.
    pub fn of(query: &Pairs) -> Self {
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
        let sort =
            query.all("sort").filter(|text| !text.is_empty()).map(|text| match text.strip_prefix('-') {
                Some(by) => Sort { by: by.to_owned(), descending: true },
                None => Sort { by: text.to_owned(), descending: false },
            });
        Self {
            filter: query.get("q").unwrap_or_default().trim().to_owned(),
            sort: sort.take(SORTS).collect(),
            columns: query.has("cols").then(|| query.all("col").map(str::to_owned).collect()),
            page: number("page").unwrap_or(1).max(1),
            rows: number("rows").unwrap_or(ROWS).clamp(1, MOST_ROWS),
        }
    }

    /// The address of this view.
    pub fn path(&self) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        if !self.filter.is_empty() {
            pairs.push(("q", self.filter.clone()));
        }
        pairs.extend(self.sort.iter().map(|sort| ("sort", sort.to_string())));
        if let Some(columns) = &self.columns {
            pairs.push(("cols", String::new()));
            pairs.extend(columns.iter().map(|column| ("col", column.clone())));
        }
        if self.page > 1 {
            pairs.push(("page", self.page.to_string()));
        }
        if self.rows != ROWS {
            pairs.push(("rows", self.rows.to_string()));
        }
        if pairs.is_empty() {
            return "/".to_owned();
        }
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        format!("/?{}", pairs.join("&"))
    }

    /// The view with another page.
    #[must_use]
    pub fn at_page(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// The direction in which the list is sorted by a field; `None` if that is not the first key.
    pub fn sorted_by(&self, by: &str) -> Option<bool> {
        self.sort.first().filter(|sort| sort.by == by).map(|sort| sort.descending)
    }

    /// The view sorted by this field first: the other way round if it is already. What it was sorted by before comes
    /// second.
    #[must_use]
    pub fn toggled(&self, by: &str, descends_first: bool) -> Self {
        let descending = self.sorted_by(by).map_or(descends_first, |descending| !descending);
        let first = Sort { by: by.to_owned(), descending };
        let rest = self.sort.iter().filter(|sort| sort.by != by).cloned();
        let sort = std::iter::once(first).chain(rest).take(SORTS).collect();
        Self { sort, page: 1, ..self.clone() }
    }
}

impl std::fmt::Display for Sort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.descending { "-" } else { "" }, self.by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> View {
        View::of(&Pairs::parse(path.split_once('?').map_or("", |(_, query)| query).as_bytes()))
    }

    #[test]
    fn a_view_is_its_address() {
        for path in [
            "/",
            "/?q=auc%3E0.9%20status%3DFailed&sort=-auc&sort=started&cols=&col=auc&col=a%26b&page=3&rows=200",
            "/?cols=",
        ] {
            assert_eq!(read(path).path(), path);
        }
    }

    #[test]
    fn odd_addresses_are_tamed() {
        let view = read("/?page=0&rows=99999999&sort=&sort=a&sort=b&sort=c&sort=d");
        assert_eq!((view.page, view.rows, view.sort.len()), (1, MOST_ROWS, SORTS));
        assert_eq!(read("/?page=x&rows=-1").path(), "/");
    }

    #[test]
    fn sorting_by_another_column_keeps_the_one_before_as_second() {
        let view = read("/?page=4").toggled("auc", true);
        assert_eq!(view.path(), "/?sort=-auc");
        assert_eq!(view.toggled("auc", true).path(), "/?sort=auc");
        assert_eq!(view.toggled("duration", true).path(), "/?sort=-duration&sort=-auc");
    }
}
