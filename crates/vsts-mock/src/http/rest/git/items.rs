//! Items: files and folders of a version, as metadata, as content, as zip files.

use git_wire::Reader;
use gix::ObjectId;
use serde_json::{Value, json};

use super::super::failure::{Failure, excerpt};
use super::super::query::choice;
use super::super::reply::{Outcome, Reply, write_array};
use super::Format;
use super::history::reference;
use super::request::RepoRequest;
use super::revision::{Descriptor, or_default};
use super::write;
use crate::http::web::encode_into;
use crate::limits::{BATCH_ITEMS, BINARY_CHECK_BYTES, CONTENT_IN_JSON_BYTES, LATEST_CHANGES};
use crate::operations::commits::CommitInfo;
use crate::operations::content::Blob;
use crate::operations::history::{entry_at, latest_change};
use crate::operations::items::{self, Depth, Entry, all_below, is_binary};
use crate::operations::lfs::files;
use crate::operations::work::Exceeded;
use crate::operations::zip::Zip;

const DEPTHS: [(&str, u64, Depth); 4] = [
    ("none", 0, Depth::None),
    ("oneLevel", 1, Depth::OneLevel),
    ("oneLevelPlusNestedEmptyFolders", 4, Depth::OneLevelPlusEmpty),
    ("full", 120, Depth::Full),
];

/// The parts of an item that are shown on request.
#[derive(Clone, Copy, Debug)]
struct Extras {
    links: bool,
    /// The commit that changed it last.
    latest_change: bool,
    /// The properties of a file's content.
    metadata: bool,
}

impl Extras {
    fn check(self, items: usize) -> Result<(), Failure> {
        if self.latest_change && items > LATEST_CHANGES {
            return Err(Failure::bad(format!(
                "latestProcessedChange is looked up for at most {LATEST_CHANGES} items at once, not for {items}."
            )));
        }
        Ok(())
    }
}

/// A version of the repository.
struct Version<'r> {
    repository: &'r Reader,
    descriptor: Descriptor,
    commit: ObjectId,
}

impl<'r> Version<'r> {
    fn of(request: &RepoRequest, repository: &'r Reader, given: Option<Descriptor>) -> Result<Self, Failure> {
        let descriptor = or_default(given, request, repository)?;
        let commit = descriptor.resolve(request, repository)?;
        Ok(Self { repository, descriptor, commit })
    }

    /// The entry at a path, which begins and ends without a slash.
    fn entry(&self, request: &RepoRequest, path: &str) -> Result<Entry, Failure> {
        let (mode, id) = entry_at(self.repository, self.commit, path)?.ok_or_else(|| {
            let message = format!(
                "TF401174: The item '/{}' could not be found in the repository '{}' at the version specified by '{}' \
                 (resolved to commit '{}')",
                excerpt(path),
                request.repo.name,
                self.descriptor,
                self.commit
            );
            Failure::not_found("GitItemNotFoundException", message)
        })?;
        Ok(Entry { path: path.to_owned(), mode, id })
    }
}

/// The JSON of items of a version.
struct ItemJson<'r> {
    request: &'r RepoRequest,
    version: &'r Version<'r>,
    extras: Extras,
    commit: String,
    /// The URL of every item up to its path.
    url: Vec<u8>,
}

impl<'r> ItemJson<'r> {
    fn new(request: &'r RepoRequest, version: &'r Version<'r>, extras: Extras) -> Self {
        let url = write::beginning(&request.url("items?path="));
        Self { request, version, extras, commit: version.commit.to_string(), url }
    }

