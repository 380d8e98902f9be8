//! The bounds on everything that a client can make large, many or long; the one place that holds these numbers.
//!
//! Those that an operator may want otherwise are [`Limits`], which the seed's section `[limits]` sets; the constants are
//! their defaults, and what is not for setting.

mod hooks;
mod pull_requests;
mod states;
mod work_items;

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

pub(crate) use hooks::*;
pub(crate) use pull_requests::*;
pub(crate) use states::*;
pub(crate) use work_items::*;

/// HTTP connections that are open at once at one listener. Who has waited longest makes room: see `admission`.
pub(crate) const HTTP_CONNECTIONS: usize = 1_024;

/// SSH connections that are open at once.
pub(crate) const SSH_CONNECTIONS: usize = 512;

/// The time that a connection may wait for its client before a newcomer may take its place.
pub(crate) const CONNECTION_GRACE: Duration = Duration::from_secs(1);

/// The time that a new connection queues for a place.
pub(crate) const CONNECTION_QUEUE: Duration = Duration::from_secs(10);

/// The number of newcomers of one client that may queue, for each entry that there is room for.
pub(crate) const QUEUED_PER_ENTRY: usize = 2;

/// The interval at which one that queues looks for a free entry.
pub(crate) const ADMISSION_POLL: Duration = Duration::from_millis(50);

/// Connections that wait to be accepted.
pub(crate) const BACKLOG: u32 = 1_024;

/// The pause when the system has no more sockets.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The time that `vsts-mock health` waits for a connection, and for each part of the answer.
pub(crate) const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of an answer that `vsts-mock health` reads.
pub(crate) const HEALTH_BYTES: u64 = 64 << 10;

/// The time that a client may take to shake hands for TLS.
pub(crate) const TLS_HANDSHAKE: Duration = Duration::from_secs(10);

/// Bytes of a request's head.
pub(crate) const HTTP_HEAD_BYTES: usize = 32 << 10;

/// Bytes of the head of a request to the proxy of `--intercept`.
pub(crate) const PROXY_HEAD_BYTES: usize = 16 << 10;

/// Seconds that the head of a request may take, and that a connection may be without a request.
pub(crate) const HTTP_HEAD_SECONDS: u64 = 30;

/// Seconds within which the next [`BODY_PORTION`] of a request's body has to arrive. Only time in which the server waits counts.
pub(crate) const BODY_SECONDS: u64 = 60;

/// Bytes of a body that begin the time anew.
pub(crate) const BODY_PORTION: usize = 16 << 10;

/// The time that a body may take which is read as a whole before it is processed.
pub(crate) const WHOLE_BODY: Duration = Duration::from_mins(5);

/// Bytes of a form, of a page or of the sign-in for programs.
pub(crate) const FORM_BYTES: usize = 64 << 10;

/// Bytes of a body of JSON that holds no files.
pub(crate) const JSON_BODY_BYTES: usize = 1 << 20;

/// Bytes of a body of the Git part of the REST API, which may hold files.
pub(crate) const REST_PUSH_BYTES: usize = 32 << 20;

/// Seconds for which nobody may take anything of an answer.
pub(crate) const WRITE_SECONDS: u64 = 60;

/// Git conversations that are worked on at once; one client has at most half of them.
pub(crate) const GIT_CONVERSATIONS: usize = 64;

/// Git conversations that are open at once, those that wait for their clients included.
pub(crate) const GIT_OPEN: usize = 256;

/// The time that a conversation may wait for its client before it gives its permit to others.
pub(crate) const GIT_PAUSE: Duration = Duration::from_secs(1);

/// The time that a conversation may wait for its client before a newcomer may take its place.
pub(crate) const GIT_GRACE: Duration = Duration::from_secs(5);

/// The time that a conversation queues for a place, and for a permit.
pub(crate) const GIT_QUEUE: Duration = Duration::from_secs(30);

/// Seconds that a Git conversation may last.
pub(crate) const GIT_SECONDS: u64 = 3_600;

/// Bytes of the request of a fetch.
pub(crate) const FETCH_REQUEST_BYTES: usize = 64 << 20;

