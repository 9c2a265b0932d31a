//! Inactivity runs.

use chappe_ids::{ProjectId, RunId};
use chappe_kit::{Error, Timestamp};
use chappe_store::{RowExt as _, Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult};

use crate::domain::run::{Run, State};

/// Inserts a run, unless its id is taken: starting twice is starting once.
pub(crate) async fn insert(txn: &DatabaseTransaction, run: &Run) -> Result<bool, Error> {
    let inserted = Sql::new(
        "insert into inactivity_runs (project_id, run_id, state, created_at, cutoff, dry_run, max_ratio, population,
                                      candidates, allowed, deleted, cursor_after, brakes, available_at, attempts)
         values ({project}, {run}, {state}, {created_at}, {cutoff}, {dry_run}, {max_ratio}, 0,
                 0, 0, 0, '', {brakes}, {created_at}, 0)
         on conflict (project_id, run_id) do nothing",
    )
    .bind("project", run.project)
    .bind("run", run.id)
    .bind("state", run.state as i64)
    .bind("created_at", run.created_at.micros())
    .bind("cutoff", run.cutoff.micros())
    .bind("dry_run", run.is_dry)
    .bind("max_ratio", run.max_ratio)
    .bind("brakes", serde_json::json!([]))
    .execute(txn)
    .await?;
    Ok(inserted > 0)
}

pub(crate) async fn get(conn: &impl ConnectionTrait, project: ProjectId, run: RunId) -> Result<Option<Run>, Error> {
    let found = Sql::new(
        "select project_id, run_id, state, created_at, cutoff, dry_run, max_ratio, population, candidates, allowed,
                deleted, cursor_after, brakes, attempts
         from inactivity_runs where project_id = {project} and run_id = {run}",
    )
    .bind("project", project)
    .bind("run", run)
    .one(conn)
    .await?;
    found.as_ref().map(read).transpose()
}

/// The oldest open run of every project that has one whose time has come.
pub(crate) async fn due(conn: &impl ConnectionTrait, now: Timestamp) -> Result<Vec<(ProjectId, RunId)>, Error> {
    let found = Sql::new(
        "select r.project_id, r.run_id from inactivity_runs r
         where r.finished_at is null and r.available_at <= {now} and not exists (
           select 1 from inactivity_runs o
           where o.project_id = r.project_id and o.finished_at is null
             and (o.created_at < r.created_at or (o.created_at = r.created_at and o.run_id < r.run_id)))
         order by r.project_id",
    )
    .bind("now", now.micros())
    .all(conn)
    .await?;
    found
        .iter()
        .map(|row| Ok((row.get("project_id")?, row.get("run_id")?)))
        .collect()
}

/// Writes how far an open run is, and that it can go on at once.
pub(crate) async fn save(txn: &DatabaseTransaction, run: &Run, now: Timestamp) -> Result<(), Error> {
    let finished_at = run.state.is_final().then_some(now.micros());
    Sql::new(
        "update inactivity_runs set state = {state}, finished_at = {finished_at}, population = {population},
           candidates = {candidates}, allowed = {allowed}, deleted = {deleted}, cursor_after = {after},
           brakes = {brakes}, attempts = 0
         where project_id = {project} and run_id = {run} and finished_at is null",
    )
    .bind("project", run.project)
    .bind("run", run.id)
    .bind("state", run.state as i64)
    .bind("finished_at", finished_at)
    .bind("population", run.population)
    .bind("candidates", run.candidates)
    .bind("allowed", run.allowed)
    .bind("deleted", run.deleted)
    .bind("after", run.after.as_str())
    .bind("brakes", serde_json::to_value(&run.brakes).map_err(Error::internal)?)
    .execute(txn)
    .await?;
    Ok(())
}

/// Puts an open run off.
pub(crate) async fn postpone(txn: &DatabaseTransaction, run: &Run, until: Timestamp) -> Result<(), Error> {
    Sql::new(
        "update inactivity_runs set attempts = {attempts}, available_at = {until}
         where project_id = {project} and run_id = {run} and finished_at is null",
    )
    .bind("project", run.project)
    .bind("run", run.id)
    .bind("attempts", run.attempts)
    .bind("until", until.micros())
    .execute(txn)
    .await?;
    Ok(())
}

fn read(row: &QueryResult) -> Result<Run, Error> {
    let brakes: serde_json::Value = row.get("brakes")?;
    Ok(Run {
        project: row.get("project_id")?,
        id: row.get("run_id")?,
        state: State::from_stored(row.get("state")?)?,
        created_at: row.time("created_at")?,
        cutoff: row.time("cutoff")?,
        is_dry: row.get("dry_run")?,
        max_ratio: row.get("max_ratio")?,
        population: row.get("population")?,
        candidates: row.get("candidates")?,
        allowed: row.get("allowed")?,
        deleted: row.get("deleted")?,
        after: row.get("cursor_after")?,
        brakes: serde_json::from_value(brakes).map_err(Error::internal)?,
        attempts: row.get("attempts")?,
    })
}
