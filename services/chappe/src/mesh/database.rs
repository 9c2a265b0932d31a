//! The databases of the services.

use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use chappe_kit::{Error, MasterKey};
use chappe_store::{Db, fingerprint, migrate};

use crate::settings::Settings;

/// Services that keep anything.
pub(crate) const STATEFUL: [&str; 5] = [
    identity::NAME,
    profile_store::NAME,
    automation::NAME,
    email_sender::NAME,
    privacy::NAME,
];

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

/// Where the database of a service is: a schema on PostgreSQL, a file of the data directory on SQLite.
pub(crate) struct Place {
    pub(super) service: &'static str,
    pub(super) url: String,
    pub(super) is_postgres: bool,
    /// For people, without a secret.
    pub(super) shown: String,
    max_connections: u32,
}

impl Place {
    /// As the settings say. What can never be an address is refused.
    pub(crate) fn of(service: &'static str, settings: &Settings, data_dir: &Path) -> Result<Self> {
        let configured = settings.database.url.expose();
        let file = data_dir.join(format!("{service}.db"));
        let (url, shown) = match configured {
            "" => (format!("sqlite:{}", file.display()), file.display().to_string()),
            url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                chappe_store::check_postgres_url(url).context("database.url")?;
                let server = chappe_store::postgres_server(url).unwrap_or_default();
                (url.to_owned(), format!("PostgreSQL at {server}"))
            }
            _ => bail!("database.url must begin with postgres:// (leave it empty for SQLite in the data directory)"),
        };
        Ok(Self {
            service,
            url,
            is_postgres: !configured.is_empty(),
            shown,
            max_connections: settings.database.max_connections,
        })
    }

    /// Opens it.
    pub(super) async fn connect(&self) -> Result<Database, Error> {
        let db = Db::connect(&self.url, self.service, self.max_connections).await?;
        Ok(Database {
            service: self.service,
            db,
        })
    }

    /// Opens it, or says why that cannot be done and what to do.
    pub(crate) async fn open(&self, data_dir: &Path) -> Result<Database> {
        if !self.is_postgres {
            std::fs::create_dir_all(data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;
        }
        self.connect().await.map_err(|error| {
            let (service, shown, cause, remedy) = (self.service, &self.shown, cause(&error), self.remedy());
            anyhow!("cannot open the database of {service}, {shown}: {cause}; {remedy}")
        })
    }

    /// What to do when it cannot be opened.
    pub(super) const fn remedy(&self) -> &'static str {
        if self.is_postgres {
            "look at database.url (--database-url) and at the server"
        } else {
            "look at the rights on the file, restore it from a backup, or choose another --data-dir"
        }
    }
}

/// What libraries put before what a person wants to know.
const PREAMBLES: [&str; 3] = [
    "Connection Error: ",
    "error communicating with database: ",
    "error returned from database: ",
];

/// What is safe to tell a caller says little; whoever looks after the process may know the cause.
pub(super) fn cause(error: &Error) -> String {
    let cause = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let told = PREAMBLES
        .iter()
        .fold(&*cause, |told, preamble| told.strip_prefix(preamble).unwrap_or(told));
    told.to_owned()
}

/// One service's database, open.
#[derive(Clone)]
pub(crate) struct Database {
    service: &'static str,
    pub(crate) db: Db,
}

impl Database {
    /// Applies what is pending and tells what there was to do.
    pub(crate) async fn migrate(&self) -> Result<migrate::Status, Error> {
        let status = self.status().await?;
        match self.service {
            identity::NAME => migrate::up::<identity::Migrator>(&self.db).await?,
            profile_store::NAME => migrate::up::<profile_store::Migrator>(&self.db).await?,
            automation::NAME => migrate::up::<automation::Migrator>(&self.db).await?,
            email_sender::NAME => migrate::up::<email_sender::Migrator>(&self.db).await?,
            _ => migrate::up::<privacy::Migrator>(&self.db).await?,
        }
        Ok(status)
    }

    /// How far the schema is from this version.
    pub(crate) async fn status(&self) -> Result<migrate::Status, Error> {
        match self.service {
            identity::NAME => migrate::status::<identity::Migrator>(&self.db).await,
            profile_store::NAME => migrate::status::<profile_store::Migrator>(&self.db).await,
            automation::NAME => migrate::status::<automation::Migrator>(&self.db).await,
            email_sender::NAME => migrate::status::<email_sender::Migrator>(&self.db).await,
            _ => migrate::status::<privacy::Migrator>(&self.db).await,
        }
    }

    /// Refuses data that was written under another key than this.
    pub(crate) async fn require_key(&self, key: &MasterKey, remedy: &str) -> Result<()> {
        if fingerprint::belongs(&self.db, key).await? {
            return Ok(());
        }
        bail!(
            "the data of {} was written under another master key: {remedy}",
            self.service
        )
    }
}
