//! receive-pack: what takes pushes.

use std::io::{BufRead, Write};

use crate::serve::Context;
use crate::{Error, Summary};

pub(crate) fn advertise(context: &Context<'_>, out: &mut dyn Write) -> Result<(), Error> {
    let _ = (context, out);
    todo!()
}

pub(crate) fn serve(
    context: &Context<'_>,
    reader: &mut dyn BufRead,
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<(), Error> {
    let _ = (context, reader, out, summary);
    todo!()
}
