//! The databases of the services.

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use chappe_kit::Error;
use chappe_store::{Db, migrate};

use crate::settings::Settings;

/// Services that keep anything.
pub(crate) const STATEFUL: [&str; 5] = [
    identity::NAME,
    profile_store::NAME,
    automation::NAME,
    email_sender::NAME,
    privacy::NAME,
];

/// One service's database.
pub(crate) struct Database {
    service: &'static str,
    pub(crate) db: Db,
}

/// The service of this name.
pub(crate) fn named(name: &str) -> Result<&'static str> {
    let found = STATEFUL.into_iter().find(|known| *known == name);
    found.ok_or_else(|| {
        anyhow!(
            "{name} has no database; services that have one: {}",
            STATEFUL.join(", ")
        )
    })
}

/// Opens the database of a service: a schema on PostgreSQL, a file of the data directory on SQLite.
pub(crate) async fn open(settings: &Settings, data_dir: &Path, service: &'static str) -> Result<Database> {
    let configured = settings.database.url.expose();
    let file = data_dir.join(format!("{service}.db"));
    let (url, place) = match configured {
        "" => (format!("sqlite:{}", file.display()), file.display().to_string()),
        url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            let server = chappe_store::postgres_server(url);
            (
                url.to_owned(),
                server.map_or_else(|| "PostgreSQL".to_owned(), |server| format!("PostgreSQL at {server}")),
            )
        }
        _ => bail!("database.url must begin with postgres:// (leave it empty for SQLite in the data directory)"),
    };
    if configured.is_empty() {
        std::fs::create_dir_all(data_dir).map_err(|error| anyhow!("cannot create {}: {error}", data_dir.display()))?;
    }
    let db = Db::connect(&url, service, settings.database.max_connections).await;
    let db = db.map_err(|error| {
        // What is safe to tell a caller says little; whoever starts the process may know the cause.
        let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        let remedy = if configured.is_empty() {
            "look at the rights on the file, restore it from a backup, or choose another --data-dir"
        } else {
            "look at database.url (--database-url) and at the server"
        };
        anyhow!("cannot open the database of {service}, {place}: {cause}; {remedy}")
    })?;
    Ok(Database { service, db })
}

impl Database {
    /// Applies what is pending and tells its names.
    pub(crate) async fn migrate(&self) -> Result<Vec<String>, Error> {
        let pending = self.pending().await?;
        match self.service {
            identity::NAME => migrate::up::<identity::Migrator>(&self.db).await?,
            profile_store::NAME => migrate::up::<profile_store::Migrator>(&self.db).await?,
            automation::NAME => migrate::up::<automation::Migrator>(&self.db).await?,
            email_sender::NAME => migrate::up::<email_sender::Migrator>(&self.db).await?,
            _ => migrate::up::<privacy::Migrator>(&self.db).await?,
        }
        Ok(pending)
    }

    /// Steps that the schema lacks.
    pub(crate) async fn pending(&self) -> Result<Vec<String>, Error> {
        match self.service {
            identity::NAME => migrate::pending::<identity::Migrator>(&self.db).await,
            profile_store::NAME => migrate::pending::<profile_store::Migrator>(&self.db).await,
            automation::NAME => migrate::pending::<automation::Migrator>(&self.db).await,
            email_sender::NAME => migrate::pending::<email_sender::Migrator>(&self.db).await,
            _ => migrate::pending::<privacy::Migrator>(&self.db).await,
        }
    }
}
