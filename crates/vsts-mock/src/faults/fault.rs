//! One fault: its scope, and what goes wrong there.

use serde::{Deserialize, Serialize};

use crate::limits::{FAULT_DELAY, FAULT_TEXT_BYTES, bytes_if_any};

/// The kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The request waits before it is answered.
    Latency,
    /// The answer is an error with this status. Over SSH the command fails, with the message.
    Status,
    /// The answer is 429, with the headers by which the service tells its limits.
    RateLimit,
    /// The connection breaks when so many bytes of the request's body have come.
    CutRequest,
    /// The connection breaks when so many bytes of the answer's body are sent.
    CutAnswer,
    /// The answer is that the credentials have expired.
    ExpiredToken,
    /// A push changes no ref.
    RefusePush,
    /// A push changes no ref, because each has moved in the meantime.
    StaleRef,
    /// Repositories are in maintenance: pages show a banner with the message, and pushes are refused.
    Maintenance,
}

impl FaultKind {
    /// Returns whether it is asked for pushes, and not for requests.
    pub(super) fn is_of_pushes(self) -> bool {
        matches!(self, Self::RefusePush | Self::StaleRef | Self::Maintenance)
    }

    /// The fields beside the scope that it needs, and those that it takes.
    fn fields(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Latency => (&["milliseconds"], &["milliseconds"]),
            Self::Status => (&["status"], &["status", "message", "retry_after"]),
            Self::RateLimit => (&[], &["message", "retry_after"]),
            Self::CutRequest | Self::CutAnswer => (&["after"], &["after"]),
            Self::ExpiredToken | Self::RefusePush | Self::Maintenance => (&[], &["message"]),
            Self::StaleRef => (&[], &[]),
        }
    }
}

/// A fault for tests of clients: which requests go wrong, and how. All parts of the scope have to agree; one that is left
/// out agrees with everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The kind.
    pub kind: FaultKind,
    /// The scope: HTTP's method, or `SSH` for commands over SSH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The scope: the path as the client sends it, without its query, or over SSH the path of the repository. `*` stands
    /// for any characters, `?` for one. For pushes it is `/ACCOUNT/PROJECT/_git/REPOSITORY`, whatever the client called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The scope: the user whose credentials the request has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The scope: requests that announce a body of more bytes; a number, or a text such as `"1MB"`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "bytes_if_any")]
    pub larger_than: Option<u64>,
    /// The number of requests in the scope that are let through before the first that is not.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skip: u64,
    /// The number of requests that meet the fault; all of them without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The answer's status: 400 to 599.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The answer's text; a text of the kind's own without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Seconds after which the client may come again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Milliseconds to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// Bytes that pass before the connection breaks; a number, or a text such as `"1MB"`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "bytes_if_any")]
    pub after: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A fault that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {message}")]
pub(crate) struct FaultError {
    pub(crate) field: &'static str,
    pub(crate) message: String,
}

impl FaultError {
    pub(super) fn full() -> Self {
        let message = format!(
            "there are {} faults, the most that a server has; remove some first",
            crate::limits::FAULTS
        );
        Self { field: "faults", message }
    }
}

impl Fault {
    fn of(kind: FaultKind) -> Self {
        Self {
            kind,
            method: None,
            path: None,
            user: None,
            larger_than: None,
            skip: 0,
            count: None,
            status: None,
            message: None,
            retry_after: None,
            milliseconds: None,
            after: None,
        }
    }

    /// Every request waits so long.
    pub fn latency(milliseconds: u64) -> Self {
        Self { milliseconds: Some(milliseconds), ..Self::of(FaultKind::Latency) }
    }

