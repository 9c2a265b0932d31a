//! A data directory's own secrets: its master key, its lock, and the keys of the project `default`.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use anyhow::{Context, Result, bail};
use chappe_kit::{Error, IdGen, MasterKey, grpc::Peer};
use chappe_proto::identity::{
    CreateProjectRequest, CreateRestKeyRequest, ListProjectsRequest, identity_service_client::IdentityServiceClient,
};

use crate::{
    credentials::{AppKeys, Credentials, write_secret},
    settings::Settings,
};

/// Who the command line itself is, to services.
pub(crate) const OPERATOR: &str = "chappe";

/// The project of a fresh installation.
const PROJECT: &str = "default";

/// The file of a data directory's own master key.
pub(super) const MASTER_KEY: &str = "master.key";

/// Takes the data directory for this process: SQLite has room for one.
pub(super) fn lock(data_dir: &Path) -> Result<File> {
    let dir = data_dir.display();
    if data_dir.is_file() {
        bail!("the data directory {dir} is a file: choose another with --data-dir");
    }
    std::fs::create_dir_all(data_dir).with_context(|| format!("cannot create the data directory {dir}"))?;
    let path = data_dir.join("lock");
    let file = File::create(&path).with_context(|| {
        format!(
            "cannot write in the data directory {dir}; give this user the right to, or choose another with --data-dir"
        )
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another chappe uses the data directory {dir}: stop it, or choose another with --data-dir")
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// The configured master key, or the directory's own, made on its first start.
pub(super) fn master_key(settings: &Settings, data_dir: &Path, ids: &IdGen) -> Result<MasterKey> {
    if let Some(key) = settings.keys.master()? {
        return Ok(key);
    }
    let path = data_dir.join(MASTER_KEY);
    if !path.exists() {
        // Under another key no REST key opens, no link works, and nobody who opted out is known any more.
        if data_dir.join(format!("{}.db", identity::NAME)).exists() {
            bail!(
                "{} is missing, and what is stored in {} cannot be used under another key: restore it from a backup",
                path.display(),
                data_dir.display()
            );
        }
        write_secret(&path, data_encoding::HEXLOWER.encode(&ids.secret::<32>()).as_bytes())?;
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    MasterKey::from_hex(&text).with_context(|| format!("{} must hold 64 hexadecimal digits", path.display()))
}

/// The keys of the project `default`. Keys are stored as hashes only: when the file that held them is gone,
/// a fresh REST key is made.
pub(super) async fn credentials(identity: Peer, data_dir: &Path) -> Result<Credentials> {
    let mut identity = IdentityServiceClient::new(identity);
    let projects = identity
        .list_projects(ListProjectsRequest {})
        .await?
        .into_inner()
        .projects;
    let Some(project) = projects.into_iter().find(|project| project.name == PROJECT) else {
        return create_project(&mut identity, PROJECT).await;
    };
    let known = Credentials::read(data_dir)?.filter(|known| known.project_key == project.project_key);
    let rest_api_key = match known {
        Some(known) => known.rest_api_key,
        None => {
            identity
                .create_rest_key(CreateRestKeyRequest {})
                .await?
                .into_inner()
                .rest_key
        }
    };
    Ok(Credentials {
        project_key: project.project_key,
        rest_api_key,
        app_keys: app_keys(project.app_keys),
        ..Credentials::default()
    })
}

/// A new project with its first keys; the REST key cannot be read again.
pub(crate) async fn create_project(identity: &mut IdentityServiceClient<Peer>, name: &str) -> Result<Credentials> {
    let request = CreateProjectRequest { name: name.to_owned() };
    let created = identity
        .create_project(request)
        .await
        .map_err(Error::from)?
        .into_inner();
    Ok(Credentials {
        project_key: created.project_key,
        rest_api_key: created.rest_key,
        app_keys: app_keys(created.app_keys),
        ..Credentials::default()
    })
}

fn app_keys(keys: Option<chappe_proto::identity::AppKeys>) -> AppKeys {
    let keys = keys.unwrap_or_default();
    AppKeys {
        ios: keys.ios,
        android: keys.android,
        web: keys.web,
    }
}