/// Clients after which those without a conversation are forgotten.
pub(crate) const CLIENTS_REMEMBERED: usize = 1_024;

/// The time for an SSH client to sign in, as OpenSSH's `LoginGraceTime`. Where all places are taken, the connection that
/// has waited longest makes room before that.
pub(crate) const SSH_SIGN_IN: Duration = Duration::from_mins(2);

/// Seconds that a client may say nothing over SSH before its first line.
pub(crate) const SSH_SILENCE_SECONDS: u64 = 30;

/// The time that a client may say nothing over SSH in the midst of a conversation: it may have a large pack to build.
pub(crate) const SSH_SILENCE: Duration = Duration::from_mins(10);

/// Chunks of a request's body that wait for the engine.
pub(crate) const CHUNKS_IN: usize = 4;

/// Chunks of an answer that wait for the HTTP client.
pub(crate) const CHUNKS_OUT: usize = 8;

/// Bytes of an answer that are sent over HTTP as one chunk.
pub(crate) const HTTP_CHUNK_BYTES: usize = 32 << 10;

/// Bytes of an answer that are sent over SSH at once.
pub(crate) const SSH_CHUNK_BYTES: usize = 64 << 10;

/// Bytes of an `Authorization` header.
pub(crate) const AUTHORIZATION_BYTES: usize = 8 << 10;

/// Passwords that are verified at once: each takes 19 MB and a processor for a moment.
pub(crate) const PASSWORDS_AT_ONCE: usize = 4;

/// Entries of the journal. Texts in them are cut, so that all of it has some 10 MB.
pub(crate) const JOURNAL_ENTRIES: usize = 10_000;

/// Bytes of a client's text, such as a path or a command, in the journal and in the log.
pub(crate) const JOURNAL_TEXT: usize = 400;

/// Bytes that are held in memory for clients at once: bodies of requests, contents of files.
pub(crate) const BYTES_IN_FLIGHT: u64 = 512 << 20;

/// The time that a request waits for its part of [`BYTES_IN_FLIGHT`].
pub(crate) const BUDGET_WAIT: Duration = Duration::from_secs(10);

/// Repositories that are kept open. One takes some 50 KB and the address space of its packs.
pub(crate) const OPEN_REPOSITORIES: usize = 256;

/// The interval at which open repositories that nobody has used since the last time are closed.
pub(crate) const IDLE_REPOSITORIES_EVERY: Duration = Duration::from_mins(5);

/// Requests for pages and the REST API whose blocking work is done at the same time; the others wait for their turn.
pub(crate) const WORK_AT_ONCE: usize = 64;

/// Time that a page or an answer of the REST API may take to be made.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(30);

/// Entries of folders, or commits, that all walks for one request go through together.
pub(crate) const REQUEST_ENTRIES: u64 = 2_000_000;

/// Entries that one walk through a folder, or one comparison of two, lists; and one answer.
pub(crate) const WALK_ENTRIES: u64 = 300_000;

/// Bytes that the paths of one walk have together, and those of one answer.
pub(crate) const WALK_PATH_BYTES: u64 = 32 << 20;

/// Levels of folders in folders that a walk goes down: as Git's `core.maxTreeDepth`.
pub(crate) const WALK_DEPTH: usize = 2_048;

/// Bytes of one tree object that is read: a folder of about 700,000 entries.
pub(crate) const TREE_BYTES: u64 = 32 << 20;

/// Bytes of a file that are read at once while it is sent.
pub(crate) const PIECE_BYTES: usize = 128 << 10;

/// Bytes of a whole file, outside of Git, that are read at once while it is sent. A transfer has two such pieces.
pub(crate) const FILE_PIECE_BYTES: usize = 256 << 10;

/// Pieces of files that are read at the same time. More would need a thread each, and no file would arrive sooner.
pub(crate) const PIECES_AT_ONCE: usize = 16;

/// Time after which what has been read of a file is sent, however little it is.
pub(crate) const PIECE_TIME: Duration = Duration::from_millis(20);

/// Bytes of a zip file: what the format's short fields hold.
pub(crate) const ZIP_BYTES: u64 = u32::MAX as u64;

