//! Sync against remotes that stock git made and judges: two computers, linking, roaming, HTTP's edges.

mod attachments;
mod complete;
mod computer;
mod hosts;
mod http;
mod link;
mod together;
mod weak;
