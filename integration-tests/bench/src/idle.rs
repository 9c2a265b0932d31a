//! One process with nothing to do.

use anyhow::Result;

use crate::{
    Bench,
    mesh::Mesh,
    pause,
    report::{Goal, Report, float, median, milliseconds},
};

/// Milliseconds until all listeners accept.
const READY: f64 = 1_000.0;
/// Megabytes in memory.
const RESIDENT: f64 = 60.0;
const MEGABYTE: f64 = 1_000_000.0;

pub(crate) async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..bench.sizes.rounds {
        let mesh = Mesh::on_sqlite(bench).await?;
        ready.push(milliseconds(mesh.ready_after));
        pause(bench.sizes.idle).await;
        resident.push(float(usize::try_from(mesh.resident_octets()?)?) / MEGABYTE);
        mesh.stop().await?;
    }
    report.figure(
        "first start on SQLite",
        "ms",
        median(&mut ready),
        Some(Goal::Below(READY)),
    );
    report.figure(
        "idle on SQLite, resident",
        "MB",
        median(&mut resident),
        Some(Goal::Below(RESIDENT)),
    );
    Ok(())
}