/// Bytes of a file whose content may stand in JSON.
pub(crate) const CONTENT_IN_JSON_BYTES: usize = 16 << 20;

/// Bytes of an answer of the REST API.
pub(crate) const ANSWER_BYTES: usize = 256 << 20;

/// Bytes of an answer that are not yet worth a part of [`BYTES_IN_FLIGHT`].
pub(crate) const SMALL_ANSWER_BYTES: usize = 1 << 20;

/// Blobs that may be asked for at once.
pub(crate) const BATCH_BLOBS: usize = 10_000;

/// Items that may be asked for at once, each with a path of its own.
pub(crate) const BATCH_ITEMS: usize = 1_000;

/// Items whose last change is looked up for one request.
pub(crate) const LATEST_CHANGES: usize = 100;

/// Levels of quotes, lists and elements in each other that a Markdown text may have to be rendered.
pub(crate) const MARKDOWN_DEPTH: usize = 100;

/// Elements that rendering a Markdown text may make.
pub(crate) const MARKDOWN_ELEMENTS: usize = 200_000;

/// Bytes that the addresses of a Markdown text's links may have together.
pub(crate) const MARKDOWN_LINK_BYTES: usize = 8 << 20;

/// Time that rendering a Markdown text may take.
pub(crate) const MARKDOWN_TIME: Duration = Duration::from_secs(2);

/// Bytes of rendered Markdown that are kept.
pub(crate) const MARKDOWN_KEPT_BYTES: usize = 8 << 20;

/// Bytes of a file that a page shows.
pub(crate) const FILE_SHOWN_BYTES: usize = 512 << 10;

/// Lines of a file that a page shows.
pub(crate) const FILE_SHOWN_LINES: usize = 5_000;

/// Bytes of a file whose lines a page shows and counts.
pub(crate) const FILE_COUNTED_BYTES: u64 = 32 << 20;

/// Bytes, and lines, of a file that is compared line by line.
pub(crate) const DIFF_FILE_BYTES: u64 = 1 << 20;
/// See [`DIFF_FILE_BYTES`].
pub(crate) const DIFF_FILE_LINES: usize = 100_000;

/// Rows of a comparison that a page shows, and those of one file.
pub(crate) const DIFF_ROWS: usize = 3_000;
/// See [`DIFF_ROWS`].
pub(crate) const DIFF_FILE_ROWS: usize = 800;

/// Files of a comparison that a page lists, and those that are compared line by line.
pub(crate) const DIFF_LISTED: usize = 500;
/// See [`DIFF_LISTED`].
pub(crate) const DIFF_COMPARED: usize = 60;

/// Time for which files are compared line by line.
pub(crate) const DIFF_TIME: Duration = Duration::from_secs(3);

/// Bytes of a text that is rendered as Markdown, or shown below a folder.
pub(crate) const README_BYTES: u64 = 256 << 10;

/// Bytes that have to be free on the disk when a page makes a repository with its first files, which is two steps.
pub(crate) const FIRST_FILES_ROOM: u64 = 256 << 10;

/// Bytes of an SSH public key as it is pasted.
pub(crate) const SSH_KEY_TEXT_BYTES: usize = 16 * 1024;

/// Sessions of browsers at once; the one that was used least lately goes.
pub(crate) const BROWSER_SESSIONS: usize = 10_000;

/// Bytes of a text about a resource of the Experimentation service.
pub(crate) const RESOURCE_TEXT_BYTES: usize = 4096;

/// Tags of a resource; the Resource Manager's limit, like the two below.
pub(crate) const RESOURCE_TAGS: usize = 50;

/// Characters of a tag's name.
pub(crate) const TAG_NAME_CHARACTERS: usize = 512;

/// Characters of a tag's value.
pub(crate) const TAG_VALUE_CHARACTERS: usize = 256;

/// Characters that a token has at least.
pub(crate) const SHORTEST_TOKEN: usize = 6;

/// Characters that a token has at most.
pub(crate) const LONGEST_TOKEN: usize = 1024;

/// Bytes of a line in the header of a bundle.
pub(crate) const BUNDLE_LINE_BYTES: u64 = 8 * 1024;

