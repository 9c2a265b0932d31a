//! The schema, in forward-only steps.

mod m0001_initial;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All steps, oldest first.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_initial::migration())]
    }
}
