use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

/// The binary, with nothing that is set on this machine. A child does not outlive its test.
pub(super) fn chappe(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(path());
    command
        .env_clear()
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Cargo tells only the package of the binary where it is: tests are in `deps` beside it.
fn path() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let path = profile.join("chappe");
    assert!(
        path.is_file(),
        "{} is missing: cargo build --workspace --tests",
        path.display()
    );
    path
}
