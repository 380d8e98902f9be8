//! A store that runs are exported to.

use super::exported::Exported;
use crate::mlflow::store::content::Content;
use crate::mlflow::store::{Error, Head, Refused};

/// A store that can be written.
pub trait Target {
    /// The runs that are there, as far as they are of azml or have one of these ids.
    fn heads(&mut self, ids: &[String]) -> Result<Vec<Head>, Error>;

    /// Writes a run; gives its id there.
    fn put(&mut self, run: &Exported, content: &Content, refused: &mut Refused) -> Result<String, Error>;
}
