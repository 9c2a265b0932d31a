use std::collections::BTreeSet;

use chappe_store::{Db, RowExt as _, Sql};
use chappe_testkit::TestDb;

use super::ledger::Letter;

/// States of a message, as stored (`chappe.email.v1.MessageState`).
const ATTEMPTING: i64 = 3;
const UNKNOWN: i64 = 7;

/// An empty database, and a look from outside at what the services keep there.
pub(crate) struct Database {
    /// Of another database on the same server.
    outside: TestDb,
    pub(super) url: String,
    name: String,
}

impl Database {
    /// Absent where there is no PostgreSQL.
    pub(super) async fn new() -> Option<Self> {
        let outside = TestDb::postgres("mesh").await?;
        let url = outside.empty_database().await.unwrap();
        let name = url.rsplit('=').next().unwrap().to_owned();
        Some(Self { outside, url, name })
    }

    /// Ends every connection to the database, and tells how many there were.
    pub(crate) async fn cut(&self) -> i64 {
        let cut = Sql::new("select count(pg_terminate_backend(pid)) as n from pg_stat_activity where datname = {name}")
            .bind("name", self.name.as_str());
        self.count(cut).await
    }

    /// Connections of a service that the server has not yet seen end.
    pub(crate) async fn connections(&self, service: &str) -> i64 {
        let connections = Sql::new(
            "select count(*) as n from pg_stat_activity where datname = {name} and application_name = {application}",
        )
        .bind("name", self.name.as_str())
        .bind("application", format!("chappe-{service}"));
        self.count(connections).await
    }

    /// Mails whose delivery has begun and has no outcome.
    pub(crate) async fn attempting(&self) -> BTreeSet<Letter> {
        self.letters(ATTEMPTING).await
    }

    /// Mails of which nobody can say whether they went out.
    pub(crate) async fn unknown(&self) -> BTreeSet<Letter> {
        self.letters(UNKNOWN).await
    }

    /// The lanes of automation: number, owner and epoch of each.
    pub(crate) async fn lanes(&self) -> Vec<(i64, String, i64)> {
        let db = self.schema(automation::NAME).await;
        let lanes = Sql::new("select lane, cast(owner as text) as owner, epoch from lanes order by lane");
        let rows = lanes.all(db.read()).await.unwrap();
        rows.iter()
            .map(|row| {
                (
                    row.get("lane").unwrap(),
                    row.get("owner").unwrap(),
                    row.get("epoch").unwrap(),
                )
            })
            .collect()
    }

    async fn letters(&self, state: i64) -> BTreeSet<Letter> {
        let db = self.schema(email_sender::NAME).await;
        let messages = Sql::new("select template, recipient from messages where state = {state}").bind("state", state);
        let rows = messages.all(db.read()).await.unwrap();
        rows.iter()
            .map(|row| (row.get("template").unwrap(), row.get("recipient").unwrap()))
            .collect()
    }

    async fn count(&self, statement: Sql) -> i64 {
        let row = statement.one(self.outside.db().read()).await.unwrap();
        row.unwrap().get("n").unwrap()
    }

    async fn schema(&self, service: &str) -> Db {
        Db::connect(&self.url, service, 1).await.unwrap()
    }
}
