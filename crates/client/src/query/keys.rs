//! The keys that a query reads of the items of a list, so that of many items no more than that has to be made.

use std::collections::BTreeSet;

use jmespath::ast::Ast;

/// The keys that a query reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// The keys of items. There may be some that no item has.
    pub names: BTreeSet<String>,
    /// Of the objects at keys, the keys that are read: `tags.kind`. What is not among these is read as a whole.
    pub below: BTreeSet<(String, String)>,
    /// True if some function takes what a field gives as a whole.
    has_objects: bool,
}

/// The keys that a query over a list reads of its items; `None` if it may look at an item as a whole, as `keys(@)` does.
pub(super) fn of_items(query: &Ast) -> Option<Keys> {
    let mut keys = Keys { has_objects: makes_objects(query), ..Keys::default() };
    keys.read(query, true).then_some(keys)
}

/// Returns whether a query makes objects, whose fields may be items.
fn makes_objects(node: &Ast) -> bool {
    matches!(node, Ast::MultiHash { .. }) || parts(node).into_iter().any(makes_objects)
}

fn parts(node: &Ast) -> Vec<&Ast> {
    match node {
        Ast::Comparison { lhs, rhs, .. }
        | Ast::Projection { lhs, rhs, .. }
        | Ast::And { lhs, rhs, .. }
        | Ast::Or { lhs, rhs, .. }
        | Ast::Subexpr { lhs, rhs, .. } => vec![lhs, rhs],
        Ast::Condition { predicate, then, .. } => vec![predicate, then],
        Ast::Expref { ast: node, .. }
        | Ast::Flatten { node, .. }
        | Ast::Not { node, .. }
        | Ast::ObjectValues { node, .. } => vec![node],
        Ast::MultiList { elements, .. } => elements.iter().collect(),
        Ast::MultiHash { elements, .. } => elements.iter().map(|pair| &pair.value).collect(),
        Ast::Function { args, .. } => args.iter().collect(),
        Ast::Identity { .. }
        | Ast::Field { .. }
        | Ast::Index { .. }
        | Ast::Literal { .. }
        | Ast::Slice { .. } => Vec::new(),
    }
}

/// Returns whether the value is a list, if what it is asked of is one (`of_list`).
fn is_list(node: &Ast, of_list: bool) -> bool {
    match node {
        Ast::Identity { .. } | Ast::Slice { .. } => of_list,
        Ast::Projection { .. } | Ast::Flatten { .. } | Ast::MultiList { .. } => true,
        Ast::Subexpr { lhs, rhs, .. } => is_list(rhs, is_list(lhs, of_list)),
        Ast::Function { name, .. } => {
            matches!(name.as_str(), "map" | "reverse" | "sort" | "sort_by" | "to_array")
        }
        _ => false,
    }
}

