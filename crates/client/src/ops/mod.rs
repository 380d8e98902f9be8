//! The operations of azml: one file for each thing that it can do.
//!
//! An operation takes values and returns values. It prints nothing: messages and progress go to the context's
//! [`Notices`](crate::notices::Notices), and the front ends (the command line in [`commands`](crate::commands), the pages in
//! [`workbench`](crate::workbench)) show its result.

pub mod faults;
pub mod open;
