//! The tools of the scenarios in `tests/e2e`: a sandbox without anything of the caller's environment, the
//! server as a process, people with a home folder and a token, stock git, a browser, and folders compared byte for byte.
//!
//! Nothing of the product is linked in: the binaries are found through `AZML_TEST_BIN_DIR`, or built.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "reads where the binaries are; what it prints is shown with a failed test"
)]

pub mod actor;
pub mod binaries;
pub mod browser;
mod chromedriver;
pub mod engines;
pub mod folder;
pub mod git;
pub mod http;
pub mod line;
pub mod output;
pub mod page_check;
pub mod recording;
pub mod sandbox;
pub mod server;
pub mod sshd;
pub mod ui;

pub use actor::Actor;
pub use browser::{Browser, Scripts, Theme};
pub use folder::{Contents, contents};
pub use line::{Line, Way};
pub use output::Output;
pub use page_check::Weight;
pub use sandbox::Sandbox;
pub use server::Server;
pub use test_support::{npm, usage, venv};
pub use ui::Ui;