/// Characters (UTF-16 units) of a name.
pub(crate) const NAME_CHARACTERS: usize = 64;

/// Characters (UTF-16 units) of a display name of a token or a key.
pub(crate) const DISPLAY_NAME_CHARACTERS: usize = 256;

/// Jobs that are remembered; the oldest are forgotten.
pub(crate) const JOBS: usize = 1_000;

/// Certificates for hosts that are kept; others are signed again.
pub(crate) const CERTIFICATES: usize = 256;

/// Rows that one statement writes into the database: SQLite takes 32766 values, and a row has at most 12.
pub(crate) const ROWS_PER_STATEMENT: usize = 1000;

/// Repositories that a warning at the start names; it counts the others.
pub(crate) const NAMED_AT_START: usize = 10;

/// Bytes of commit-graphs that are kept in memory: six of a history of Git's own size.
pub(crate) const COMMIT_GRAPH_BYTES: usize = 128 << 20;

/// Pairs of commits of which is kept how far they are apart.
pub(crate) const DISTANCES: usize = 50_000;

/// Commits that a walk reads one by one before a commit-graph is asked for.
pub(crate) const COMMITS_WITHOUT_GRAPH: usize = 1_000;

/// Threads that compute a commit-graph which somebody waits for.
pub(crate) const GRAPH_THREADS: u32 = 2;

/// Commits that one push over REST may make.
pub(crate) const PUSH_COMMITS: usize = 1_000;

/// Refs that one request may change.
pub(crate) const REF_UPDATES: usize = 10_000;

/// Bytes of a path in a push over REST.
pub(crate) const CHANGED_PATH_BYTES: usize = 4096;

/// Bytes for which room is made at once in an answer of REST.
pub(crate) const ANSWER_RESERVE_BYTES: usize = 64 << 20;

/// Subjects that a search finds at most.
pub(crate) const SUBJECTS_FOUND: usize = 100;

/// Evaluations that one batch may have.
pub(crate) const BATCH_EVALUATIONS: usize = 10_000;

/// Bytes of the longest text that is read as a date.
pub(crate) const DATE_BYTES: usize = 64;

/// Characters of a device's name that are kept.
pub(crate) const DEVICE_NAME_CHARS: usize = 60;

/// Snapshots of a run history that its page counts.
pub(crate) const SNAPSHOTS_COUNTED: usize = 20_000;
/// Snapshots of each run history that the page of branches counts.
pub(crate) const BRANCH_SNAPSHOTS_COUNTED: usize = 10_000;

/// Characters that a project's description may have.
pub(crate) const DESCRIPTION_CHARS: usize = 1_000;

/// Branches that are read to sum a repository up.
pub(crate) const SUMMARY_BRANCHES: usize = 1_000;

/// Entries of a folder that its page lists.
pub(crate) const FOLDER_ENTRIES: usize = 2_000;

/// The time for finding the last changes of a folder's entries.
pub(crate) const LAST_CHANGES_TIME: Duration = Duration::from_millis(200);

/// Tags that a page lists.
pub(crate) const TAGS_LISTED: usize = 500;

/// Branches among which those are found that have the commit.
pub(crate) const COMMIT_BRANCHES: usize = 50;

/// Branches that a page lists.
pub(crate) const BRANCHES_LISTED: usize = 300;

/// The time for counting how far branches are apart.
pub(crate) const DISTANCES_TIME: Duration = Duration::from_secs(2);

/// The time for finding commits that changed a path.
pub(crate) const PATH_HISTORY_TIME: Duration = Duration::from_secs(3);

/// Commits that the page of a comparison lists.
pub(crate) const COMPARED_COMMITS: usize = 50;

/// Characters of a line that a page of differences shows.
pub(crate) const DIFF_LINE_CHARS: usize = 2_000;

/// The time that an SSH client may take to receive the end of a conversation.
pub(crate) const SSH_LAST_WORDS: Duration = Duration::from_secs(10);

/// The time that an SSH client has to disconnect when it is asked to.
pub(crate) const SSH_DISCONNECT: Duration = Duration::from_secs(1);

/// Channels that are open at once on one SSH connection.
pub(crate) const SSH_CHANNELS: usize = 10;

