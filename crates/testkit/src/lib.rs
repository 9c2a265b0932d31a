//! What tests stand on: throw-away stores, a way to run the same test on each of them, peers that answer as they
//! are told, and a relay that remembers every mail.

mod db;
mod env;
mod inbox;
mod peer;
mod redis;

pub use db::TestDb;
pub use inbox::{Inbox, Mail};
pub use peer::{FakePeer, rightful};
pub use redis::TestRedis;

/// Runs each named test of the module `suite` on SQLite and on PostgreSQL.
///
/// A test is `pub async fn name(db: TestDb)`. The bodies stay outside the macro, so that they are formatted
/// and their errors point at them.
#[macro_export]
macro_rules! for_each_backend {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    super::suite::$test($crate::TestDb::sqlite(env!("CARGO_PKG_NAME")).await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    if let Some(db) = $crate::TestDb::postgres(env!("CARGO_PKG_NAME")).await {
                        super::suite::$test(db).await;
                    }
                }
            )*
        }
    };
}
