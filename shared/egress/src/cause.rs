//! Causes of an error, down to the one that says what happened.

use std::error::Error;
use std::io;
use std::iter;

/// The error and its causes, the innermost last. An [`io::Error`] that wraps another leads to that one itself, which its
/// `source` leaves out.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

/// The text of the innermost cause; those before it only repeat where.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}
