//! Permissions by role, action and transport: one table, which HTTP, SSH, REST, the pages and the checks of the
//! security API all have to agree with.
//!
//! `table` is what is expected, `pulls` the same of pull requests, `testbed` the server with somebody in every role, `transports` the ways in.

#[expect(dead_code, reason = "the file is part of the tests of SSH")]
#[path = "../ssh/client.rs"]
mod client;
#[expect(dead_code, reason = "the file is part of the tests of SSH")]
#[path = "../ssh/exec.rs"]
mod exec;
#[expect(dead_code, reason = "the file is part of the tests of SSH")]
#[path = "../ssh/message.rs"]
mod message;
mod pulls;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/running.rs"]
mod running;
mod table;
mod testbed;
mod transports;
