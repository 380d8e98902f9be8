//! Single requests, each on a connection of its own.

use test_support::http;

/// Sends a request to `http://HOST:PORT` and returns the answer's status and body.
pub fn send(base: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
    let head = http::head(base, method, path, &http::lines(headers), body.len());
    let answer = http::send(base, &head, body.as_bytes()).expect("the server answers");
    (answer.status, answer.text())
}

/// Sends a form; the values must need no encoding.
pub fn form(base: &str, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let body = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    send(base, "POST", path, &[("Content-Type", "application/x-www-form-urlencoded")], &body)
}