    /// Writes one item. There may be very many of them, so no tree of values is made of those without extras.
    fn write(&self, out: &mut Vec<u8>, entry: &Entry) -> Result<(), Failure> {
        let (request, repository) = (self.request, self.version.repository);
        request.work.check()?;
        out.extend_from_slice(b"{\"objectId\":\"");
        write::id(out, &entry.id);
        out.extend_from_slice(b"\",\"gitObjectType\":\"");
        out.extend_from_slice(entry.kind().as_bytes());
        out.extend_from_slice(b"\",\"commitId\":\"");
        out.extend_from_slice(self.commit.as_bytes());
        out.extend_from_slice(b"\",\"path\":\"/");
        let before = out.len();
        write::text(out, &entry.path);
        // Its own quote comes after the slash.
        out.remove(before);
        out.extend_from_slice(b",\"url\":");
        let url = out.len();
        out.extend_from_slice(&self.url);
        encode_into(out, "/");
        encode_into(out, &entry.path);
        out.extend_from_slice(b"&versionType=Commit&version=");
        out.extend_from_slice(self.commit.as_bytes());
        out.push(b'"');
        let url = url..out.len();
        if entry.mode.is_tree() {
            out.extend_from_slice(b",\"isFolder\":true");
        }
        if entry.mode.is_link() {
            out.extend_from_slice(b",\"isSymLink\":true");
        }
        if self.extras.metadata && entry.kind() == "blob" {
            let start = Blob::open(repository, &request.app.budget, entry.id)?.start(BINARY_CHECK_BYTES)?;
            out.extend_from_slice(
                format!(",\"contentMetadata\":{}", metadata(&entry.path, &start)).as_bytes(),
            );
        }
        if self.extras.latest_change
            && let Some(id) = latest_change(request, repository, self.version.commit, &entry.path)?
        {
            let change = reference(request, &CommitInfo::read(repository, id)?);
            out.extend_from_slice(format!(",\"latestProcessedChange\":{change}").as_bytes());
        }
        if self.extras.links {
            let kind = if entry.mode.is_tree() { "tree" } else { "blob" };
            let object = request.url(&format!("{kind}s/{}", entry.id));
            let mut links =
                json!({ "repository": { "href": request.repo_json["url"] }, kind: { "href": object } });
            links["self"] = json!({ "href": String::from_utf8_lossy(&out[url.start + 1..url.end - 1]) });
            out.extend_from_slice(format!(",\"_links\":{links}").as_bytes());
        }
        out.push(b'}');
        Ok(())
    }
}

/// The properties of a file's content.
fn metadata(path: &str, data: &[u8]) -> Value {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_binary = is_binary(data);
    let mut value = json!({
        "encoding": if is_binary { -1 } else { 65001 },
        "contentType": if is_binary { "application/octet-stream" } else { "text/plain" },
        "fileName": name,
    });
    if let Some((_, extension)) = name.rsplit_once('.') {
        value["extension"] = extension.into();
    }
    if is_binary {
        value["isBinary"] = true.into();
    }
    value
}

fn trimmed(path: &str) -> &str {
    path.trim_matches('/')
}

pub(crate) fn show(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let query = &request.query;
    let given = Descriptor::of_criterion(query, &["versionDescriptor.", "itemVersion.", ""])?;
    let path = request.value("path").or_else(|| query.get("path"));
    let scope = query.get("scopePath");
    // A request without any path gets a list that holds the root: some clients begin with that.
    let version = Version::of(request, &repository, given)?;
    let format = Format::of(request, Format::Content)?;
    let depth = query.choice(&["recursionLevel"], &DEPTHS)?;
    let extras = Extras {
        links: query.flag("includeLinks"),
        latest_change: query.flag("latestProcessedChange"),
        metadata: query.flag("includeContentMetadata"),
    };
    if let Some(path) = path {
        let entry = version.entry(request, trimmed(path))?;
        return one(request, &version, &entry, format, extras);
    }
    let top = version.entry(request, trimmed(scope.unwrap_or_default()))?;
    if format == Format::Zip {
        return one(request, &version, &top, format, extras);
    }
    let listed = items::list(&repository, &request.work, top, depth.unwrap_or(Depth::None))?;
    extras.check(listed.len())?;
    let json = ItemJson::new(request, &version, extras);
    Reply::list(&listed, |out, entry| json.write(out, entry))
}

