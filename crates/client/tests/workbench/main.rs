//! `azml ui` over HTTP: who is answered, what the pages say, and what they change. The browser's part is told in
//! `tests/e2e/workbench.rs`.

#![expect(clippy::unwrap_used, reason = "what is unwrapped here is a failed test")]

mod charts;
mod guarded;
mod hostile;
mod many;
mod pages;
mod restoring;
mod syncing;
mod testbed;
