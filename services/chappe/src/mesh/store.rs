//! The database of a service as a condition of readiness: it may be away, of another version, of another mesh, or of
//! another time, and mend.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use chappe_kit::{
    Clock, Error, MasterKey, Runtime,
    health::{Fault, Finding},
    skew::{MAX_SKEW, NOTABLE_SKEW, Skew, Witness},
};
use chappe_store::{Db, fingerprint};
use tokio::{
    sync::{Mutex, watch},
    time::timeout,
};

use super::database::{Database, Place, cause};

/// How long the database may take to say what time it is.
const ANSWER: Duration = Duration::from_secs(2);

/// What is known about one database. Clones share it.
#[derive(Clone)]
pub(super) struct Store(Arc<Inner>);

struct Inner {
    place: Place,
    keys: MasterKey,
    clock: Clock,
    witness: Witness,
    open: OnceLock<Database>,
    /// Whether schema and key were right since the database last came back. One look at a time.
    verified: Mutex<bool>,
    sound: watch::Sender<bool>,
}

impl Store {
    pub(super) fn new(place: Place, runtime: &Runtime, witness: Witness) -> Self {
        Self(Arc::new(Inner {
            place,
            keys: runtime.keys.clone(),
            clock: runtime.clock.clone(),
            witness,
            open: OnceLock::new(),
            verified: Mutex::default(),
            sound: watch::Sender::new(false),
        }))
    }

    pub(super) fn place(&self) -> &Place {
        &self.0.place
    }

    /// Takes a database that is open already.
    pub(super) fn opened(&self, database: Database) {
        // Whoever opened it first did the same.
        drop(self.0.open.set(database));
    }

    /// The database, once it is open.
    pub(super) fn database(&self) -> Option<&Database> {
        self.0.open.get()
    }

    /// Waits until there is nothing against working with it.
    pub(super) async fn sound(&self) -> Db {
        let mut sound = self.0.sound.subscribe();
        // The sender is in `self`, so the wait cannot fail.
        drop(sound.wait_for(|sound| *sound).await);
        self.0.open.get().expect("what is sound is open").db.clone()
    }

    /// Looks at everything about it.
    pub(super) async fn look(&self) -> Vec<Finding> {
        let inner = &*self.0;
        let mut verified = inner.verified.lock().await;
        let mut findings = Vec::new();
        let is_well = inner.examine(&mut verified, &mut findings).await.is_ok();
        inner.sound.send_replace(is_well);
        findings
    }
}

/// The rest of the look makes no sense.
struct Hopeless;

impl Inner {
    async fn examine(&self, verified: &mut bool, findings: &mut Vec<Finding>) -> Result<(), Hopeless> {
        let mut found = |what: &str, outcome: Result<(), Fault>| {
            let is_failure = outcome.as_ref().is_err_and(Fault::is_failure);
            findings.push(Finding::new(what, outcome));
            if is_failure { Err(Hopeless) } else { Ok(()) }
        };
        let name = |what: &str| format!("{what} {}", self.place.service);
        let (database, skew) = match self.reach().await {
            Ok(reached) => reached,
            Err(fault) => {
                *verified = false;
                found(&name("database"), Err(fault))?;
                return Err(Hopeless);
            }
        };
        found(&name("database"), Ok(()))?;
        if !*verified {
            found(&name("schema"), self.schema(database).await)?;
            found(&name("key"), self.key(database).await)?;
            *verified = true;
        }
        if self.place.is_postgres {
            found("clock", self.time(skew))?;
        }
        Ok(())
    }

