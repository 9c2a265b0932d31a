use chappe_store::schema;
use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_orm::{DbBackend, DbErr},
};

/// Leaves room in the pages of rows that are rewritten in place. PostgreSQL only: other engines that speak its
/// protocol ignore the setting, and SQLite has none.
pub(super) struct Fillfactor;

impl MigrationName for Fillfactor {
    fn name(&self) -> &'static str {
        "m0002_fillfactor"
    }
}

#[async_trait]
impl MigrationTrait for Fillfactor {
    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait hides the lifetime, so its implementations must"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Postgres {
            schema::exec(manager, "alter table profiles set (fillfactor = 80)").await?;
            schema::exec(manager, "alter table profile_activity set (fillfactor = 80)").await?;
        }
        Ok(())
    }
}
