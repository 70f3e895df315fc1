//! `cargo xtask new-model` on a copy of what it reads.

use std::fs;
use std::path::Path;

use xshell::Shell;
use xtask::new_model::create;
use xtask::tidy::workspace_root;

/// The files that the command reads, in their own folder.
fn copy(to: &Path) {
    let from = workspace_root();
    let files = [
        "Cargo.toml",
        "crates/druse/Cargo.toml",
        "crates/druse/src/models.rs",
        "crates/example-model/Cargo.toml",
        "crates/example-model/src/lib.rs",
        "crates/example-model/src/config.rs",
        "crates/example-model/tests/conformance.rs",
    ];
    for file in files {
        fs::create_dir_all(to.join(file).parent().expect("a folder")).expect("writable");
        fs::copy(from.join(file), to.join(file)).expect("readable");
    }
}

#[test]
fn a_crate_is_made_and_registered_once() {
    let shell = Shell::new().expect("a shell");
    let folder = shell.create_temp_dir().expect("a folder");
    let root = folder.path();
    copy(root);
    let files = create(root, "my-net").expect("a new crate");
    assert!(files.contains(&root.join("crates/my-net/src/lib.rs")));
    let read = |file: &str| fs::read_to_string(root.join(file)).expect(file);
    assert!(read("crates/druse/src/models.rs").contains("    MyNet(my_net::MyNetConfig),\n"));
    let listed = "my-net = { path = \"crates/my-net\", version = \"0.1.0\", default-features = false }\n";
    assert!(read("Cargo.toml").contains(listed));
    assert!(read("crates/druse/Cargo.toml").contains("my-net.workspace = true\n"));
    assert!(read("crates/my-net/src/config.rs").contains("const KIND: &'static str = \"my-net\";"));
    assert!(!read("crates/my-net/src/lib.rs").contains("ExampleModel"));

    assert!(create(root, "my-net").expect_err("taken").to_string().contains("there already"));
    for bad in ["My", "1net", "a b", "", "net-", "../net"] {
        assert!(create(root, bad).is_err(), "{bad}");
    }
}
