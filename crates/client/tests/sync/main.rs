//! Sync against remotes that stock git made and judges: two computers, linking, roaming, HTTP's edges.

#![expect(clippy::unwrap_used, reason = "what is unwrapped here is a failed test")]

mod attachments;
mod complete;
mod computer;
mod hosts;
mod http;
mod link;
mod together;
mod weak;