    /// Every request is answered by an error with this status.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::of(FaultKind::Status) }
    }

    /// Every request is answered by 429, with the service's headers: the client may come again after so many seconds.
    pub fn rate_limit(retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::of(FaultKind::RateLimit) }
    }

    /// The connection breaks when so many bytes of a request's body have come.
    pub fn cut_request(after: u64) -> Self {
        Self { after: Some(after), ..Self::of(FaultKind::CutRequest) }
    }

    /// The connection breaks when so many bytes of an answer's body are sent.
    pub fn cut_answer(after: u64) -> Self {
        Self { after: Some(after), ..Self::of(FaultKind::CutAnswer) }
    }

    /// Every request is told that its credentials have expired.
    pub fn expired_token() -> Self {
        Self::of(FaultKind::ExpiredToken)
    }

    /// No push changes a ref.
    pub fn refuse_push() -> Self {
        Self::of(FaultKind::RefusePush)
    }

    /// Every push finds that the refs have moved.
    pub fn stale_ref() -> Self {
        Self::of(FaultKind::StaleRef)
    }

    /// Repositories are in maintenance: pages say so, and pushes are refused.
    pub fn maintenance() -> Self {
        Self::of(FaultKind::Maintenance)
    }

    /// Narrows the scope to HTTP's method, or `SSH`.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// Narrows the scope to paths of this pattern.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Narrows the scope to a user.
    #[must_use]
    pub fn by(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Narrows the scope to requests that announce a body of more bytes.
    #[must_use]
    pub fn larger_than(mut self, bytes: u64) -> Self {
        self.larger_than = Some(bytes);
        self
    }

    /// Lets so many requests in the scope through first.
    #[must_use]
    pub fn skip(mut self, requests: u64) -> Self {
        self.skip = requests;
        self
    }

    /// Lets so many requests meet it, and no more.
    #[must_use]
    pub fn count(mut self, requests: u64) -> Self {
        self.count = Some(requests);
        self
    }

    /// The answer's text.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// The seconds after which the client may come again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Refuses a fault whose fields do not belong together.
    pub(super) fn check(&self) -> Result<(), FaultError> {
        let wrong = |field, message: String| Err(FaultError { field, message });
        let given = [
            ("status", self.status.is_some()),
            ("message", self.message.is_some()),
            ("retry_after", self.retry_after.is_some()),
            ("milliseconds", self.milliseconds.is_some()),
            ("after", self.after.is_some()),
        ];
        let (needs, takes) = self.kind.fields();
        for (field, is_given) in given {
            if is_given && !takes.contains(&field) {
                return wrong(field, "a fault of this kind has no such value".to_owned());
            }
            if !is_given && needs.contains(&field) {
                return wrong(field, "a fault of this kind needs it".to_owned());
            }
        }
        if self.kind.is_of_pushes() && (self.method.is_some() || self.larger_than.is_some()) {
            let field = if self.method.is_some() { "method" } else { "larger_than" };
            return wrong(field, "a fault of pushes meets them on every transport, of any size".to_owned());
        }
        if self.status.is_some_and(|status| !(400..600).contains(&status)) {
            return wrong("status", "an error has a status from 400 to 599".to_owned());
        }
        let most = u64::try_from(FAULT_DELAY.as_millis()).unwrap_or(u64::MAX);
        if self.milliseconds.is_some_and(|wait| wait > most) {
            return wrong("milliseconds", format!("a request waits at most {most}"));
        }
        let texts = [
            ("method", &self.method),
            ("path", &self.path),
            ("user", &self.user),
            ("message", &self.message),
        ];
        for (field, text) in texts {
            if text
                .as_ref()
                .is_some_and(|text| text.len() > FAULT_TEXT_BYTES || text.contains(['\r', '\n', '\0']))
            {
                return wrong(field, format!("it may have at most {FAULT_TEXT_BYTES} bytes, in one line"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_belong_together_is_refused_by_its_name() {
        let rows = [
            (r#"{"kind":"status"}"#, "status"),
            (r#"{"kind":"status","status":200}"#, "status"),
            (r#"{"kind":"status","status":503,"after":1}"#, "after"),
            (r#"{"kind":"latency"}"#, "milliseconds"),
            (r#"{"kind":"latency","milliseconds":99999999}"#, "milliseconds"),
            (r#"{"kind":"cut-answer"}"#, "after"),
            (r#"{"kind":"stale-ref","message":"x"}"#, "message"),
            (r#"{"kind":"refuse-push","method":"POST"}"#, "method"),
            (r#"{"kind":"refuse-push","message":"two\nlines"}"#, "message"),
        ];
        for (json, field) in rows {
            let fault: Fault = serde_json::from_str(json).expect("a fault");
            assert_eq!(fault.check().expect_err("it makes no sense").field, field, "{json}");
        }
        for json in [r#"{"kind":"other"}"#, r#"{"kind":"latency","milliseconds":1,"colour":2}"#, "{}"] {
            assert!(serde_json::from_str::<Fault>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_fault_is_written_as_it_is_read() {
        let json = r#"{"kind":"cut-request","method":"PUT","larger_than":"1MB","after":"1kB"}"#;
        let fault: Fault = serde_json::from_str(json).expect("a fault");
        assert_eq!(fault, Fault::cut_request(1000).method("PUT").larger_than(1_000_000));
        let written = serde_json::to_string(&fault).expect("JSON");
        assert_eq!(written, r#"{"kind":"cut-request","method":"PUT","larger_than":1000000,"after":1000}"#);
    }
}
