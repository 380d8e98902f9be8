//! The description of the admin API, built from the table that the router is built from.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Map, Value, json};

use super::routes::{self, Route, reads};
use super::{Answer, ok};
use crate::app::App;

/// All routes, with that of the description itself.
pub(super) fn all_routes() -> Vec<Route> {
    let own = Route { is_open: true, ..reads("/openapi.json", "This document", document) };
    let mut all = routes::all();
    all.push(own);
    all
}

async fn document(State(app): State<Arc<App>>) -> Answer {
    let mut paths = Map::new();
    for Route { method, path, summary, fields, status, is_open, .. } in all_routes() {
        let path = format!("/_mock{path}");
        let mut operation = json!({
            "summary": summary,
            "operationId": operation_id(method, &path),
            "parameters": parameters(&path),
            "responses": {
                status.to_string(): { "description": "It went well" },
                "default": { "description": "It did not", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } },
            },
        });
        if !fields.is_empty() {
            operation["requestBody"] =
                json!({ "required": true, "content": { "application/json": { "schema": schema(fields) } } });
        }
        if is_open {
            operation["security"] = json!([]);
        }
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[method] = operation;
    }
    ok(&json!({
        "openapi": "3.1.0",
        "info": { "title": "vsts-mock admin API", "version": env!("CARGO_PKG_VERSION") },
        "servers": [{ "url": app.base_url() }],
        "security": [{ "admin": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "admin": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Error": {
                "type": "object",
                "required": ["error", "field"],
                "properties": { "error": { "type": "string" }, "field": { "type": ["string", "null"] } },
            } },
        },
    }))
}

/// A name for generated clients: `get_users_user_tokens`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !["", "mock"].contains(word));
    words.fold(method.to_owned(), |id, word| id + "_" + word)
}

fn parameters(path: &str) -> Vec<Value> {
    let mut parameters: Vec<_> = path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if path == "/_mock/journal" {
        let kinds =
            json!({ "type": "string", "enum": ["request", "ssh-request", "ref-update", "lfs-object"] });
        for (name, schema) in [
            ("after", json!({ "type": "integer" })),
            ("unknown", json!({ "type": "boolean" })),
            ("kind", kinds),
            ("$top", json!({ "type": "integer", "minimum": 0 })),
            ("continuationToken", json!({ "type": "integer" })),
        ] {
            parameters.push(json!({ "name": name, "in": "query", "schema": schema }));
        }
    }
    parameters
}

fn schema(fields: &str) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields.split_whitespace() {
        let name = field.trim_end_matches(['!', '?', '#', ']', '[']);
        let kind = match field {
            _ if field.ends_with("[]") => json!({ "type": "array", "items": { "type": "string" } }),
            _ if field.ends_with('#') => json!({ "type": "integer", "minimum": 0 }),
            _ if field.ends_with('?') => json!({ "type": "boolean" }),
            _ => json!({ "type": "string" }),
        };
        properties.insert(name.to_owned(), kind);
        if field.ends_with('!') {
            required.push(name);
        }
    }
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}