/// One file, or a folder as a zip file.
fn one(
    request: &RepoRequest,
    version: &Version<'_>,
    entry: &Entry,
    format: Format,
    mut extras: Extras,
) -> Outcome {
    let repository = version.repository;
    let name = entry.path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(&request.repo.name);
    if format == Format::Zip {
        let all = if entry.mode.is_tree() {
            let top = if entry.path.is_empty() { "" } else { name };
            all_below(repository, &request.work, entry.id, top)?
        } else {
            vec![Entry { path: name.to_owned(), ..entry.clone() }]
        };
        return zipped(request, &all, name, None);
    }
    let is_blob = entry.kind() == "blob";
    let open = || Blob::open(repository, &request.app.budget, entry.id);
    let file_name = || request.query.flag("download").then(|| name.to_owned());
    if is_blob && format != Format::Json && request.query.flag("resolveLfs") {
        let mut blob = open()?;
        let (size, start) = (blob.size, blob.start(BINARY_CHECK_BYTES)?);
        if let Some(content) =
            files::pointer(size, &start).and_then(|pointer| files::content(request, &pointer))
        {
            let saved = (format == Format::Bytes).then(|| name.to_owned());
            return Ok(Reply::large_file(content, saved.or_else(file_name)));
        }
    }
    match format {
        Format::Text if is_blob => Ok(Reply::file("text/plain; charset=utf-8", open()?, file_name())),
        Format::Bytes if is_blob => {
            Ok(Reply::file("application/octet-stream", open()?, Some(name.to_owned())))
        }
        Format::Content if is_blob => {
            let mut blob = open()?;
            let start = blob.start(BINARY_CHECK_BYTES)?;
            let kind =
                if is_binary(&start) { "application/octet-stream" } else { "text/plain; charset=utf-8" };
            Ok(Reply::rest_of_file(kind, start, blob, file_name()))
        }
        _ => {
            let with_content = is_blob && request.query.flag("includeContent");
            extras.metadata |= with_content;
            let mut out = Vec::new();
            ItemJson::new(request, version, extras).write(&mut out, entry)?;
            if with_content {
                let mut blob = open()?;
                if blob.size > CONTENT_IN_JSON_BYTES as u64 {
                    return Err(Exceeded::ContentInJson.into());
                }
                let _permit = request.app.budget.acquire_blocking(3 * blob.size)?;
                let data = blob.start(CONTENT_IN_JSON_BYTES)?;
                out.pop();
                out.extend_from_slice(b",\"content\":");
                write::text(&mut out, &String::from_utf8_lossy(&data));
                out.push(b'}');
            }
            Ok(Reply::written(out))
        }
    }
}

/// Files in a zip file.
pub(super) fn zipped(request: &RepoRequest, all: &[Entry], name: &str, file_name: Option<&str>) -> Outcome {
    let files = all.iter().filter(|entry| entry.kind() == "blob");
    let files = files.map(|entry| (entry.path.clone(), entry.id)).collect();
    let zip = Zip::new(request.open()?, &request.app.budget, &request.work, files)?;
    Ok(Reply::zip(zip, file_name.map_or_else(|| format!("{name}.zip"), str::to_owned)))
}

/// Several at once, each with a version and a depth of its own.
pub(crate) fn batch(request: &RepoRequest) -> Outcome {
    let body = &request.body;
    let asked = body["itemDescriptors"].as_array().filter(|list| list.len() <= BATCH_ITEMS);
    let asked = asked.ok_or_else(|| Failure::missing("itemDescriptors"))?;
    let repository = request.open()?;
    let is_set = |field: &str| body[field].as_bool().unwrap_or(false);
    let extras = Extras {
        links: is_set("includeLinks"),
        latest_change: is_set("latestProcessedChange"),
        metadata: is_set("includeContentMetadata"),
    };
    let mut listed = 0;
    Reply::list(asked, |out, one| {
        let version = Version::of(request, &repository, Descriptor::of_json(one)?)?;
        let depth = choice("recursionLevel", &one["recursionLevel"], &DEPTHS)?.unwrap_or(Depth::None);
        let top = version.entry(request, trimmed(one["path"].as_str().unwrap_or_default()))?;
        let items = items::list(&repository, &request.work, top, depth)?;
        listed += items.len();
        extras.check(listed)?;
        let json = ItemJson::new(request, &version, extras);
        write_array(out, &items, |out, entry| json.write(out, entry))
    })
}
