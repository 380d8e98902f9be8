//! Refusals, in the form that MLflow's clients read: a status, a code and a message.

use serde_json::{Value, json};

/// A request that is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub message: String,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// An argument can't be what it is, or a bound is met. Clients repeat a request after most 5xx: a bound is a 400.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_PARAMETER_VALUE", message)
    }

    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(404, "RESOURCE_DOES_NOT_EXIST", message)
    }

    pub fn exists(message: impl Into<String>) -> Self {
        Self::new(400, "RESOURCE_ALREADY_EXISTS", message)
    }

    pub fn no_endpoint(method: &str, path: &str) -> Self {
        Self::new(404, "ENDPOINT_NOT_FOUND", format!("azml does not serve {method} {path}"))
    }

    /// The sender does not know the secret of the run's server.
    pub fn stranger() -> Self {
        Self::new(
            401,
            "UNAUTHENTICATED",
            "this is the tracking server of one azml run; it answers that run alone",
        )
    }

    /// The server shows and changes nothing.
    pub fn read_only(message: impl Into<String>) -> Self {
        Self::new(403, "PERMISSION_DENIED", message)
    }

    pub fn too_long(message: impl Into<String>) -> Self {
        Self::new(413, "INVALID_PARAMETER_VALUE", message)
    }

    /// The journal can't be written.
    pub fn not_written(error: &std::io::Error) -> Self {
        Self::new(
            400,
            "BAD_REQUEST",
            format!("azml can't write what is logged into its state folder: {error}"),
        )
    }

    pub fn body(&self) -> Value {
        json!({"error_code": self.code, "message": self.message})
    }
}

/// A text for a message.
pub fn short(text: &str) -> String {
    crate::text::clean_line(&text.chars().take(80).collect::<String>())
}
