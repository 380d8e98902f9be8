//! The options of a conversation, and its summary.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::policy::{ObjectRules, RefUpdate};
use crate::{Interrupt, RefRefusal};

/// The engine's options. The default is a complete and forgiving server.
#[derive(Debug, Clone)]
pub struct Options {
    /// The server's name in the `agent` capability; no spaces.
    pub agent: String,
    /// The limits on requests.
    pub limits: Limits,
    /// The service whose capabilities are offered.
    pub profile: Profile,
    /// The host's own rules for received objects.
    pub rules: ObjectRules,
    /// True if packs are written through to the disk before refs point into them.
    pub durable: bool,
    /// Received packs of fewer objects become loose objects, as with Git's `receive.unpackLimit`; 0: none does.
    pub unpack_below: u32,
    /// The author of reflog entries, with the time; without it no reflog is written.
    pub committer: Option<gix::actor::Signature>,
    /// The conversation's name in both sides' logs, sent as the `session-id` capability; no spaces.
    pub session_id: Option<String>,
    /// Tells when a peer that has to wait should hear that there's still somebody.
    pub keep_alive: Option<KeepAlive>,
    /// Ends the conversation when it is set, because the client has gone or its time is over.
    pub interrupt: Interrupt,
    /// After so many waits of a second each, in which it stayed the same file, a ref's lock is taken for that of a killed
    /// process and removed; `None`: never, as Git.
    pub break_locks_after: Option<u32>,
    /// True if the branch that `HEAD` points to may be deleted.
    pub allow_delete_current: bool,
    /// True if a ref may be created that differs only in case from another: on many disks both can't be.
    pub allow_case_clashes: bool,
    /// True if version 2 offers `ref-in-want`. Off as in Git: its client asks for every ref by name where it is offered,
    /// and its `fetch-pack` fails.
    pub ref_in_want: bool,
}

/// The engine has no clock: this is asked, now and then, while nothing is said for long.
#[derive(Clone)]
pub struct KeepAlive(Arc<dyn Fn() -> bool + Send + Sync>);

impl KeepAlive {
    /// `is_due` says whether so much time has passed, since it was asked first or said yes last, that a sign of life
    /// is due.
    pub fn new(is_due: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_due))
    }

    pub(crate) fn is_due(&self) -> bool {
        (self.0)()
    }
}

impl fmt::Debug for KeepAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeepAlive")
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            agent: concat!("git-wire/", env!("CARGO_PKG_VERSION")).to_owned(),
            limits: Limits::default(),
            profile: Profile::default(),
            rules: ObjectRules::default(),
            durable: true,
            break_locks_after: None,
            unpack_below: 100,
            committer: None,
            session_id: None,
            keep_alive: None,
            interrupt: Interrupt::default(),
            allow_delete_current: false,
            allow_case_clashes: false,
            ref_in_want: false,
        }
    }
}

/// The service whose capabilities a server offers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// All the engine has.
    #[default]
    Permissive,
    /// Visual Studio Team Services: protocol version 0 alone, fewer capabilities.
    Vsts,
    /// Azure DevOps Services: the same, and partial clones.
    AzureDevops,
}

/// The bounds that keep one conversation from eating the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Ref updates in one push.
    pub max_commands: usize,
    /// Wants, wanted refs, haves and shallow lines in one request, each.
    pub max_ids: usize,
    /// Bytes of the lines of one request, a pack not counted.
    pub max_request_bytes: u64,
    /// Packet lines of other kinds in one request.
    pub max_lines: usize,
    /// Bytes of a ref's name.
    pub max_ref_name: usize,
    /// Push options in one push.
    pub max_push_options: usize,
    /// Bytes of a received pack.
    pub max_pack_bytes: u64,
    /// Objects in a received pack.
    pub max_pack_objects: u32,
    /// Bytes of one received object, inflated.
    pub max_object_bytes: usize,
    /// Bytes of all objects and deltas of a received pack together, inflated.
    pub max_inflated_bytes: u64,
    /// The longest duration of a conversation. The engine has no clock; transports read this.
    pub max_duration: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_commands: 200_000,
            max_ids: 250_000,
            max_request_bytes: 64 << 20,
            max_lines: 10_000,
            max_ref_name: 1_024,
            max_push_options: 256,
            max_pack_bytes: 5 << 30,
            max_pack_objects: 50_000_000,
            max_object_bytes: 1 << 30,
            max_inflated_bytes: 1 << 40,
            max_duration: Duration::from_hours(1),
        }
    }
}

/// The result of a conversation.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Objects sent to the peer in a pack.
    pub objects_sent: u64,
    /// Bytes of packs sent.
    pub pack_bytes_sent: u64,
    /// Objects received from the peer in a pack.
    pub objects_received: u64,
    /// Bytes of packs received.
    pub pack_bytes_received: u64,
    /// The refs that changed.
    pub updated: Vec<RefUpdate>,
    /// The refs that were refused.
    pub refused: Vec<(bstr::BString, RefRefusal)>,
    /// The client's own name.
    pub client_agent: Option<String>,
}
