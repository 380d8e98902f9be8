//! Who may do what, by role, action and door: one table, which HTTP, SSH, REST and the checks of the security API all
//! have to agree with.
//!
//! `table` is what is expected, `site` the server with the people in their roles, `door` the four ways in.

#[expect(dead_code, reason = "the file is part of the tests of SSH")]
#[path = "../ssh/client.rs"]
mod client;
mod door;
#[expect(dead_code, reason = "the file is part of the tests of SSH")]
#[path = "../ssh/exec.rs"]
mod exec;
#[expect(dead_code, reason = "the file is part of the tests of SSH")]
#[path = "../ssh/message.rs"]
mod message;
mod people;
mod table;
