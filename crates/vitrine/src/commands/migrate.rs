//! `vitrine migrate`

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::Result;

use super::{Context, print};
use crate::database::{migrate, with_database};

/// Applies what is pending and says what that was.
pub(super) async fn run(context: &Context) -> Result<ExitCode> {
    let applied = with_database(context, async |database| migrate(&database.store).await).await?;
    let mut text = String::new();
    for migration in &applied {
        let _ = writeln!(text, "applied {} {}", migration.version, migration.description);
    }
    if applied.is_empty() {
        text.push_str("nothing to apply\n");
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
