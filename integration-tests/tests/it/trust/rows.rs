//! What the stores hold of a project.

use chappe_ids::ProjectId;
use chappe_store::{Db, RowExt as _, Sql};
use chappe_testkit::TestDb;

/// Every row of the project in every table that has projects, each as one line.
pub(super) async fn of(databases: &[TestDb], project: ProjectId) -> Vec<String> {
    let mut rows = Vec::new();
    for database in databases {
        for table in tables(database).await {
            let (line, table) = (line(database, &table).await, &table);
            let text = format!("select {line} as line from {table} t where project_id = {{project}} order by 1");
            let select = Sql::new(text.leak()).bind("project", project);
            let lines = lines(database.db(), select).await;
            rows.extend(lines.into_iter().map(|line| format!("{table} {line}")));
        }
    }
    rows
}

async fn tables(database: &TestDb) -> Vec<String> {
    let select = if is_sqlite(database) {
        "select m.name as line from sqlite_master m join pragma_table_info(m.name) c on c.name = 'project_id'
         where m.type = 'table' order by 1"
    } else {
        "select cast(table_name as text) as line from information_schema.columns
         where table_schema = current_schema() and column_name = 'project_id' order by 1"
    };
    lines(database.db(), Sql::new(select)).await
}

/// An expression for a whole row as text.
async fn line(database: &TestDb, table: &str) -> String {
    if !is_sqlite(database) {
        return "cast(t as text)".to_owned();
    }
    let columns = format!("select 'quote(' || name || ')' as line from pragma_table_info('{table}')");
    lines(database.db(), Sql::new(columns.leak())).await.join(" || ' ' || ")
}

async fn lines(db: &Db, select: Sql) -> Vec<String> {
    let rows = select.all(db.read()).await.unwrap();
    rows.iter().map(|row| row.get("line").unwrap()).collect()
}

fn is_sqlite(database: &TestDb) -> bool {
    database.url().starts_with("sqlite:")
}