impl Keys {
    /// Adds what a node reads; false if it may look at an item as a whole. `of_list`: it is asked of a list.
    fn read(&mut self, node: &Ast, of_list: bool) -> bool {
        match node {
            Ast::Field { name, .. } => {
                self.names.insert(name.clone());
                true
            }
            Ast::Subexpr { lhs, rhs, .. } => {
                if let (Ast::Field { name, .. }, Ast::Field { name: below, .. }) = (&**lhs, &**rhs) {
                    self.below.insert((name.clone(), below.clone()));
                    return true;
                }
                self.read(lhs, of_list) && self.read(rhs, is_list(lhs, of_list))
            }
            Ast::ObjectValues { .. } => false,
            Ast::Function { name, args, .. } => {
                let is_part = |arg: &Ast| match arg {
                    Ast::Field { .. } => !self.has_objects,
                    Ast::Subexpr { rhs, .. } if matches!(**rhs, Ast::Field { .. }) => !self.has_objects,
                    Ast::Literal { .. } => true,
                    arg => is_list(arg, of_list) && name == "length",
                };
                let takes_any = matches!(name.as_str(), "keys" | "values" | "merge" | "to_string" | "length");
                (!takes_any || args.iter().all(is_part)) && args.iter().all(|arg| self.read(arg, of_list))
            }
            // What is compared, chosen or made of the same value.
            Ast::Comparison { .. }
            | Ast::And { .. }
            | Ast::Or { .. }
            | Ast::Not { .. }
            | Ast::MultiList { .. }
            | Ast::MultiHash { .. }
            | Ast::Condition { .. }
            | Ast::Flatten { .. } => parts(node).into_iter().all(|part| self.read(part, of_list)),
            Ast::Projection { lhs, rhs, .. } => self.read(lhs, of_list) && self.read(rhs, false),
            Ast::Expref { ast, .. } => self.read(ast, false),
            Ast::Identity { .. } | Ast::Index { .. } | Ast::Literal { .. } | Ast::Slice { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::query::Query;

    fn keys(query: &str) -> Option<Keys> {
        Query::compile(query).unwrap().keys_of_items()
    }

    fn names(query: &str) -> Option<Vec<String>> {
        let keys = keys(query)?;
        let below = keys.below.into_iter().map(|(key, below)| format!("{key}.{below}"));
        Some(keys.names.into_iter().chain(below).collect())
    }

    #[test]
    fn the_keys_of_a_query_are_those_that_it_reads() {
        for (query, expect) in [
            ("[?Accuracy > `0.9`].run_id", &["Accuracy", "run_id"][..]),
            (
                "reverse(sort_by([?\"metric 07\"], &\"metric 07\"))[:50].[run_id, \"metric 07\"]",
                &["metric 07", "run_id"],
            ),
            ("[?tags.kind=='a'] | [0]", &["tags.kind"]),
            ("[].{Id: run_id, Lr: to_number(parameters.lr)}", &["run_id", "parameters.lr"]),
            ("length([?status=='Failed'])", &["status"]),
            ("[?status=='Failed'] | length(@)", &["status"]),
            ("length(@)", &[]),
            ("max_by(@, &auc)", &["auc"]),
            ("[].length(name)", &["name"]),
        ] {
            let found = names(query).map(BTreeSet::from_iter);
            assert_eq!(found, Some(expect.iter().map(|name| (*name).to_owned()).collect()), "{query}");
        }
        for whole in [
            "[].keys(@)",
            "[0].*",
            "[].length(@)",
            "[0] | to_string(@)",
            "merge([0], [1])",
            "[].{a: @}.length(a)",
        ] {
            assert_eq!(keys(whole), None, "{whole}");
        }
    }

    fn partly(item: &Value, keys: &Keys, place: usize) -> Value {
        let mut part = Map::new();
        for (key, below) in &keys.below {
            if let Some(value) = item.get(key) {
                let kept = value.get(below).map(|kept| json!({below.as_str(): kept}));
                part.insert(
                    key.clone(),
                    kept.unwrap_or(if value.is_object() { json!({}) } else { value.clone() }),
                );
            }
        }
        for key in &keys.names {
            part.extend(item.get(key).map(|value| (key.clone(), value.clone())));
        }
        part.insert("place".to_owned(), place.into());
        Value::Object(part)
    }

    fn fill(value: &mut Value, items: &[Value]) {
        match value {
            Value::Array(list) => list.iter_mut().for_each(|value| fill(value, items)),
            Value::Object(some) => match some.get("place").and_then(Value::as_u64) {
                Some(place) => *value = items[usize::try_from(place).unwrap()].clone(),
                None => some.values_mut().for_each(|value| fill(value, items)),
            },
            _ => {}
        }
    }

    #[test]
    fn a_query_answers_from_its_keys_what_it_answers_from_all() {
        let items = [
            json!({"id": "a", "auc": 0.5, "tags": {"kind": "x", "n": "1"}, "list": [1, [2]], "name": null}),
            json!({"id": "b", "auc": 0.9, "tags": {"kind": "y"}, "name": "second"}),
            json!({"id": "c", "tags": {}, "list": [], "name": "third", "auc": "n/a"}),
        ];
        let whole = json!(items);
        let parts = [
            "@",
            "[0]",
            "[-1:]",
            "[?auc > `0.6`]",
            "[?tags.kind=='x']",
            "[?!name]",
            "[?name && auc]",
            "[].tags",
            "[?id != 'a']",
        ];
        let ends = [
            "@",
            "[].id",
            "[].[id, auc]",
            "[].{Id: id, All: @}",
            "length(@)",
            "[0]",
            "[0].tags",
            "[].tags.kind",
            "[].list[]",
            "max_by(@, &id)",
            "sort_by(@, &id)[::-1]",
            "reverse(@)",
            "map(&id, @)",
            "[].to_string(auc)",
            "[].type(@)",
            "not_null(@)",
            "to_array(@)",
            "[].length(list || `[]`)",
            "[].keys(tags)",
            "[].keys(@)",
            "[0].*",
            "contains([].id, 'a')",
            "[?@ == `{}`]",
            "[].{a: @}.a.id",
            "[].{a: tags}.keys(a)",
            "[[0], [1]][].id",
            "[0] == [0]",
            "[0] == [1]",
            "[].[@][].id",
        ];
        let mut answered = 0;
        for query in parts.iter().flat_map(|part| ends.iter().map(move |end| format!("{part} | {end}"))) {
            let query = Query::compile(&query).expect(&query);
            let Some(keys) = query.keys_of_items() else { continue };
            answered += 1;
            let some: Value = items.iter().enumerate().map(|(at, item)| partly(item, &keys, at)).collect();
            let found = query.search(&some).map(|mut found| {
                fill(&mut found, &items);
                found
            });
            assert_eq!(found, query.search(&whole), "{query:?}");
        }
        assert!(answered > 150, "{answered}");
    }
}