    /// Opens it if it is not open, and asks it for the time.
    async fn reach(&self) -> Result<(&Database, Skew), Fault> {
        let database = if let Some(open) = self.open.get() {
            open
        } else {
            let opened = self.place.connect().await.map_err(|error| self.away(&cause(&error)))?;
            self.open.get_or_init(|| opened)
        };
        let before = self.clock.now();
        let failed = match timeout(ANSWER, database.db.now()).await {
            Ok(Ok(theirs)) => return Ok((database, Skew::measured(before, theirs, self.clock.now()))),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        Err(self.diagnosis(failed).await)
    }

    /// Why it has no answer: what the pool says is that its patience has ended.
    async fn diagnosis(&self, failed: Option<Error>) -> Fault {
        if self.place.is_postgres {
            match timeout(ANSWER, chappe_store::reach_postgres(&self.place.url)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return self.away(&cause(&error)),
                Err(_) => return self.away(&format!("no answer within {} s", ANSWER.as_secs())),
            }
        }
        match failed {
            Some(error) => self.away(&cause(&error)),
            None => Fault::failed(
                format!("no connection was free within {} s", ANSWER.as_secs()),
                "raise database.max_connections, or look for slow statements",
            ),
        }
    }

    fn away(&self, cause: &str) -> Fault {
        Fault::failed(format!("cannot use {}: {cause}", self.place.shown), self.place.remedy())
    }

    async fn schema(&self, database: &Database) -> Result<(), Fault> {
        let status = database.status().await.map_err(|error| self.away(&cause(&error)))?;
        if let Some(step) = status.breaks() {
            return Err(Fault::failed(
                format!("the schema has {step} of a newer version, with which this one must not work"),
                "run the newer version",
            ));
        }
        if !status.pending.is_empty() {
            let lacks = status.pending.join(", ");
            return Err(Fault::failed(format!("the schema lacks {lacks}"), "run chappe migrate"));
        }
        if !status.newer.is_empty() {
            let has = status.newer.join(", ");
            return Err(Fault::degraded(
                format!("the schema has {has} of a newer version, with which this one can work"),
                "nothing during an upgrade; else run the newer version",
            ));
        }
        Ok(())
    }

    async fn key(&self, database: &Database) -> Result<(), Fault> {
        let belongs = fingerprint::belongs(&database.db, &self.keys).await;
        if belongs.map_err(|error| self.away(&cause(&error)))? {
            return Ok(());
        }
        Err(Fault::failed(
            format!(
                "the data of {} in {} was written under another keys.master",
                self.place.service, self.place.shown
            ),
            "start this process with the key of the mesh (CHAPPE__KEYS__MASTER_FILE)",
        ))
    }

    /// Who is right: where others go by our clock, calls work, and the database is the one to mend.
    fn time(&self, skew: Skew) -> Result<(), Fault> {
        metrics::gauge!("chappe_clock_skew_seconds", "against" => "database").set(skew.seconds());
        if skew.size() < NOTABLE_SKEW {
            return Ok(());
        }
        let reason = format!("the clock of this process is {skew} that of {}", self.place.shown);
        let remedy = "synchronise the clocks (NTP)";
        if skew.size() < MAX_SKEW {
            Err(Fault::degraded(reason, remedy))
        } else if self.witness.agreed_within(MAX_SKEW) {
            let reason = format!("{reason}, while the rest of the mesh agrees with this process");
            Err(Fault::degraded(reason, remedy))
        } else {
            Err(Fault::failed(reason, remedy))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chappe_kit::{IdGen, Lifecycle};
    use chappe_testkit::TestDb;
    use chrono::TimeDelta;

    use super::*;
    use crate::settings::Settings;

    /// The clock of the process is an hour behind, and stands still but for the test.
    async fn an_hour_behind() -> Option<(Store, Runtime, Witness)> {
        let test = TestDb::postgres("store").await?;
        let mut settings = Settings::default();
        settings.database.url = test.empty_database().await.unwrap().into();
        let runtime = Runtime {
            clock: Clock::manual(Clock::system().now().to_utc() - TimeDelta::hours(1)),
            ids: IdGen::system(),
            lifecycle: Lifecycle::new(),
            keys: MasterKey::new([7; 32]),
        };
        let place = Place::of(identity::NAME, &settings, Path::new(".")).unwrap();
        place.open(Path::new(".")).await.unwrap().migrate().await.unwrap();
        let witness = Witness::default();
        Some((Store::new(place, &runtime, witness.clone()), runtime, witness))
    }

    async fn clock(store: &Store) -> Result<(), Fault> {
        let mut findings = store.look().await;
        let last = findings.pop().unwrap();
        assert_eq!(last.name, "clock");
        assert!(findings.iter().all(|finding| finding.outcome.is_ok()), "{findings:?}");
        last.outcome
    }

    #[tokio::test]
    async fn a_clock_that_is_off_is_told_until_it_is_right() {
        let Some((store, runtime, _)) = an_hour_behind().await else {
            return;
        };
        let fault = clock(&store).await.unwrap_err();
        assert!(fault.is_failure());
        let told = fault.to_string();
        assert!(
            told.starts_with("the clock of this process is 60 min behind that of PostgreSQL at "),
            "{told}"
        );
        assert!(told.ends_with("; synchronise the clocks (NTP)"), "{told}");
        assert!(!*store.0.sound.borrow());

        runtime.clock.advance(TimeDelta::seconds(3_570));
        assert!(!clock(&store).await.unwrap_err().is_failure());
        runtime.clock.advance(TimeDelta::seconds(30));
        assert_eq!(clock(&store).await, Ok(()));
        store.sound().await;
    }

    #[tokio::test]
    async fn where_others_go_by_our_clock_it_is_the_databases_that_is_off() {
        let Some((store, _, witness)) = an_hour_behind().await else {
            return;
        };
        witness.note();
        let fault = clock(&store).await.unwrap_err();
        assert!(!fault.is_failure());
        assert!(
            fault
                .to_string()
                .contains("the rest of the mesh agrees with this process"),
            "{fault}"
        );
    }
}