/// Channels that an SSH connection may open in its life: the library keeps a little of each.
pub(crate) const SSH_CHANNELS_EVER: usize = 2_000;

/// Packets of an SSH channel that wait for the engine.
pub(crate) const SSH_PACKETS: usize = 16;

/// Bytes of the longest `GIT_PROTOCOL` that is read.
pub(crate) const GIT_PROTOCOL_BYTES: usize = 256;

/// Failures to sign in over SSH that a client may have: six keys, and the question for the methods.
pub(crate) const SSH_ATTEMPTS: usize = 7;

/// Bytes that a client may send over SSH before they are acknowledged.
pub(crate) const SSH_WINDOW_BYTES: u32 = 2 << 20;

/// Bytes of the largest packet of data over SSH, either way: what OpenSSH sends at most.
pub(crate) const SSH_PACKET_BYTES: u32 = 32 * 1024;

/// Messages that wait to be sent on one SSH connection.
pub(crate) const SSH_MESSAGES: usize = 64;

/// The time that an SSH connection may be silent before the server sends a keep-alive request.
pub(crate) const SSH_KEEPALIVE: Duration = Duration::from_mins(1);

/// Keep-alive requests on an SSH connection that may stay unanswered.
pub(crate) const SSH_KEEPALIVES: usize = 3;

/// The time for which nothing at all may move on an SSH connection, answers to keep-alive requests included.
pub(crate) const SSH_DEAD: Duration = Duration::from_mins(5);

/// Bytes, either way, after which the keys of an SSH connection are exchanged anew.
pub(crate) const SSH_REKEY_BYTES: usize = 1 << 30;

/// The time after which the keys of an SSH connection are exchanged anew.
pub(crate) const SSH_REKEY_TIME: Duration = Duration::from_hours(1);

/// The silence after which a client that waits for a pack is sent a sign of life.
pub(crate) const GIT_KEEPALIVE: Duration = Duration::from_secs(5);

/// Bytes of the longest ref name, as the service has it.
pub(crate) const REF_NAME_BYTES: usize = 400;

/// Characters of a client's text that a message repeats.
pub(crate) const EXCERPT_CHARS: usize = 200;

/// Bytes at the start of a file that tell whether it is binary, as in Git.
pub(crate) const BINARY_CHECK_BYTES: usize = 8_000;

/// Entries after which a walk through trees is measured.
pub(crate) const WALK_MEASURED_AFTER: u64 = 10_000;

/// Bytes of trees that a walk keeps from measuring for walking.
pub(crate) const WALK_KEPT_BYTES: usize = 16 << 20;

/// Bytes of decoded objects that a reader keeps.
pub(crate) const OBJECT_CACHE_BYTES: usize = 4 << 20;

/// Bytes of the largest file that Git LFS takes: 50 GB, as the service.
pub(crate) const LFS_FILE_BYTES: u64 = 50_000_000_000;

/// Objects that one request of Git LFS may ask about. Stock git-lfs asks about 100.
pub(crate) const LFS_BATCH_OBJECTS: usize = 1_000;

/// Bytes of a body that Git LFS sends at once to be hashed and written.
pub(crate) const LFS_PIECE_BYTES: usize = 128 << 10;

/// The time for which the actions of Git LFS's batch API are good.
pub(crate) const LFS_GRANT: Duration = Duration::from_hours(1);

/// The time for which what `git-lfs-authenticate` gives is good.
pub(crate) const LFS_SIGN_IN: Duration = Duration::from_mins(10);

/// The time for which an object of Git LFS stays that no ref reaches, since it was uploaded or counted on last.
pub(crate) const LFS_GRACE: Duration = Duration::from_hours(14 * 24);

/// The interval at which such objects are looked for.
pub(crate) const LFS_SWEEP_EVERY: Duration = Duration::from_hours(1);

/// Arguments that a request of Git LFS over SSH may have.
pub(crate) const LFS_ARGUMENTS: usize = 100;

/// Locks that a list has when the client asks for no number, and at most.
pub(crate) const LFS_LOCKS_LISTED: usize = 100;
/// See [`LFS_LOCKS_LISTED`].
pub(crate) const LFS_MOST_LOCKS_LISTED: usize = 1_000;

