//! The Work Item Query Language: queries as clients write them. [`parse`] reads one.

pub(crate) mod grammar;

pub(crate) use grammar::WiqlError;
use grammar::{Bounds, Condition, Operator, Query};

use crate::directory::work_item::fields::{self, Field, FieldType};
use crate::limits::{WIQL_CHARS, WIQL_DEPTH, WIQL_TERMS};

/// A query for work items.
pub(crate) type Wiql = Query<&'static Field>;

const BOUNDS: Bounds = Bounds { chars: WIQL_CHARS, depth: WIQL_DEPTH, terms: WIQL_TERMS };

/// Reads a query, and refuses operators that are not for their fields.
pub(crate) fn parse(text: &str) -> Result<Wiql, WiqlError> {
    let query = Query::parse(text, BOUNDS, fields::find)?;
    query.condition.as_ref().map_or(Ok(()), check_all)?;
    Ok(query)
}

fn check_all(condition: &Condition<&'static Field>) -> Result<(), WiqlError> {
    match condition {
        Condition::All(all) | Condition::Any(all) => all.iter().try_for_each(check_all),
        Condition::Not(one) => check_all(one),
        Condition::Test(test) => check(test.field, test.operator, &test.text),
    }
}

/// Refuses an operator that is not for a type of field.
fn check(field: &Field, operator: Operator, text: &str) -> Result<(), WiqlError> {
    use Operator::{Contains, ContainsWords, NotContains, NotContainsWords, NotUnder, Under};
    let is_about_text = matches!(operator, Contains | NotContains | ContainsWords | NotContainsWords);
    let is_about_paths = matches!(operator, Under | NotUnder);
    let refuse = |what| Err(WiqlError::Operator { what, found: text.to_owned() });
    match field.kind {
        FieldType::Path if is_about_text => refuse("area path fields"),
        FieldType::Path => Ok(()),
        _ if is_about_paths => refuse("fields other than area and iteration paths"),
        FieldType::Integer | FieldType::Double | FieldType::Boolean | FieldType::Time if is_about_text => {
            refuse("fields of numbers, dates and truth values")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_clients_are_read() {
        for text in [
            "SELECT [System.Id] FROM workitems",
            "Select [System.Id], [System.Title], [System.State] From WorkItems Where [System.WorkItemType] = 'Bug' AND \
             [State] <> 'Closed' order by [Microsoft.VSTS.Common.Priority] asc, [System.CreatedDate] desc",
            "SELECT System.Id FROM WorkItems WHERE System.TeamProject = @project AND [Assigned To] = @Me",
            "SELECT [System.Id] FROM WorkItems WHERE NOT ([Id] IN (1, 2, -3) OR [Title] CONTAINS 'it''s') ASOF '2020-01-01'",
            "SELECT [System.Id] FROM WorkItems WHERE [Changed Date] >= @Today - 7 AND [Area Path] NOT UNDER \"iris\\x\"",
            "SELECT [System.Id] FROM WorkItems WHERE [Description] IS NOT EMPTY AND [State] WAS EVER 'New'",
            "SELECT [System.Id] FROM WorkItems WHERE EVER [State] = 'New'",
        ] {
            parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    #[test]
    fn what_is_no_query_is_named() {
        let begin = "SELECT [System.Id] FROM WorkItems WHERE ";
        for (text, expected) in [
            ("SELECT TOP 5 [System.Id] FROM WorkItems".to_owned(), "TF51005"),
            (
                "SELECT [System.Id] WHERE".to_owned(),
                "TF51006: The query statement is missing a FROM clause. The error is caused by «WHERE».",
            ),
            (
                "SELECT * FROM WorkItems".to_owned(),
                "Expecting comparison operator. The error is caused by «*».",
            ),
            (format!("{begin}[System.Sprint] = 1"), "caused by «[System.Sprint]»."),
            (format!("{begin}[System.Id] IN ()"), "Expecting constant value. The error is caused by «)»."),
            (format!("{begin}[System.Id] LIKE 5"), "Expecting comparison operator"),
            (format!("{begin}[System.IterationPath] CONTAINS 'x'"), "cannot be used with area path fields"),
            (format!("{begin}[Id] = 1 GROUP BY [Id]"), "Expecting end of query"),
            (format!("{begin}[Title] = 'x"), "Expecting end of string"),
            (format!("{begin}[State] = @currentIteration"), "@currentiteration"),
            (format!("{begin}{}[Id] = 1", "(".repeat(40)), "nested"),
            (format!("{begin}[Id] IN ({}1)", "1,".repeat(1_000)), "more than 1000"),
            ("x".repeat(40_000), "more than 32000"),
            ("SELECT [System.Id] FROM WorkItemLinks".to_owned(), "FROM WorkItemLinks"),
        ] {
            let said = parse(&text).expect_err(&text).to_string();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
