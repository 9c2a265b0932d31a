//! A PostgreSQL database for one measurement.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use sea_orm::sqlx::{AssertSqlSafe, PgPool, postgres::PgPoolOptions};
use tokio::process::Command;
use uuid::Uuid;

use crate::sizes::CONNECTIONS;

pub(crate) struct Database {
    pub(crate) url: String,
    name: String,
    server: PgPool,
}

impl Database {
    pub(crate) async fn create(server_url: &str) -> Result<Self> {
        let server = PgPoolOptions::new().max_connections(1).connect(server_url).await?;
        let name = format!("bench_{}", Uuid::new_v4().simple());
        sea_orm::sqlx::query(AssertSqlSafe(format!("create database {name}")))
            .execute(&server)
            .await?;
        let (address, _) = server_url.rsplit_once('/').context("the URL names no database")?;
        let url = format!("{address}/{name}");
        Ok(Self { url, name, server })
    }

    /// Gives it the schemas of the services.
    pub(crate) async fn migrate(&self, chappe: &Path) -> Result<()> {
        let mut command = Command::new(chappe);
        let run = command.args(["migrate", "--database-url", &self.url]).output().await?;
        let said = String::from_utf8_lossy(&run.stderr);
        ensure!(run.status.success(), "chappe migrate: {said}");
        Ok(())
    }

    /// As many connections as Chappe is sent updates over.
    pub(crate) async fn connect(&self) -> Result<PgPool> {
        let pool = PgPoolOptions::new()
            .min_connections(u32::try_from(CONNECTIONS)?)
            .max_connections(u32::try_from(CONNECTIONS)?);
        Ok(pool.connect(&self.url).await?)
    }

    pub(crate) async fn drop(self) -> Result<()> {
        let statement = format!("drop database {} with (force)", self.name);
        sea_orm::sqlx::query(AssertSqlSafe(statement))
            .execute(&self.server)
            .await?;
        Ok(())
    }
}