/// Locks that a repository may have.
pub(crate) const LFS_LOCKS: i64 = 50_000;

/// The most rows in the table of faults.
pub(crate) const FAULTS: usize = 100;
/// The longest wait of a fault.
pub(crate) const FAULT_DELAY: Duration = Duration::from_mins(5);
/// The bytes of a request's body that are taken before a fault answers it.
pub(crate) const FAULT_DRAIN_BYTES: usize = 16 << 20;
/// The bytes of a text in a fault.
pub(crate) const FAULT_TEXT_BYTES: usize = 1_000;

/// The bounds that the seed may set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// HTTP connections that are open at once at one listener, and as many for HTTPS; one address has at most half of them.
    pub connections: usize,
    /// SSH connections that are open at once; one address has at most half of them.
    pub ssh_connections: usize,
    /// Seconds that the head of a request may take, and that a connection may be without a request.
    pub head_seconds: u64,
    /// Seconds within which the next 16 KiB of a request's body have to arrive.
    pub body_seconds: u64,
    /// Seconds for which nobody may take anything of an answer.
    pub write_seconds: u64,
    /// Git conversations that are worked on at once; one client has at most half of them.
    pub git_conversations: usize,
    /// Git conversations that are open at once, those that wait for their clients included; one client has at most half.
    pub git_open: usize,
    /// Seconds that a Git conversation may last.
    pub git_seconds: u64,
    /// Seconds that a client may say nothing over SSH before its first line.
    pub ssh_silence_seconds: u64,
    /// Bytes of the largest file that Git LFS takes; in the seed a number, or a text such as `"50GB"` or `"10 MiB"`.
    #[serde(deserialize_with = "bytes")]
    pub max_lfs_file: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: HTTP_CONNECTIONS,
            ssh_connections: SSH_CONNECTIONS,
            head_seconds: HTTP_HEAD_SECONDS,
            body_seconds: BODY_SECONDS,
            write_seconds: WRITE_SECONDS,
            git_conversations: GIT_CONVERSATIONS,
            git_open: GIT_OPEN,
            git_seconds: GIT_SECONDS,
            ssh_silence_seconds: SSH_SILENCE_SECONDS,
            max_lfs_file: LFS_FILE_BYTES,
        }
    }
}

/// A number of bytes as a seed has it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Bytes {
    Number(u64),
    Text(String),
}

const UNITS: [(&str, u64); 10] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

impl Bytes {
    fn number(self) -> Result<u64, String> {
        let text = match self {
            Self::Number(number) => return Ok(number),
            Self::Text(text) => text,
        };
        let unit = UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)));
        let (digits, unit) = unit.unwrap_or((&text, &1));
        let number: Option<u64> = digits.trim().parse().ok();
        let bytes = number.and_then(|number| number.checked_mul(*unit));
        bytes.ok_or_else(|| {
            format!("{text:?} is no number of bytes, such as 500000000, \"500MB\" or \"1 GiB\"")
        })
    }
}

/// Reads a number of bytes.
pub(crate) fn bytes<'d, D: Deserializer<'d>>(from: D) -> Result<u64, D::Error> {
    Bytes::deserialize(from)?.number().map_err(D::Error::custom)
}

/// Reads a number of bytes that may be missing.
pub(crate) fn bytes_if_any<'d, D: Deserializer<'d>>(from: D) -> Result<Option<u64>, D::Error> {
    let found = Option::<Bytes>::deserialize(from)?;
    found.map(Bytes::number).transpose().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_bytes_are_read() {
        let read = |text: &str| Bytes::Text(text.to_owned()).number().ok();
        let rows = [
            ("12", Some(12)),
            ("12B", Some(12)),
            ("50GB", Some(50_000_000_000)),
            ("1 GiB", Some(1 << 30)),
            ("3kB", Some(3_000)),
            ("", None),
            ("GB", None),
            ("-1GB", None),
            ("1.5GB", None),
            ("99999999TB", None),
            ("1 gb", None),
        ];
        for (text, expected) in rows {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
