use std::sync::atomic::{AtomicU32, Ordering};

use chappe_store::{RowExt as _, Sql};
use chappe_testkit::for_each_backend;
use uuid::Uuid;

use crate::harness::{insert_thing, migrated};

for_each_backend!(
    an_error_rolls_back,
    a_dropped_write_rolls_back_and_leaves_the_pool_usable,
    a_transaction_that_the_store_ended_swallows_none_after_it,
    four_writers_at_once_all_succeed,
    a_conflict_is_run_again,
    a_lasting_conflict_is_the_callers,
    a_second_row_with_the_same_key_exists_already,
    a_missing_reference_is_a_failed_precondition,
    the_cause_does_not_reach_the_caller,
    the_cause_does_not_quote_values,
    a_closed_database_is_unavailable,
    a_transaction_that_stands_still_does_not_keep_its_locks,
);

mod suite {
    use std::sync::atomic::{AtomicU32, Ordering};

    use chappe_kit::{Error, ErrorKind};
    use chappe_store::{IntoError as _, RowExt as _, Sql, WRITE_CONFLICT};
    use chappe_testkit::TestDb;
    use futures_util::FutureExt as _;
    use sea_orm::{ConnectionTrait as _, DbBackend};
    use uuid::Uuid;

    use crate::harness::{count_things, four, insert_thing, migrated};

    pub(super) async fn an_error_rolls_back(test: TestDb) {
        migrated(test.db()).await;
        let refused = test
            .db()
            .write(async |txn| {
                insert_thing(txn, 1).await?;
                Err::<(), _>(Error::invalid("NO", "no"))
            })
            .await;
        assert_eq!(refused.unwrap_err().reason(), "NO");
        assert_eq!(count_things(test.db()).await, 0);
    }

    pub(super) async fn a_dropped_write_rolls_back_and_leaves_the_pool_usable(test: TestDb) {
        migrated(test.db()).await;
        for id in 0..8 {
            let (inserted, wait) = tokio::sync::oneshot::channel();
            let inserted = std::sync::Mutex::new(Some(inserted));
            let write = test.db().write(async |txn| {
                insert_thing(txn, id).await?;
                inserted.lock().unwrap().take().unwrap().send(()).unwrap();
                std::future::pending::<Result<(), Error>>().await
            });
            tokio::select! {
                _ = write => unreachable!("it waits for ever"),
                told = wait => told.unwrap(),
            }
        }
        assert_eq!(count_things(test.db()).await, 0);
        test.db().write(async |txn| insert_thing(txn, 1).await).await.unwrap();
        assert_eq!(count_things(test.db()).await, 1);
    }

    /// Its process may be frozen, or cut off: the server is told nothing.
    pub(super) async fn a_transaction_that_stands_still_does_not_keep_its_locks(test: TestDb) {
        migrated(test.db()).await;
        if test.db().backend() != DbBackend::Postgres {
            return;
        }
        let other = test.reopen().await;
        let (inserted, wait) = tokio::sync::oneshot::channel();
        let inserted = std::sync::Mutex::new(Some(inserted));
        let stands_still = other.write(async |txn| {
            insert_thing(txn, 1).await?;
            inserted.lock().unwrap().take().unwrap().send(()).unwrap();
            std::future::pending::<Result<(), Error>>().await
        });
        let goes_on = async {
            wait.await.unwrap();
            test.db().write(async |txn| insert_thing(txn, 1).await).await.unwrap();
        };
        let in_time = tokio::time::timeout(std::time::Duration::from_secs(30), async {
            tokio::select! {
                _ = stands_still => unreachable!("it waits for ever"),
                () = goes_on => {}
            }
        });
        in_time.await.unwrap();
        assert_eq!(count_things(test.db()).await, 1);
    }

    /// As SQLite does on a full disk. The driver then counts a transaction that is none.
    pub(super) async fn a_transaction_that_the_store_ended_swallows_none_after_it(test: TestDb) {
        migrated(test.db()).await;
        if test.db().backend() != DbBackend::Sqlite {
            return;
        }
        let full = test.db().write(async |txn| {
            txn.execute_unprepared("rollback").await.db()?;
            Err::<(), _>(Error::unavailable("full"))
        });
        assert_eq!(full.await.unwrap_err().kind(), ErrorKind::Unavailable);
        let refused = test.db().write(async |txn| {
            insert_thing(txn, 1).await?;
            Err::<(), _>(Error::invalid("NO", "no"))
        });
        assert_eq!(refused.await.unwrap_err().reason(), "NO");
        test.db().write(async |txn| insert_thing(txn, 2).await).await.unwrap();
        assert_eq!(count_things(test.db()).await, 1);
    }

    pub(super) async fn four_writers_at_once_all_succeed(test: TestDb) {
        migrated(test.db()).await;
        // Two of them through connections of their own, as two processes on one file.
        let (here, there) = (test.db().clone(), test.reopen().await);
        let done = four(|writer| {
            let db = if writer % 2 == 0 { here.clone() } else { there.clone() };
            async move {
                for round in 0..25 {
                    db.write(async |txn| {
                        let seen = Sql::new("select count(*) as n from things").one(txn).await?;
                        assert!(seen.is_some());
                        insert_thing(txn, writer * 100 + round).await
                    })
                    .await?;
                }
                Ok::<_, Error>(())
            }
        })
        .await;
        done.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(count_things(test.db()).await, 100);
    }

