//! `credentials.json`: how to reach and to open a mesh that was started with `chappe up`.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// File name inside the data directory.
const FILE: &str = "credentials.json";

/// Keys and addresses. The keys are kept over restarts, the addresses rewritten.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Credentials {
    pub(crate) project_key: String,
    pub(crate) rest_api_key: String,
    pub(crate) app_keys: AppKeys,
    pub(crate) rest_url: String,
    pub(crate) grpc_addr: String,
    pub(crate) admin_url: String,
    /// Empty unless e-mails go to the built-in mailbox.
    pub(crate) smtp_capture_url: String,
}

/// Keys of the apps of the project.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct AppKeys {
    pub(crate) ios: String,
    pub(crate) android: String,
    pub(crate) web: String,
}

impl Credentials {
    /// The credentials of a data directory, if it has any.
    pub(crate) fn read(data_dir: &Path) -> Result<Option<Self>> {
        let path = path(data_dir);
        match fs::read(&path) {
            Ok(bytes) => {
                let parsed = serde_json::from_slice(&bytes);
                Ok(Some(parsed.with_context(|| {
                    format!(
                        "{} is not a credentials file; restore it, or delete it and the next chappe up writes it with a new \
                         REST key",
                        path.display()
                    )
                })?))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Replaces the file whole, readable for its owner alone.
    pub(crate) fn write(&self, data_dir: &Path) -> Result<()> {
        write_secret(&path(data_dir), serde_json::to_string_pretty(self)?.as_bytes())
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

/// Writes beside and renames, so that a crash leaves the old file or the new one.
pub(crate) fn write_secret(path: &Path, content: &[u8]) -> Result<()> {
    let beside = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = owner_only(&beside)?;
        file.write_all(content)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(unix)]
fn owner_only(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

#[cfg(not(unix))]
fn owner_only(path: &Path) -> io::Result<fs::File> {
    fs::File::create(path)
}
