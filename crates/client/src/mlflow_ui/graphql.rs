//! The few GraphQL queries of MLflow's pages: each has one known answer, whose fields are all there.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Request;
use super::api::{self, experiment};
use crate::mlflow::args::{OfRun, Pairs, Search};
use crate::mlflow::refusal::Refusal;
use crate::mlflow::shapes;

/// A query, by its name.
#[derive(Deserialize)]
struct Query {
    #[serde(default, rename = "operationName")]
    name: String,
    #[serde(default)]
    variables: Value,
}

/// Answers a query.
pub fn answer(request: &Request<'_>) -> Result<Value, Refusal> {
    let Query { name, variables } = request.args()?;
    let data = variables.get("data").or_else(|| variables.get("input")).cloned().unwrap_or_default();
    let (field, answer) = match name.as_str() {
        "GetRun" => ("mlflowGetRun", run(request, data)),
        "SearchRuns" => ("mlflowSearchRuns", runs(request, data)),
        "MlflowGetExperimentQuery" => ("mlflowGetExperiment", one_experiment(request, &data)),
        "GetMetricHistoryBulkInterval" => ("mlflowGetMetricHistoryBulkInterval", interval(request, &data)),
        _ => return Err(Refusal::no_endpoint(request.method, &format!("graphql {name}"))),
    };
    let answer = match answer {
        Ok(mut answer) => {
            answer["apiError"] = Value::Null;
            answer
        }
        Err(refusal) => {
            json!({"apiError": {"code": refusal.code, "message": refusal.message, "helpUrl": null}})
        }
    };
    Ok(json!({"data": {field: answer}}))
}

fn read<T: serde::de::DeserializeOwned>(data: Value) -> Result<T, Refusal> {
    serde_json::from_value(snake(data))
        .map_err(|error| Refusal::invalid(format!("the query's variables can't be read: {error}")))
}

fn run(request: &Request<'_>, data: Value) -> Result<Value, Refusal> {
    let of: OfRun = read(data)?;
    let id = request.run(of.id())?.run.id.clone();
    Ok(json!({"run": whole_run(request, &id)}))
}

fn runs(request: &Request<'_>, data: Value) -> Result<Value, Refusal> {
    let args: Search = read(data)?;
    let found = api::search_runs(request, &args)?;
    let ids = found["runs"].as_array().into_iter().flatten();
    let ids = ids.filter_map(|run| run["info"]["run_id"].as_str());
    Ok(json!({"runs": ids.map(|id| whole_run(request, id)).collect::<Value>()}))
}

/// A run with its experiment and the registered models that it has made.
fn whole_run(request: &Request<'_>, id: &str) -> Value {
    let Ok(entry) = request.run(id) else { return Value::Null };
    let mut run = api::run(request, entry);
    for key in ["end_time", "run_name", "user_id"] {
        let known = run["info"][key].take();
        run["info"][key] = known;
    }
    for input in run["inputs"]["dataset_inputs"].as_array_mut().into_iter().flatten() {
        for key in ["profile", "schema"] {
            let known = input["dataset"][key].take();
            input["dataset"][key] = known;
        }
    }
    run["inputs"]["model_inputs"] = json!([]);
    run["experiment"] = experiment(request.current.experiment(entry));
    let versions = request.current.stored.versions.iter();
    let versions = versions.filter(|version| version.run.as_deref() == Some(id));
    run["model_versions"] = versions.map(shapes::version).collect();
    camel(run)
}

fn one_experiment(request: &Request<'_>, data: &Value) -> Result<Value, Refusal> {
    let id = data["experimentId"].as_str().unwrap_or_default();
    let found = request.experiments().find(|found| found.id == id);
    let found = found.ok_or_else(|| Refusal::missing(format!("No Experiment with id={id} exists")))?;
    let mut found = camel(experiment(found));
    found["effectiveTraceArchivalRetention"] = Value::Null;
    Ok(json!({"experiment": found}))
}

fn interval(request: &Request<'_>, data: &Value) -> Result<Value, Refusal> {
    let mut pairs = Vec::new();
    for (key, value) in snake(data.clone()).as_object().into_iter().flatten() {
        let values = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        for value in values.iter().filter(|value| !value.is_null()) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            pairs.push((key.clone(), text));
        }
    }
    Ok(camel(api::interval(request, &Pairs(pairs))?))
}

/// The same with `runId` for `run_id`.
fn camel(value: Value) -> Value {
    keys(value, &|key| {
        let mut words = key.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| {
            let mut letters = word.chars();
            let head = letters.next().map(|letter| letter.to_ascii_uppercase());
            name + &head.into_iter().chain(letters).collect::<String>()
        })
    })
}

/// The same with `run_id` for `runId`.
fn snake(value: Value) -> Value {
    keys(value, &|key| {
        key.chars().fold(String::new(), |mut name, letter| {
            if letter.is_ascii_uppercase() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
            name
        })
    })
}

fn keys(value: Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| keys(item, change)).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(key, value)| (change(&key), keys(value, change)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_change_and_values_stay() {
        let rest = json!({"run_id": "a_b", "list": [{"start_time": 1, "key": "x_y"}], "status": null});
        let graph = json!({"runId": "a_b", "list": [{"startTime": 1, "key": "x_y"}], "status": null});
        assert_eq!(camel(rest.clone()), graph);
        assert_eq!(snake(graph), rest);
    }
}
