//! The ceiling of updates: every row that Chappe's path writes, into the same tables with the same indexes, by one bare
//! statement for each table, and nothing else: no reading, no checking, no locking.

use std::ops::Range;

use anyhow::Result;
use sea_orm::sqlx::{PgPool, query};
use tokio::{task::JoinSet, time::Instant};
use uuid::Uuid;

use crate::{
    report::per_second,
    sizes::{BATCH, CONNECTIONS},
    traffic,
};

/// Any time will do: microseconds and the day.
const NOW: i64 = 1_790_000_000_000_000;
const TODAY: i64 = NOW / 86_400_000_000;

/// Custom id, among the kinds of identifiers.
const CUSTOM_ID: i64 = 1;

pub(crate) struct Minimal {
    pool: PgPool,
    project: Uuid,
}

/// The columns of one call.
#[derive(Clone)]
pub(crate) struct Call {
    custom_ids: Vec<String>,
    /// Nothing when the custom ids are known already.
    hashes: Vec<Vec<u8>>,
    profiles: Vec<Uuid>,
    addresses: Vec<String>,
    attributes: Vec<String>,
    events: Vec<Uuid>,
    event_attributes: Vec<String>,
}

/// The calls for people; whoever comes for the first time is new.
pub(crate) fn calls(people: Range<usize>, visit: usize) -> Vec<Call> {
    let starts = people.clone().step_by(BATCH);
    starts
        .map(|start| call(start..people.end.min(start + BATCH), visit))
        .collect()
}

/// Profile ids grow, as Chappe makes them; hashes and event ids are anything, and events are sorted by them.
fn call(people: Range<usize>, visit: usize) -> Call {
    let attributes = |person| traffic::attributes(person, visit).to_string();
    let hash = |_| [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat();
    let mut events: Vec<Uuid> = people.clone().map(|_| Uuid::new_v4()).collect();
    events.sort_unstable();
    let hashes = if visit == 0 {
        people.clone().map(hash).collect()
    } else {
        Vec::new()
    };
    Call {
        custom_ids: people.clone().map(traffic::custom_id).collect(),
        hashes,
        profiles: people.clone().map(|person| Uuid::from_u128(person as u128)).collect(),
        addresses: people.clone().map(traffic::address).collect(),
        attributes: people.clone().map(attributes).collect(),
        events,
        event_attributes: people.map(|person| traffic::view(person).to_string()).collect(),
    }
}

impl Minimal {
    pub(crate) fn new(pool: PgPool) -> Self {
        let project = Uuid::new_v4();
        Self { pool, project }
    }

    /// Writes calls over all connections. Answers items per second.
    pub(crate) async fn write(&self, calls: Vec<Call>) -> Result<f64> {
        let items = calls.iter().map(|call| call.profiles.len()).sum();
        let mut lanes = vec![Vec::new(); CONNECTIONS];
        for (index, call) in calls.into_iter().enumerate() {
            lanes[index % CONNECTIONS].push(call);
        }
        let begun = Instant::now();
        let mut writers = JoinSet::new();
        for lane in lanes {
            let (pool, project) = (self.pool.clone(), self.project);
            writers.spawn(async move {
                for call in &lane {
                    if !call.hashes.is_empty() {
                        identify(&pool, project, call).await?;
                    }
                    apply(&pool, project, call).await?;
                }
                Ok(())
            });
        }
        writers.join_all().await.into_iter().collect::<Result<()>>()?;
        Ok(per_second(items, begun.elapsed()))
    }

    pub(crate) async fn close(self) {
        self.pool.close().await;
    }
}

/// What identity writes, in its transaction.
async fn identify(pool: &PgPool, project: Uuid, call: &Call) -> Result<()> {
    query(
        "insert into identity.identifiers (project_id, kind, value_hash, value, profile_id, created_at)
         select $1, $2, r.value_hash, r.value, r.profile_id, $3
         from unnest($4::bytea[], $5::text[], $6::uuid[]) as r (value_hash, value, profile_id)",
    )
    .bind(project)
    .bind(CUSTOM_ID)
    .bind(NOW)
    .bind(&call.hashes)
    .bind(&call.custom_ids)
    .bind(&call.profiles)
    .execute(pool)
    .await?;
    Ok(())
}

/// What profile-store writes, in its transaction.
async fn apply(pool: &PgPool, project: Uuid, call: &Call) -> Result<()> {
    let mut txn = pool.begin().await?;
    query(
        "insert into profile_store.events
           (project_id, event_id, profile_id, name, time, attributes, native, received_at, received_day)
         select $1, r.event_id, r.profile_id, 'page_viewed', $2, r.attributes, false, $2, $3
         from unnest($4::uuid[], $5::uuid[], $6::text[]::jsonb[]) as r (event_id, profile_id, attributes)",
    )
    .bind(project)
    .bind(NOW)
    .bind(TODAY)
    .bind(&call.events)
    .bind(&call.profiles)
    .bind(&call.event_attributes)
    .execute(&mut *txn)
    .await?;
    query(
        "insert into profile_store.profiles
           (project_id, profile_id, custom_id, email_key, attributes, version, created_at)
         select $1, r.profile_id, r.custom_id, r.email_key, r.attributes, 1, $2
         from unnest($3::uuid[], $4::text[], $5::text[], $6::text[]::jsonb[])
           as r (profile_id, custom_id, email_key, attributes)
         on conflict (project_id, profile_id) do update set custom_id = excluded.custom_id,
           email_key = excluded.email_key, attributes = excluded.attributes, version = profiles.version + 1",
    )
    .bind(project)
    .bind(NOW)
    .bind(&call.profiles)
    .bind(&call.custom_ids)
    .bind(&call.addresses)
    .bind(&call.attributes)
    .execute(&mut *txn)
    .await?;
    query(
        "insert into profile_store.profile_activity (project_id, profile_id, last_activity_at, last_activity_day)
         select $1, r.profile_id, $2, $3 from unnest($4::uuid[]) as r (profile_id)
         on conflict (project_id, profile_id) do update set
           last_activity_at = excluded.last_activity_at, last_activity_day = excluded.last_activity_day",
    )
    .bind(project)
    .bind(NOW)
    .bind(TODAY)
    .bind(&call.profiles)
    .execute(&mut *txn)
    .await?;
    txn.commit().await?;
    Ok(())
}
