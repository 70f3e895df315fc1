//! One line for an error and what caused it.

use std::error::Error;
use std::io;

/// The error and its causes, outermost first. A cause that the text already holds is not repeated: some errors print
/// their source themselves.
pub fn of(error: &anyhow::Error) -> String {
    chain(error.chain())
}

/// As [`of`], for an error that is not wrapped yet.
pub fn of_std(error: &(dyn Error + 'static)) -> String {
    chain(std::iter::successors(Some(error), |error| (*error).source()))
}

fn chain<'a>(causes: impl Iterator<Item = &'a (dyn Error + 'static)>) -> String {
    let mut text = String::new();
    let mut cure = None;
    for cause in causes {
        let said = cause.to_string();
        if text.is_empty() {
            text = said;
        } else if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cure = cure.or_else(|| cause.downcast_ref::<io::Error>().and_then(|error| cure_of(error.kind())));
    }
    match cure {
        Some(cure) => format!("{text}; {cure}"),
        None => text,
    }
}

/// What a user can do about an error of the system.
fn cure_of(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "check the permissions or choose another place"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space or choose another place",
        io::ErrorKind::FileTooLarge => "raise the limit on the size of files or write less",
        io::ErrorKind::NotADirectory => "a part of the path is a file; choose another place",
        io::ErrorKind::IsADirectory => "name a file instead of a folder",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn causes_stand_there_once_and_the_cure_last() {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let twice = Err::<(), _>(missing()).context("a.cif: entity not found").expect_err("an error");
        assert_eq!(of(&twice), "a.cif: entity not found; check the path");
        let nested = Err::<(), _>(missing()).context("a.cif: cannot be read").expect_err("an error");
        assert_eq!(of(&nested), "a.cif: cannot be read: entity not found; check the path");
        assert_eq!(of(&anyhow::anyhow!("no cause")), "no cause");
    }
}
