//! The JSON of the batch API: what a client asks about objects, and what a server answers.
//!
//! Ids and sizes stay as they were sent until [`Asked::checked`] reads them, because the answer to an object that makes no
//! sense repeats them, beside an error of that object alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::Oid;

/// The media type of all JSON of the API.
pub const MEDIA_TYPE: &str = "application/vnd.git-lfs+json";
/// The one hash algorithm that there is.
pub const HASH_ALGORITHM: &str = "sha256";
/// The transfer that every client and server has: one PUT or GET for each object.
pub const BASIC: &str = "basic";

/// The direction of a transfer, as the client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// From the client to the server.
    Upload,
    /// From the server to the client.
    Download,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The direction.
    pub operation: Operation,
    /// The objects.
    pub objects: Vec<Asked>,
    /// The transfers that the client knows; none means [`BASIC`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<String>,
    /// The ref that they belong to.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// The algorithm of the ids; none means [`HASH_ALGORITHM`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_algo: Option<String>,
}

/// A ref.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Its full name; empty if the client has none, as git-lfs' own compliance tool sends it.
    #[serde(default)]
    pub name: String,
}

/// An object that a client asks about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Its id, as it was sent.
    pub oid: String,
    /// Its bytes, as they were sent.
    pub size: Number,
}

/// The reason why an object that is asked about makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskedError {
    /// The id is none.
    #[error("The object's id is no SHA-256 in 64 lower-case hexadecimal digits.")]
    Oid,
    /// The size is negative, no whole number, or larger than any file.
    #[error("The object's size is no number of bytes.")]
    Size,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// If it is no JSON, or not of this form.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

impl Asked {
    /// The id and the size, if they make sense.
    ///
    /// # Errors
    /// The first that does not.
    pub fn checked(&self) -> Result<(Oid, u64), AskedError> {
        let oid = self.oid.parse().map_err(|_| AskedError::Oid)?;
        let size = self.size.as_u64().filter(|size| i64::try_from(*size).is_ok()).ok_or(AskedError::Size)?;
        Ok((oid, size))
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The transfer to use.
    pub transfer: String,
    /// The objects, each with actions, with an error, or with neither if there is nothing to do.
    pub objects: Vec<Answered>,
    /// The algorithm of the ids.
    pub hash_algo: String,
}

/// The answer about one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// Its id, as it was asked.
    pub oid: String,
    /// Its bytes, as they were asked.
    pub size: Number,
    /// True if the actions bring their credentials along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticated: Option<bool>,
    /// The requests that the client has to make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Actions>,
    /// The reason why nothing can be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ObjectError>,
}

/// The actions for an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actions {
    /// The GET of its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<Action>,
    /// The PUT of its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<Action>,
    /// The POST that confirms it after the PUT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Action>,
}

/// A request that the client is to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Its URL.
    pub href: String,
    /// Headers that it has to have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub header: BTreeMap<String, String>,
    /// Seconds for which it is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
}

/// An error of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectError {
    /// A code of the kind of HTTP's statuses.
    pub code: u16,
    /// Its text.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const OID: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

    /// As git-lfs 3.3 sends it.
    const STOCK: &str = r#"{"operation":"upload","objects":[{"oid":"4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393","size":7}],
        "transfers":["lfs-standalone-file","basic","ssh"],"ref":{"name":"refs/heads/main"},"hash_algo":"sha256"}"#;

    #[test]
    fn a_request_of_stock_git_lfs_is_read() {
        let read = Request::parse(STOCK.as_bytes()).expect("a request");
        assert_eq!((read.operation, read.transfers.len()), (Operation::Upload, 3));
        assert_eq!(read.reference.as_ref().map(|reference| reference.name.as_str()), Some("refs/heads/main"));
        assert_eq!(read.objects[0].checked(), Ok((OID.parse().expect("an id"), 7)));
        let written = serde_json::to_vec(&read).expect("JSON");
        assert_eq!(Request::parse(&written).expect("a request"), read);
    }

    #[test]
    fn a_ref_may_have_no_name() {
        let json = r#"{"operation":"download","objects":[],"ref":{}}"#;
        let read = Request::parse(json.as_bytes()).expect("a request");
        assert_eq!(read.reference.map(|reference| reference.name), Some(String::new()));
    }

    #[test]
    fn objects_that_make_no_sense_are_told_one_by_one() {
        let rows = [
            (OID, "0", Ok(())),
            (OID, "9223372036854775807", Ok(())),
            (OID, "9223372036854775808", Err(AskedError::Size)),
            (OID, "1e30", Err(AskedError::Size)),
            (OID, "-1", Err(AskedError::Size)),
            (OID, "1.5", Err(AskedError::Size)),
            ("a345cde", "1", Err(AskedError::Oid)),
            ("../../../etc/passwd", "1", Err(AskedError::Oid)),
        ];
        for (oid, size, expected) in rows {
            let json = format!(r#"{{"operation":"download","objects":[{{"oid":"{oid}","size":{size}}}]}}"#);
            let read = Request::parse(json.as_bytes()).expect("a request");
            assert_eq!(read.objects[0].checked().map(|_| ()), expected, "{oid} {size}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for json in [
            "",
            "[]",
            "{}",
            r#"{"operation":"delete","objects":[]}"#,
            r#"{"operation":"upload","objects":[{"oid":1}]}"#,
        ] {
            assert!(Request::parse(json.as_bytes()).is_err(), "{json}");
        }
    }
}
