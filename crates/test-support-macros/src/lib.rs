//! The attribute [`needs`] for tests that cannot run everywhere.
//!
//! What is there is found out when this crate is built (`build.rs`) and again when the environment changes. Only test
//! targets depend on this crate, so that a change of the environment builds tests again and no library.

use proc_macro::{TokenStream, TokenTree};

/// What a test may need: name, whether it is there, and why a test without it is ignored.
const NEEDS: [(&str, bool, &str); 7] = [
    ("shared", cfg!(has_shared), "needs the shared data: set DRUSE_SHARED"),
    ("gpu", cfg!(has_gpu), "needs a GPU: set DRUSE_REQUIRE_GPU=1 where there is one"),
    ("browser", cfg!(has_browser), "needs a Chromium: name it in DRUSE_BROWSER, or set DRUSE_REQUIRE_BROWSER=1"),
    ("python", cfg!(has_python), "needs a Python with gemmi and pymatgen: name it in DRUSE_PYTHON"),
    ("git", cfg!(has_git), "needs a git checkout of the workspace"),
    (
        "quantum_espresso",
        cfg!(has_quantum_espresso),
        "needs pw.x and the pseudopotentials among the examples of Debian's quantum-espresso-data",
    ),
    ("slurm", cfg!(has_slurm), "needs the superuser and Debian's slurmctld, slurmd, slurm-client and munge"),
];

/// Marks a test as ignored, with the reason, if something that it needs is missing. It stands above `#[test]`:
///
/// ```text
/// use test_support_macros::needs;
///
/// #[needs(shared)]
/// #[test]
/// fn energies_match() {}
/// ```
///
/// | need | is there if |
/// | --- | --- |
/// | `shared` | `DRUSE_SHARED`, else `../shared` beside the workspace, holds `golden/README.md`; or `DRUSE_REQUIRE_SHARED` is set |
/// | `gpu` | `DRUSE_REQUIRE_GPU` is set |
/// | `browser` | `DRUSE_BROWSER` names one, or `DRUSE_REQUIRE_BROWSER` is set |
/// | `python` | `DRUSE_PYTHON` names one, which has gemmi and pymatgen |
/// | `git` | the workspace is a git checkout |
/// | `quantum_espresso` | `pw.x` is on the path, and the examples of Debian's `quantum-espresso-data` are there |
/// | `slurm` | `sbatch`, `slurmctld`, `slurmd` and `munged` are installed, and the tests run as the superuser |
///
/// A test whose need was there when it was built must fail, not return, if it is gone when it runs.
#[proc_macro_attribute]
pub fn needs(wanted: TokenStream, test: TokenStream) -> TokenStream {
    match reason(wanted) {
        _ if !names_test(test.clone()) => error("`needs` must stand above `#[test]`"),
        Err(message) => error(&message),
        Ok(None) => test,
        Ok(Some(reason)) => {
            let mut ignored: TokenStream = format!("#[ignore = {reason:?}]").parse().expect("an attribute");
            ignored.extend(test);
            ignored
        }
    }
}

/// The reasons for which a test with these needs is ignored, if there are any.
fn reason(wanted: TokenStream) -> Result<Option<String>, String> {
    let mut missing = Vec::new();
    let mut n_needs = 0;
    for token in wanted {
        let name = match token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => continue,
            other => other.to_string(),
        };
        let known = NEEDS.iter().find(|(known, ..)| *known == name);
        let (_, there, reason) = known.ok_or_else(|| {
            let names: Vec<&str> = NEEDS.iter().map(|(name, ..)| *name).collect();
            format!("nothing is known about the need `{name}`; there are: {}", names.join(", "))
        })?;
        n_needs += 1;
        if !there {
            missing.push(*reason);
        }
    }
    if n_needs == 0 {
        return Err("name what the test needs, as in `#[needs(shared)]`".to_owned());
    }
    Ok((!missing.is_empty()).then(|| missing.join("; ")))
}

/// Whether an attribute `test` is still to come. Above it, it would not see the `ignore`.
fn names_test(item: TokenStream) -> bool {
    item.into_iter().any(|token| match token {
        TokenTree::Group(group) => group.stream().into_iter().any(|inner| inner.to_string() == "test"),
        _ => false,
    })
}

fn error(message: &str) -> TokenStream {
    format!("::core::compile_error!({message:?});").parse().expect("a macro call")
}
