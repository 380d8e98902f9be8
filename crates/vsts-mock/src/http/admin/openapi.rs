//! The description of the admin API, built from one table of its routes.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Map, Value, json};

use super::{Answer, ok};
use crate::app::App;

/// (method, path, summary, the body's fields with `!` behind the needed ones, the status when it went well)
const ROUTES: &[(&str, &str, &str, &str, u16)] = &[
    ("get", "/_mock/health", "Whether the server answers", "", 200),
    ("get", "/_mock/openapi.json", "This document", "", 200),
    ("get", "/_mock/users", "All users", "", 200),
    ("post", "/_mock/users", "Make a user", "name! email password", 201),
    ("get", "/_mock/users/{user}", "A user", "", 200),
    ("delete", "/_mock/users/{user}", "Remove a user and all that is theirs", "", 204),
    ("get", "/_mock/users/{user}/tokens", "A user's tokens, without their values", "", 200),
    (
        "post",
        "/_mock/users/{user}/tokens",
        "Make a token; its value is shown once",
        "name! value scopes[] expires",
        201,
    ),
    ("delete", "/_mock/users/{user}/tokens/{token}", "Revoke a token", "", 204),
    ("get", "/_mock/users/{user}/keys", "A user's SSH public keys", "", 200),
    ("post", "/_mock/users/{user}/keys", "Register an SSH public key", "name! key! expires", 201),
    ("delete", "/_mock/users/{user}/keys/{key}", "Take a key out of the registry", "", 204),
    ("get", "/_mock/accounts", "All accounts", "", 200),
    ("post", "/_mock/accounts", "Make an account", "name! owner", 201),
    ("get", "/_mock/accounts/{account}", "An account", "", 200),
    ("delete", "/_mock/accounts/{account}", "Remove an account and all in it", "", 204),
    (
        "put",
        "/_mock/accounts/{account}/members/{group}/{user}",
        "Put a user into an account's group",
        "",
        204,
    ),
    (
        "delete",
        "/_mock/accounts/{account}/members/{group}/{user}",
        "Take a user out of an account's group",
        "",
        204,
    ),
    ("get", "/_mock/accounts/{account}/acl", "The entries of an account", "", 200),
    ("put", "/_mock/accounts/{account}/acl", "Set an entry of an account", "user group allow[] deny[]", 200),
    ("get", "/_mock/accounts/{account}/projects", "An account's projects", "", 200),
    (
        "post",
        "/_mock/accounts/{account}/projects",
        "Make a project and its default repository",
        "name! description readers[] contributors[] administrators[]",
        201,
    ),
    ("get", "/_mock/accounts/{account}/projects/{project}", "A project", "", 200),
    (
        "delete",
        "/_mock/accounts/{account}/projects/{project}",
        "Remove a project and its repositories",
        "",
        204,
    ),
    (
        "put",
        "/_mock/accounts/{account}/projects/{project}/members/{group}/{user}",
        "Put a user into a project's group",
        "",
        204,
    ),
    (
        "delete",
        "/_mock/accounts/{account}/projects/{project}/members/{group}/{user}",
        "Take a user out of a project's group",
        "",
        204,
    ),
    ("get", "/_mock/accounts/{account}/projects/{project}/acl", "The entries of a project", "", 200),
    (
        "put",
        "/_mock/accounts/{account}/projects/{project}/acl",
        "Set an entry of a project",
        "user group allow[] deny[]",
        200,
    ),
    ("get", "/_mock/accounts/{account}/projects/{project}/repos", "A project's repositories", "", 200),
    (
        "post",
        "/_mock/accounts/{account}/projects/{project}/repos",
        "Make a repository",
        "name! import public?",
        201,
    ),
    ("get", "/_mock/accounts/{account}/projects/{project}/repos/{repo}", "A repository", "", 200),
    ("delete", "/_mock/accounts/{account}/projects/{project}/repos/{repo}", "Remove a repository", "", 204),
    (
        "get",
        "/_mock/accounts/{account}/projects/{project}/repos/{repo}/acl",
        "The entries of a repository and its branches",
        "",
        200,
    ),
    (
        "put",
        "/_mock/accounts/{account}/projects/{project}/repos/{repo}/acl",
        "Set an entry of a repository or a branch; empty lists take it away",
        "user group allow[] deny[] branch",
        200,
    ),
    ("get", "/_mock/experimentation", "The Experimentation service's workspaces", "", 200),
    (
        "post",
        "/_mock/experimentation",
        "Make a workspace, or add members to it",
        "account! workspace! owners[] contributors[]",
        201,
    ),
    (
        "delete",
        "/_mock/experimentation/{account}/{workspace}",
        "Remove a workspace that has no projects",
        "",
        204,
    ),
    (
        "put",
        "/_mock/experimentation/{account}/{workspace}/members/{role}/{user}",
        "Give a user a role (Owner, Contributor) in a workspace",
        "",
        204,
    ),
    (
        "delete",
        "/_mock/experimentation/{account}/{workspace}/members/{role}/{user}",
        "Take a role in a workspace away from a user",
        "",
        204,
    ),
    ("post", "/_mock/reset", "Back to the seed; gives the tokens that were generated", "", 200),
    (
        "get",
        "/_mock/journal",
        "Requests and ref updates, oldest first; `after` is the last number that is known",
        "",
        200,
    ),
    ("delete", "/_mock/journal", "Forget what was asked", "", 204),
];

/// What needs no admin token.
const OPEN: &[&str] = &["/_mock/health", "/_mock/openapi.json"];

pub(super) async fn document(State(app): State<Arc<App>>) -> Answer {
    let mut paths = Map::new();
    for (method, path, summary, fields, status) in ROUTES {
        let mut operation = json!({
            "summary": summary,
            "parameters": parameters(path),
            "responses": {
                status.to_string(): { "description": "It went well" },
                "default": { "description": "It did not", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } },
            },
        });
        if !fields.is_empty() {
            operation["requestBody"] =
                json!({ "required": true, "content": { "application/json": { "schema": schema(fields) } } });
        }
        if OPEN.contains(path) {
            operation["security"] = json!([]);
        }
        let entry = paths.entry((*path).to_owned()).or_insert_with(|| json!({}));
        entry[*method] = operation;
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

fn parameters(path: &str) -> Vec<Value> {
    let mut parameters: Vec<_> = path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if path == "/_mock/journal" {
        parameters.push(json!({ "name": "after", "in": "query", "schema": { "type": "integer" } }));
    }
    parameters
}

fn schema(fields: &str) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in fields.split_whitespace() {
        let name = field.trim_end_matches(['!', '?', ']', '[']);
        let kind = match field {
            _ if field.ends_with("[]") => json!({ "type": "array", "items": { "type": "string" } }),
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
