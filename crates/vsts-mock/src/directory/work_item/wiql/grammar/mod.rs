//! The grammar of the Work Item Query Language (Microsoft, "WIQL syntax reference"). The fields that there are, and the bounds of
//! a query, are arguments: this module stands by itself, and is fuzzed.

mod lexer;
mod parser;

use thiserror::Error;

/// The bounds of a query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) chars: usize,
    /// Levels of parentheses and of `NOT`.
    pub(crate) depth: usize,
    /// Conditions, values of lists, columns and fields to sort by, together.
    pub(crate) terms: usize,
}

/// A query that has been read, over fields of a type.
#[derive(Debug)]
pub(crate) struct Query<F> {
    pub(crate) columns: Vec<F>,
    pub(crate) condition: Option<Condition<F>>,
    /// The fields to sort by, and whether each is in descending order.
    pub(crate) order: Vec<(F, bool)>,
    /// The date of which the query is about, as it stands there.
    pub(crate) as_of: Option<String>,
}

/// Why a query is refused, in the words of the service where they are known.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum WiqlError {
    /// A field that there is not.
    #[error("TF51005: The query references a field that does not exist. The error is caused by «{0}».")]
    NoField(String),
    /// Something else stands where FROM has to.
    #[error("TF51006: The query statement is missing a FROM clause. The error is caused by «{0}».")]
    NoFrom(String),
    /// Something else is expected.
    #[error("Expecting {expected}. The error is caused by «{found}».")]
    Expecting {
        /// The expected part.
        expected: &'static str,
        /// The part that stands there.
        found: String,
    },
    /// The operator is not for that field.
    #[error("The specified operator cannot be used with {what}. The error is caused by «{found}».")]
    Operator {
        /// The kind of field.
        what: &'static str,
        /// The condition.
        found: String,
    },
    /// The value is not one for that field.
    #[error("The specified value is not one of the field. The error is caused by «{0}».")]
    Value(String),
    /// A date with a time, where days are compared.
    #[error(
        "You cannot supply a time with the date when running a query using date precision. The error is caused by «{0}»."
    )]
    TimeOfDay(String),
    /// The query needs a project, and the request names none.
    #[error("The macro @Project needs a project in the URL of the request.")]
    NoProject,
    /// A part of the language that is not here.
    #[error("vsts-mock does not have {0} in queries.")]
    Unsupported(String),
    /// The query is too long.
    #[error("The query has more than {0} characters.")]
    TooLong(usize),
    /// The query is nested too deeply.
    #[error("The conditions of the query are nested more than {0} levels deep.")]
    TooDeep(usize),
    /// The query has too many parts.
    #[error("The query has more than {0} conditions, values and columns.")]
    TooMany(usize),
    /// The query finds too much.
    #[error(
        "VS402337: The number of work items returned exceeds the size limit of {0}. Change the query to return fewer \
         items."
    )]
    TooManyResults(usize),
}

/// A condition on work items.
#[derive(Debug)]
pub(crate) enum Condition<F> {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Test(Test<F>),
}

/// A comparison of a field.
#[derive(Debug)]
pub(crate) struct Test<F> {
    pub(crate) field: F,
    pub(crate) operator: Operator,
    /// Several for `IN` alone.
    pub(crate) values: Vec<Constant>,
    /// As it stands in the query.
    pub(crate) text: String,
}

/// An operator of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    Differs,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Contains,
    NotContains,
    ContainsWords,
    NotContainsWords,
    Under,
    NotUnder,
    Ever,
    Empty,
    NotEmpty,
}

/// A value in a query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    Text(String),
    Number(f64),
    /// The user who asks.
    Me,
    /// The project of the request.
    Project,
    /// The day that is this number of days after today; before it, if negative.
    Today(i64),
}
