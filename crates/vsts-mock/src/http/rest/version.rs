//! Versions of the API: how they are written, where a request names one, and which are answered.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};

use super::failure::{Failure, excerpt};
use super::query::Query;
use crate::config::Profile;

/// Up to here a version is answered without `-preview`, whatever the resource: clients from before the flag send 1.0.
const BEFORE_PREVIEWS: Version = Version { major: 1, minor: 0 };

/// `MAJOR.MINOR`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    major: u16,
    minor: u16,
}

impl Version {
    /// A version of the table.
    pub(super) fn known(text: &str) -> Self {
        Self::parse(text).unwrap_or_default()
    }

    fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse().ok()).flatten()
        };
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: number(major)?, minor: number(minor)? })
    }
}

/// The versions in which a resource is served.
pub(super) struct Supported {
    /// The latest.
    pub(super) max: Version,
    /// The latest that is no preview; 0.0 if every one is.
    pub(super) released: Version,
    pub(super) resource_version: u16,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A version as it is asked for: `[v]MAJOR.MINOR[-preview[.RESOURCE]]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Requested {
    version: Version,
    is_preview: bool,
    resource: Option<u16>,
}

fn parse(text: &str) -> Result<Requested, Failure> {
    let malformed = || {
        let message = format!(
            "Invalid api version string: \"{}\". Api version string must be in the format: \
             {{Major}}.{{Minor}}[-preview[.{{ResourceVersion}}]].",
            excerpt(text)
        );
        Failure::new(StatusCode::BAD_REQUEST, "VssInvalidApiResourceVersionException", message)
    };
    let lower = text.trim().to_lowercase();
    let lower = lower.strip_prefix('v').unwrap_or(&lower);
    let (version, preview) = match lower.split_once('-') {
        None => (lower, None),
        Some((version, preview)) => (version, Some(preview)),
    };
    let version = Version::parse(version).ok_or_else(malformed)?;
    let resource = match preview.map(|preview| preview.strip_prefix("preview")) {
        None | Some(Some("")) => None,
        Some(Some(rest)) => {
            let number = rest.strip_prefix('.').and_then(|rest| rest.parse().ok());
            Some(number.ok_or_else(malformed)?)
        }
        Some(None) => return Err(malformed()),
    };
    Ok(Requested { version, is_preview: preview.is_some(), resource })
}

/// The version that a request names: in its query, or as a parameter of a media type.
fn requested(query: &Query, headers: &HeaderMap) -> Result<Option<Requested>, Failure> {
    if let Some(text) = query.get("api-version") {
        return parse(text).map(Some);
    }
    for name in [ACCEPT, CONTENT_TYPE] {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        for parameter in values.flat_map(|value| value.split([';', ','])) {
            if let Some((name, version)) = parameter.split_once('=')
                && name.trim().eq_ignore_ascii_case("api-version")
            {
                return parse(version.trim().trim_matches('"')).map(Some);
            }
        }
    }
    Ok(None)
}

/// The version in which a request is answered, as the answer names it.
pub(super) fn negotiate(
    profile: Profile,
    supported: &Supported,
    method: &Method,
    query: &Query,
    headers: &HeaderMap,
) -> Result<String, Failure> {
    let refuse = |key, message| Err(Failure::new(StatusCode::BAD_REQUEST, key, message));
    let (max, released) = (supported.max, supported.released);
    let preview = |version: Version, resource: Option<u16>| {
        format!("{version}-preview.{}", resource.unwrap_or(supported.resource_version))
    };
    let Some(requested) = requested(query, headers)? else {
        let is_reading = matches!(*method, Method::GET | Method::HEAD);
        if !is_reading && profile != Profile::Permissive {
            let message = format!(
                "No api-version was supplied for the \"{method}\" request. The version must be supplied either as \
                 part of the Accept header (e.g. \"application/json; api-version=1.0\") or as a query parameter (e.g. \
                 \"?api-version=1.0\")."
            );
            return refuse("VssVersionNotSpecifiedException", message);
        }
        return Ok(if released == Version::default() { preview(max, None) } else { released.to_string() });
    };
    if requested.version > max {
        let message = format!(
            "The requested REST API version of {} is out of range for this server. The latest REST API version this \
             server supports is {max}.",
            requested.version
        );
        return refuse("VssVersionOutOfRangeException", message);
    }
    if requested.is_preview {
        return Ok(preview(requested.version, requested.resource));
    }
    if requested.version > released && requested.version > BEFORE_PREVIEWS {
        let version = requested.version;
        let message = format!(
            "The requested version \"{version}\" of the resource is under preview. The -preview flag must be supplied \
             in the api-version for such requests. For example: \"{version}-preview\""
        );
        return refuse("VssInvalidPreviewVersionException", message);
    }
    Ok(requested.version.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::locations;
    use super::*;

    #[test]
    fn versions_are_negotiated_as_the_service_does() {
        let route = |profile, path: &str| {
            let path: Vec<String> = path.split('/').map(str::to_owned).collect();
            locations::find(profile, false, &path).expect("a route").supported
        };
        use Profile::{AzureDevops, Permissive, Vsts};
        let rows = [
            (Vsts, "projects", "GET", "", Ok("4.1")),
            (Vsts, "projects", "GET", "api-version=1.0", Ok("1.0")),
            (Vsts, "projects", "GET", "API-Version=v4.1", Ok("4.1")),
            (Vsts, "projects", "GET", "api-version=5.0-preview", Ok("5.0-preview.3")),
            (Vsts, "projects", "POST", "api-version=4.1-preview.1", Ok("4.1-preview.1")),
            (Vsts, "projects", "GET", "api-version=5.0", Err("VssInvalidPreviewVersionException")),
            (Vsts, "projects", "GET", "api-version=7.1-preview", Err("VssVersionOutOfRangeException")),
            (Vsts, "projects", "POST", "", Err("VssVersionNotSpecifiedException")),
            (Vsts, "projects", "GET", "api-version=five", Err("VssInvalidApiResourceVersionException")),
            (Vsts, "projects", "GET", "api-version=5.0-beta", Err("VssInvalidApiResourceVersionException")),
            (Vsts, "projects", "GET", "api-version=%2B5.0", Err("VssInvalidApiResourceVersionException")),
            (Vsts, "connectionData", "GET", "", Ok("5.0-preview.1")),
            (Vsts, "connectionData", "GET", "api-version=1.0", Ok("1.0")),
            (Vsts, "connectionData", "GET", "api-version=4.1", Err("VssInvalidPreviewVersionException")),
            (AzureDevops, "projects", "GET", "api-version=7.1", Ok("7.1")),
            (AzureDevops, "projects", "GET", "api-version=7.2-preview", Ok("7.2-preview.4")),
            (Permissive, "projects", "GET", "api-version=7.1-preview", Ok("7.1-preview.3")),
            (Permissive, "projects", "POST", "", Ok("7.1")),
            (Permissive, "projects", "GET", "api-version=99.0", Err("VssVersionOutOfRangeException")),
        ];
        for (profile, path, method, query, expected) in rows {
            let method: Method = method.parse().expect("a method");
            let (query, headers) = (Query::parse(query), HeaderMap::new());
            let found = negotiate(profile, &route(profile, path), &method, &query, &headers);
            let found = found.as_deref().map_err(|failure| failure.key);
            assert_eq!(found, expected, "{profile:?} {method} {path}?{query:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            ACCEPT,
            "text/plain, application/json; api-version=4.1-preview".parse().expect("a value"),
        );
        let version = |query: &str| {
            negotiate(Vsts, &route(Vsts, "projects"), &Method::GET, &Query::parse(query), &headers)
        };
        assert_eq!(version("").ok().as_deref(), Some("4.1-preview.3"));
        assert_eq!(version("api-version=1.0").ok().as_deref(), Some("1.0"), "the query comes first");
    }
}
