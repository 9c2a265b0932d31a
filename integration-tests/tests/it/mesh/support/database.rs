use std::{collections::BTreeSet, time::Duration};

use chappe_kit::Timestamp;
use chappe_store::{Db, RowExt as _, Sql};
use chappe_testkit::TestDb;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, TransactionTrait as _};

use super::{
    ledger::Letter,
    resources::{BEGINS, TURN},
};

/// Of a lane, and of a claim of email-sender.
pub(crate) const LEASE: Duration = Duration::from_secs(10);

/// States of a message, as stored (`chappe.email.v1.MessageState`).
const QUEUED: i64 = 1;
const CLAIMED: i64 = 2;
const ATTEMPTING: i64 = 3;
const UNKNOWN: i64 = 7;

/// What email-sender has in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) queued: i64,
    pub(crate) claimed: i64,
    /// How many claims those are under.
    pub(crate) batches: i64,
    pub(crate) attempting: i64,
}

/// An empty database, and a look from outside at what the services keep there.
pub(crate) struct Database {
    /// Another database on the same server.
    outside: Db,
    pub(super) url: String,
    name: String,
}

impl Database {
    /// Absent where there is no PostgreSQL.
    pub(super) async fn new() -> Option<Self> {
        let outside = TestDb::postgres("mesh").await?;
        let url = outside.empty_database().await.unwrap();
        let name = url.rsplit('=').next().unwrap().to_owned();
        let outside = outside.db().clone();
        Some(Self { outside, url, name })
    }

    /// The database of a server that belongs to nobody else.
    pub(crate) async fn of(url: String) -> Self {
        let outside = Db::connect(&url, "outside", 1).await.unwrap();
        let name = url.rsplit('/').next().unwrap().to_owned();
        Self { outside, url, name }
    }

    /// The time of the server.
    pub(crate) async fn now(&self) -> Timestamp {
        self.outside.now().await.unwrap()
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

    /// When the lanes were last taken or renewed, the earliest and the latest of them.
    pub(crate) async fn leased(&self) -> (Timestamp, Timestamp) {
        let db = self.schema(automation::NAME).await;
        let until = Sql::new("select min(until) as first, max(until) as last from lanes");
        let row = until.one(db.read()).await.unwrap().unwrap();
        (row.time("first").unwrap() - LEASE, row.time("last").unwrap() - LEASE)
    }

    /// Entries that began, and the events that began them.
    pub(crate) async fn entries(&self) -> (i64, i64) {
        let db = self.schema(automation::NAME).await;
        let entries = Sql::new(
            "select count(*) as entries, count(distinct (automation_id, event ->> 'id')) as events from entries",
        );
        let row = entries.one(db.read()).await.unwrap().unwrap();
        (row.get("entries").unwrap(), row.get("events").unwrap())
    }

    /// Events that automation has processed.
    pub(crate) async fn processed(&self) -> i64 {
        let db = self.schema(automation::NAME).await;
        let events = Sql::new("select count(*) as n from processed_events");
        events.one(db.read()).await.unwrap().unwrap().get("n").unwrap()
    }

    /// Reservations whose successor of the same person began before they had ended, or before they began.
    pub(crate) async fn out_of_order(&self) -> i64 {
        let db = self.schema(automation::NAME).await;
        let pairs = Sql::new(
            "with turns as (
               select profile_id, cast(event -> 'attributes' ->> {turn} as bigint) as turn, entered_at, ended_at
               from entries where event ->> 'name' = {begins})
             select count(*) as n from turns as early join turns as late using (profile_id)
             where early.turn < late.turn
               and (early.ended_at is null or early.ended_at > late.entered_at or early.entered_at > late.entered_at)",
        );
        let pairs = pairs.bind("turn", TURN).bind("begins", BEGINS);
        pairs.one(db.read()).await.unwrap().unwrap().get("n").unwrap()
    }

    /// Keeps a worker of automation from renewing its lanes, and so from learning what became of them, until the
    /// answer is dropped.
    pub(crate) async fn keep_unaware(&self, worker: &str) -> DatabaseTransaction {
        let txn = self.held(automation::NAME).await;
        Sql::new(
            "insert into workers (project_id, worker_id, seen_at) values ({project}, cast({worker} as uuid), {db_now})",
        )
        .bind("project", uuid::Uuid::nil())
        .bind("worker", worker)
        .execute(&txn)
        .await
        .unwrap();
        txn
    }

    /// Nobody reads or writes profiles until the answer is dropped.
    pub(crate) async fn lock_profiles(&self) -> DatabaseTransaction {
        let txn = self.held(profile_store::NAME).await;
        txn.execute_unprepared("lock table profiles").await.unwrap();
        txn
    }

    /// A transaction that stays open although it says nothing for longer than ours may.
    async fn held(&self, service: &str) -> DatabaseTransaction {
        let db = self.schema(service).await;
        let txn = db.read().begin().await.unwrap();
        txn.execute_unprepared("set local idle_in_transaction_session_timeout = 0")
            .await
            .unwrap();
        txn
    }

    /// Messages that are claimed and not attempted, the claims they are under, and those being attempted.
    pub(crate) async fn claims(&self) -> Claims {
        let db = self.schema(email_sender::NAME).await;
        let counts = Sql::new(
            "select count(*) filter (where state = {claimed}) as claimed,
               count(distinct claimed_by) filter (where state = {claimed}) as batches,
               count(*) filter (where state = {attempting}) as attempting,
               count(*) filter (where state = {queued}) as queued from messages",
        );
        let counts = counts
            .bind("claimed", CLAIMED)
            .bind("attempting", ATTEMPTING)
            .bind("queued", QUEUED);
        let row = counts.one(db.read()).await.unwrap().unwrap();
        Claims {
            queued: row.get("queued").unwrap(),
            claimed: row.get("claimed").unwrap(),
            batches: row.get("batches").unwrap(),
            attempting: row.get("attempting").unwrap(),
        }
    }

    /// Messages in hand under a claim that was last renewed before `then`.
    pub(crate) async fn held_at(&self, then: Timestamp) -> i64 {
        let db = self.schema(email_sender::NAME).await;
        let held = Sql::new("select count(*) as n from messages where state in (2, 3) and lease_until <= {until}");
        let held = held.bind("until", (then + LEASE).micros());
        held.one(db.read()).await.unwrap().unwrap().get("n").unwrap()
    }

    /// Transactions of a service that have written something and go on.
    pub(crate) async fn writing(&self, service: &str) -> i64 {
        let writing = Sql::new(
            "select count(*) as n from pg_stat_activity
             where datname = {name} and application_name = {application} and backend_xid is not null",
        )
        .bind("name", self.name.as_str())
        .bind("application", format!("chappe-{service}"));
        self.count(writing).await
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
        let row = statement.one(self.outside.read()).await.unwrap();
        row.unwrap().get("n").unwrap()
    }

    async fn schema(&self, service: &str) -> Db {
        Db::connect(&self.url, service, 1).await.unwrap()
    }
}
