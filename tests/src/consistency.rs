//! The database against itself, as `vitrine verify` holds it.

use vitrine_ingest::verify::{Event, verify};

use crate::Database;

/// Panics with everything that contradicts itself.
pub async fn check(database: &Database) {
    let mut found = Vec::new();
    let mut on_event = |event: Event<'_>| {
        if let Event::Found(finding) = event {
            found.push(format!("{}: {}", finding.check, finding.place));
        }
    };
    let store = database.store();
    let report = verify(&store, &mut on_event).await.unwrap();
    store.close().await;
    assert!(found.is_empty() && report.faults() == 0, "{}", found.join("\n"));
}
