//! Profile updates through REST, beside bare statements that write the same rows.

use std::ops::Range;

use anyhow::Result;
use tokio::time::Instant;

use crate::{
    Bench,
    database::Database,
    mesh::Mesh,
    minimal::{self, Minimal},
    report::{Report, median, per_second},
    sizes::BATCH,
    traffic,
};

/// The goal, as a share of the ceiling.
const GOAL: f64 = 0.45;

/// Items per second of every round.
#[derive(Default)]
struct Rates {
    chappe: Vec<f64>,
    minimal: Vec<f64>,
}

pub(crate) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let mesh = Mesh::on_postgres(bench, "smtp://127.0.0.1:9").await?;
    let database = Database::create(&bench.stores.postgres).await?;
    database.migrate(&bench.chappe).await?;
    let minimal = Minimal::new(database.connect().await?);

    let per_round = bench.sizes.calls * BATCH;
    // Connections are opened and statements prepared before anybody looks at the time.
    let warm_up = 0..BATCH * 8;
    chappe(&mesh, warm_up.clone(), 0).await?;
    minimal.write(minimal::calls(warm_up.clone(), 0)).await?;

    let (mut new, mut known) = (Rates::default(), Rates::default());
    for round in 0..bench.sizes.rounds {
        let range = warm_up.end + round * per_round..warm_up.end + (round + 1) * per_round;
        for (visit, rates) in [&mut new, &mut known].into_iter().enumerate() {
            rates.chappe.push(chappe(&mesh, range.clone(), visit).await?);
            rates
                .minimal
                .push(minimal.write(minimal::calls(range.clone(), visit)).await?);
        }
    }
    for (what, rates) in [("updates, new ids", &mut new), ("updates, known ids", &mut known)] {
        let (chappe, minimal) = (median(&mut rates.chappe), median(&mut rates.minimal));
        report.ratio(what, "items/s", chappe, minimal, Some(GOAL));
    }
    minimal.close().await;
    database.drop().await?;
    mesh.stop().await
}

async fn chappe(mesh: &Mesh, people: Range<usize>, visit: usize) -> Result<f64> {
    let bodies = traffic::updates(people.clone(), visit)?;
    let begun = Instant::now();
    traffic::send(&mesh.rest, bodies).await?;
    Ok(per_second(people.len(), begun.elapsed()))
}
