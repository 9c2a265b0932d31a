use std::future::Future;

use chappe_ids::ProjectId;
use chappe_kit::{Error, Timestamp};
use chappe_store::{
    Db, RowExt as _, Sql, migrate,
    schema::{self, Migration},
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use tokio::task::JoinSet;
use uuid::Uuid;

pub(crate) const PROJECT: ProjectId = ProjectId::from_uuid(Uuid::from_u128(1));
pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let shared = Migration::new("m0001_shared")
            .run(schema::OUTBOX)
            .run(schema::LEASES)
            .run(schema::RETIRED_PROFILES)
            .run(schema::IDEMPOTENCY);
        // Without `if not exists`: applying it twice fails.
        let things = Migration::new("m0002_things").run(&[
            "create table owners (id {bigint} not null primary key)",
            "create table things (
                id {uuid} not null primary key,
                owner_id {bigint} references owners (id),
                label text, count {bigint}, flag {bool}, data {bytes}, doc {json}, other {uuid}, at {bigint}
            )",
        ]);
        vec![Box::new(shared), Box::new(things)]
    }
}

pub(crate) async fn migrated(db: &Db) {
    migrate::up::<Migrator>(db).await.unwrap();
}

pub(crate) async fn insert_thing(txn: &sea_orm::DatabaseTransaction, id: u128) -> Result<(), Error> {
    Sql::new("insert into things (id) values ({id})")
        .bind("id", Uuid::from_u128(id))
        .execute(txn)
        .await
        .map(drop)
}

pub(crate) async fn count_things(db: &Db) -> i64 {
    let row = Sql::new("select count(*) as n from things")
        .one(db.read())
        .await
        .unwrap();
    row.unwrap().get("n").unwrap()
}

/// Runs four at once and gives back what they came to.
pub(crate) async fn four<T, F>(make: impl Fn(u128) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for number in 0..4 {
        tasks.spawn(make(number));
    }
    tasks.join_all().await
}
