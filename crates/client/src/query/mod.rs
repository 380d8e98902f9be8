//! `--query`: JMESPath over a command's result, with the order of keys kept.
//!
//! The `jmespath` crate parses; its own interpreter holds objects in sorted maps, so that
//! `{Name: name, Id: id}` would come back with `Id` first. This module walks the parsed tree over
//! [`serde_json::Value`], whose objects keep their order. A query is compiled before the command runs:
//! bad syntax, an unknown function and a wrong number of arguments are usage errors, never a failure after
//! the work is done. The one order not kept is that of the keys inside a literal object.

mod eval;
mod functions;
mod keys;

use std::borrow::Cow;

use jmespath::ast::Ast;
use serde_json::Value;

pub use self::keys::Keys;

/// A compiled query.
#[derive(Clone, Debug)]
pub struct Query {
    expression: String,
    ast: Ast,
}

/// Why a query cannot be compiled or gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The expression is not JMESPath.
    #[error("invalid query `{expression}`: {message} at column {column}")]
    Syntax {
        /// The expression as given.
        expression: String,
        /// The parser's message.
        message: String,
        /// The column, counted from 1.
        column: usize,
    },
    /// JMESPath has no such function.
    #[error("invalid query `{expression}`: unknown function `{name}`")]
    UnknownFunction {
        /// The expression as given.
        expression: String,
        /// The function's name.
        name: String,
    },
    /// A function got more or fewer arguments than it takes.
    #[error("invalid query `{expression}`: function `{name}` takes {expected}, got {actual}")]
    Arity {
        /// The expression as given.
        expression: String,
        /// The function's name.
        name: String,
        /// The number of arguments that it takes, as text.
        expected: String,
        /// The number of arguments that it got.
        actual: usize,
    },
    /// A slice with a step of 0.
    #[error("invalid query `{expression}`: a slice cannot have a step of 0")]
    Slice {
        /// The expression as given.
        expression: String,
    },
    /// A function got a value of a type that it does not take.
    #[error("cannot answer query `{expression}`: function `{name}` takes {expected}, got {actual}")]
    Type {
        /// The expression as given.
        expression: String,
        /// The function's name.
        name: String,
        /// The type that it takes.
        expected: String,
        /// The type that it got.
        actual: String,
    },
}

impl Query {
    /// Compiles `expression`.
    pub fn compile(expression: &str) -> Result<Self, QueryError> {
        let ast = jmespath::parse(expression).map_err(|error| QueryError::Syntax {
            expression: expression.to_owned(),
            message: match error.reason {
                jmespath::ErrorReason::Parse(text) => text,
                jmespath::ErrorReason::Runtime(reason) => reason.to_string(),
            },
            column: error.column + 1,
        })?;
        functions::check(expression, &ast)?;
        Ok(Self { expression: expression.to_owned(), ast })
    }

    /// Applies the query to `data`.
    pub fn search(&self, data: &Value) -> Result<Value, QueryError> {
        eval::Evaluator { expression: &self.expression }.eval(data, &self.ast).map(Cow::into_owned)
    }

