use std::{ffi::OsStr, process::Stdio};

use serde_json::Value as Json;
use tokio::process::Command;

/// The binary, with nothing that is set on this machine. A child does not outlive its test.
pub(crate) fn chappe(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chappe"));
    command
        .env_clear()
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Absent when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) async fn run(command: &mut Command) -> Ran {
    let output = command.output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

impl Ran {
    /// The JSON on stdout of a command that ended with this code.
    pub(crate) fn json(&self, code: i32) -> Json {
        assert_eq!(self.code, Some(code), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What a command that failed says about it.
    pub(crate) fn refusal(&self) -> &str {
        assert_eq!(self.code, Some(1), "{self:?}");
        &self.stderr
    }
}