    pub(super) async fn a_conflict_is_run_again(test: TestDb) {
        migrated(test.db()).await;
        let runs = AtomicU32::new(0);
        test.db()
            .write(async |txn| {
                insert_thing(txn, 1).await?;
                if runs.fetch_add(1, Ordering::SeqCst) < 2 {
                    return Err(Error::new(ErrorKind::Aborted, WRITE_CONFLICT, "again"));
                }
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!(runs.into_inner(), 3);
        assert_eq!(count_things(test.db()).await, 1);
    }

    pub(super) async fn a_lasting_conflict_is_the_callers(test: TestDb) {
        let runs = AtomicU32::new(0);
        let lost = test
            .db()
            .write(async |_txn| {
                runs.fetch_add(1, Ordering::SeqCst);
                Err::<(), _>(Error::new(ErrorKind::Aborted, WRITE_CONFLICT, "again"))
            })
            .await;
        assert_eq!(lost.unwrap_err().reason(), WRITE_CONFLICT);
        assert_eq!(runs.into_inner(), 6);
    }

    pub(super) async fn a_second_row_with_the_same_key_exists_already(test: TestDb) {
        migrated(test.db()).await;
        let twice = test
            .db()
            .write(async |txn| {
                insert_thing(txn, 1).await?;
                insert_thing(txn, 1).await
            })
            .await;
        assert_eq!(twice.unwrap_err().kind(), ErrorKind::AlreadyExists);
    }

    pub(super) async fn a_missing_reference_is_a_failed_precondition(test: TestDb) {
        migrated(test.db()).await;
        let orphan = test
            .db()
            .write(async |txn| {
                Sql::new("insert into things (id, owner_id) values ({id}, 7)")
                    .bind("id", Uuid::nil())
                    .execute(txn)
                    .await
            })
            .await;
        assert_eq!(orphan.unwrap_err().kind(), ErrorKind::FailedPrecondition);
    }

    pub(super) async fn the_cause_does_not_reach_the_caller(test: TestDb) {
        let broken = Sql::new("select secret_column from nowhere")
            .all(test.db().read())
            .await;
        let error = broken.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert!(!error.message().contains("nowhere"));
        assert!(
            std::error::Error::source(&error)
                .unwrap()
                .to_string()
                .contains("nowhere")
        );
    }

    /// PostgreSQL refuses the cast, SQLite gives something that is no id.
    pub(super) async fn the_cause_does_not_quote_values(test: TestDb) {
        let row = Sql::new("select cast({text} as uuid) as id")
            .bind("text", "ada@example.org")
            .one(test.db().read())
            .await;
        let error = row.and_then(|row| row.unwrap().get::<Uuid>("id")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(!cause.contains("ada"), "{cause}");
    }

    pub(super) async fn a_closed_database_is_unavailable(test: TestDb) {
        test.db().now().await.unwrap();
        test.db().close().await.unwrap();
        assert_eq!(test.db().now().await.unwrap_err().kind(), ErrorKind::Unavailable);
        let write = test.db().write(async |txn| insert_thing(txn, 1).await).boxed();
        assert_eq!(write.await.unwrap_err().kind(), ErrorKind::Unavailable);
    }
}

/// What a handler and a spawned task need of the future: it may go to another thread, with what it borrows.
#[test]
fn the_future_of_a_write_is_send() {
    fn assert_send<T: Send>(_: T) {}

    async fn handler(db: &chappe_store::Db, names: &[String], mut state: String) -> Result<usize, chappe_kit::Error> {
        let written = db
            .write(async |txn| {
                for name in names {
                    Sql::new("insert into names values ({name})")
                        .bind("name", name.as_str())
                        .execute(txn)
                        .await?;
                }
                Ok(state.len())
            })
            .await?;
        state.clear();
        Ok(written)
    }

    async fn check(db: &chappe_store::Db) {
        assert_send(handler(db, &[], String::new()));
    }
    let _ = check;
}

#[tokio::test]
async fn sqlite_refuses_to_write_through_the_readers() {
    use sea_orm::ConnectionTrait as _;
    let test = chappe_testkit::TestDb::sqlite("store").await;
    let refused = test.db().read().execute_unprepared("create table t (id integer)").await;
    assert!(refused.unwrap_err().to_string().contains("readonly"));
}

/// SQLite cannot get there: it has one writer at a time.
#[tokio::test]
async fn a_deadlock_is_broken_and_its_loser_runs_again() {
    let Some(test) = chappe_testkit::TestDb::postgres("store").await else {
        return;
    };
    migrated(test.db()).await;
    let prepared = test.db().write(async |txn| {
        insert_thing(txn, 0).await?;
        insert_thing(txn, 1).await?;
        Sql::new("update things set count = 0").execute(txn).await
    });
    prepared.await.unwrap();

    let (runs, both_hold_one) = (AtomicU32::new(0), tokio::sync::Barrier::new(2));
    let increment = async |order: [u128; 2]| {
        test.db()
            .write(async |txn| {
                let first_run = runs.fetch_add(1, Ordering::SeqCst) < 2;
                for (step, id) in order.into_iter().enumerate() {
                    Sql::new("update things set count = count + 1 where id = {id}")
                        .bind("id", Uuid::from_u128(id))
                        .execute(txn)
                        .await?;
                    if first_run && step == 0 {
                        both_hold_one.wait().await;
                    }
                }
                Ok(())
            })
            .await
    };
    let (one, two) = tokio::join!(increment([0, 1]), increment([1, 0]));
    one.and(two).unwrap();

    assert_eq!(runs.load(Ordering::SeqCst), 3);
    let rows = Sql::new("select count from things")
        .all(test.db().read())
        .await
        .unwrap();
    let counts: Vec<i64> = rows.iter().map(|row| row.get("count").unwrap()).collect();
    assert_eq!(counts, [2, 2]);
}