    /// The keys of a list's items that the query reads, if it reads items in no other way: it may still give items as a whole.
    pub fn keys_of_items(&self) -> Option<Keys> {
        keys::of_items(&self.ast)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(data: &Value, expression: &str, expect: &Value) {
        let found = Query::compile(expression).expect(expression).search(data).expect(expression);
        assert_eq!(found.to_string(), expect.to_string(), "{expression}");
    }

    #[test]
    fn key_order_of_a_multi_select_is_kept() {
        let data = json!([{"name": "n", "id": 7, "a": 1}]);
        check(&data, "[].{Name:name, Id:id, A:a}", &json!([{"Name": "n", "Id": 7, "A": 1}]));
        check(&data, "[0]", &json!({"name": "n", "id": 7, "a": 1}));
        check(&data, "[0].keys(@)", &json!(["name", "id", "a"]));
        check(&data, "[0].*", &json!(["n", 7, 1]));
        check(&data, "merge([0], `{\"z\": 0}`)", &json!({"name": "n", "id": 7, "a": 1, "z": 0}));
    }

    #[test]
    fn the_queries_of_the_workbench_documentation_work() {
        let runs = json!([
            {"run_id": "a_1", "status": "Completed", "Accuracy": 0.6, "duration": "0:00:05"},
            {"run_id": "a_2", "status": "Failed", "duration": "0:00:02"},
            {"run_id": "a_3", "status": "Completed", "Accuracy": 0.62, "duration": "0:00:03"},
        ]);
        check(&runs, "[?status=='Completed'].run_id", &json!(["a_1", "a_3"]));
        check(&runs, "@[?Accuracy != null] | max_by(@, &Accuracy).Accuracy", &json!(0.62));
        check(
            &runs,
            "@[?Accuracy >= sum(`[0.62, -0.03]`)] | sort_by(@, &duration)[].run_id",
            &json!(["a_3", "a_1"]),
        );
    }

    #[test]
    fn selecting() {
        let data = json!({
            "foo": {"bar": [{"n": 1}, {"n": 2}, {"m": 3}], "baz": "x"},
            "list": [0, 1, 2, 3], "nested": [[1, 2], [3, [4]], 5], "none": null, "a-b": {"c": 1}
        });
        check(&data, "foo.baz", &json!("x"));
        check(&data, "foo.missing.deeper", &json!(null));
        check(&data, "\"a-b\".c", &json!(1));
        check(&data, "foo.bar[*].n", &json!([1, 2]));
        check(&data, "foo.bar[-1]", &json!({"m": 3}));
        check(&data, "list[9]", &json!(null));
        check(&data, "list[1:3]", &json!([1, 2]));
        check(&data, "list[::-1]", &json!([3, 2, 1, 0]));
        check(&data, "list[-2:]", &json!([2, 3]));
        check(&data, "list[10:0:-2]", &json!([3, 1]));
        check(&data, "nested[]", &json!([1, 2, 3, [4], 5]));
        check(&data, "foo.baz[0]", &json!(null));
        check(&data, "none.[a, b]", &json!(null));
        check(&data, "foo.[baz, missing]", &json!(["x", null]));
        check(&data, "foo.bar[*].n | [0]", &json!(1));
        check(&data, "none || foo.baz", &json!("x"));
        check(&data, "none && foo.baz", &json!(null));
        check(&data, "!none", &json!(true));
        check(&data, "list[?@ > `1`]", &json!([2, 3]));
        check(&data, "list[?@ == `1.0`]", &json!([1]));
        check(&data, "foo.baz < `1`", &json!(null));
        check(&data, "'raw \\'x\\''", &json!("raw 'x'"));
    }

    #[test]
    fn functions() {
        let data = json!({"n": [3, 1, 2], "s": ["b", "a"], "o": {"x": 1, "y": 2}, "people": [
            {"name": "eve", "age": 3}, {"name": "bob", "age": 1}], "mixed": [1, "a"], "t": "text"});
        let cases = [
            ("abs(`-1.5`)", json!(1.5)),
            ("avg(n)", json!(2.0)),
            ("avg(`[]`)", json!(null)),
            ("ceil(`1.2`)", json!(2)),
            ("floor(`-1.2`)", json!(-2)),
            ("contains(s, 'a')", json!(true)),
            ("contains(t, 'ex')", json!(true)),
            ("contains(t, `1`)", json!(false)),
            ("ends_with(t, 'xt')", json!(true)),
            ("starts_with(t, 'xt')", json!(false)),
            ("join('-', s)", json!("b-a")),
            ("length(t)", json!(4)),
            ("length(o)", json!(2)),
            ("map(&name, people)", json!(["eve", "bob"])),
            ("max(n)", json!(3)),
            ("min(s)", json!("a")),
            ("max(`[]`)", json!(null)),
            ("max_by(people, &age).name", json!("eve")),
            ("min_by(people, &name).name", json!("bob")),
            ("not_null(missing, t)", json!("text")),
            ("reverse(n)", json!([2, 1, 3])),
            ("reverse(t)", json!("txet")),
            ("sort(n)", json!([1, 2, 3])),
            ("sort_by(people, &age)[*].name", json!(["bob", "eve"])),
            ("sum(n)", json!(6)),
            ("sum(`[]`)", json!(0)),
            ("to_array(t)", json!(["text"])),
            ("to_number('1.5')", json!(1.5)),
            ("to_number('x')", json!(null)),
            ("to_string(o)", json!("{\"x\":1,\"y\":2}")),
            ("type(n)", json!("array")),
            ("values(o)", json!([1, 2])),
        ];
        for (expression, expect) in cases {
            check(&data, expression, &expect);
        }
        for expression in
            ["abs(t)", "sum(s)", "sort(mixed)", "join(',', n)", "max_by(people, &missing)", "length(`1`)"]
        {
            let error = Query::compile(expression).expect(expression).search(&data).unwrap_err();
            assert!(matches!(error, QueryError::Type { .. }), "{expression}: {error}");
        }
    }

    #[test]
    fn bad_queries_are_refused_before_anything_runs() {
        let refused = |expression: &str| Query::compile(expression).unwrap_err();
        assert!(matches!(refused("foo["), QueryError::Syntax { .. }));
        assert!(matches!(refused(""), QueryError::Syntax { .. }));
        assert!(matches!(refused("[?nope(@)]"), QueryError::UnknownFunction { .. }));
        assert!(matches!(refused("a.{b: abs(`1`, `2`)}"), QueryError::Arity { .. }));
        assert!(matches!(refused("a[::0]"), QueryError::Slice { .. }));
    }
}
