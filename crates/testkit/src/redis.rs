use crate::env::store_url;

/// A Redis shared by the run; tests keep apart by their key prefix.
#[derive(Debug)]
pub struct TestRedis;

impl TestRedis {
    /// The address and a prefix that is this test's own. `None` without `TEST_REDIS_URL`, a failure if
    /// `REQUIRE_REDIS` is set.
    pub fn url() -> Option<(String, String)> {
        let url = store_url("TEST_REDIS_URL", "REQUIRE_REDIS")?;
        Some((url, format!("test:{}:", uuid::Uuid::new_v4().simple())))
    }
}
