//! The tables of this service.

mod m0001_initial;
mod m0002_finished;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// Brings the database of email-sender up to date.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_initial::migration()),
            Box::new(m0002_finished::migration()),
        ]
    }
}
