//! vsts-mock over HTTP with stock git as the client, and with bytes that no git would send.
//!
//! `stock` clones and pushes, `access` is about who may, `urls` about every form of address, `wire` about bodies and
//! framing, `experimentation`, `sign_in` and `tokens` about what azml asks beside Git, `hostile` about what is refused, `tls` about HTTPS, `binary` about the command line and the state that
//! outlives a process, `data_dir` about where it is kept, `many` about thousands of repositories, `manual` runs the manual's examples, `profiles` walks the table of profiles, `limits` guesses, `pats` makes tokens in
//! their newer form, `faults` is about requests that go wrong on purpose, `killed` about a server that ends amid completions, `states` saves the whole state and goes back to it, `secrets` looks for what must not be told, `scopes` is about what tokens open, `odd` about
//! what would like to be somebody else's, and `library` about the server in process.

mod access;
mod ask;
mod binary;
mod data_dir;
mod experimentation;
mod faults;
mod git;
mod hostile;
mod intercept;
mod killed;
mod lfs;
mod library;
mod limits;
mod manual;
mod many;
mod odd;
/// The pages.
mod packages;
mod pages;
mod pats;
mod profiles;
#[path = "../support/git.rs"]
mod program;
mod raw;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/running.rs"]
mod running;
mod scopes;
mod secrets;
mod sign_in;
mod states;
mod stock;
mod tls;
mod tokens;
mod urls;
mod wire;
