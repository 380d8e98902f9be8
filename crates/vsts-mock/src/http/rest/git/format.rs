//! The form in which a client wants something: as `$format` says, or else as its `Accept` header does.

use super::super::failure::Failure;
use super::request::RepoRequest;

/// A form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Text,
    Bytes,
    Zip,
    /// The content, in whatever type suits it.
    Content,
}

impl Format {
    /// The form that is wanted; `any` is what a client gets that takes everything.
    ///
    /// Without a header it is JSON, and so it is where no accepted type can be had: the service refuses nobody for that.
    pub(super) fn of(request: &RepoRequest, any: Self) -> Result<Self, Failure> {
        let known = [
            ("json", 0, Self::Json),
            ("text", 1, Self::Text),
            ("octetStream", 2, Self::Bytes),
            ("zip", 3, Self::Zip),
        ];
        match request.query.choice(&["$format"], &known)? {
            Some(format) => Ok(format),
            None => Ok(Self::accepted(&request.accept, any)),
        }
    }

    /// The form that a header wants most: the highest `q`, then the type with the fewest stars, then the first.
    fn accepted(header: &str, any: Self) -> Self {
        let mut best = (0.0, 0, Self::Json);
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let (exactness, format) = match parts.next().unwrap_or_default() {
                "application/json" | "text/json" => (3, Self::Json),
                "text/plain" => (3, Self::Text),
                "application/octet-stream" => (3, Self::Bytes),
                "application/zip" => (3, Self::Zip),
                "text/*" => (2, Self::Text),
                "application/*" => (2, Self::Json),
                "*/*" | "*" => (1, any),
                _ => continue,
            };
            let quality = parts.find_map(|parameter| parameter.strip_prefix("q="));
            let quality =
                quality.map_or(1.0, |text| text.trim().parse::<f32>().unwrap_or(1.0)).clamp(0.0, 1.0);
            if quality > 0.0 && (quality, exactness) > (best.0, best.1) {
                best = (quality, exactness, format);
            }
        }
        best.2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_wanted_form_is_chosen() {
        let rows = [
            ("", Format::Json),
            ("*/*", Format::Content),
            ("application/json", Format::Json),
            ("application/json;api-version=5.0;excludeurls=true", Format::Json),
            ("text/plain", Format::Text),
            ("text/plain; charset=utf-8", Format::Text),
            ("text/*", Format::Text),
            ("application/*", Format::Json),
            ("application/octet-stream", Format::Bytes),
            ("application/zip;api-version=4.1", Format::Zip),
            ("*/*, application/json", Format::Json),
            ("application/json, text/javascript, */*; q=0.01", Format::Json),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Content),
            ("application/zip;q=0.5, text/plain;q=0.9", Format::Text),
            ("text/plain, application/zip", Format::Text),
            ("application/json;q=0, text/plain;q=0.1", Format::Text),
            ("application/json;q=0", Format::Json),
            ("text/html", Format::Json),
            ("image/png", Format::Json),
            ("text/plain;q=nan, application/zip;q=0.9", Format::Zip),
            (";;,,;q=,*", Format::Content),
        ];
        for (header, expected) in rows {
            assert_eq!(Format::accepted(header, Format::Content), expected, "{header}");
        }
    }
}
