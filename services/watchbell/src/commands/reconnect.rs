//! Streams that are opened again for as long as it takes.

use std::time::Duration;

use tonic::{Code, Status};

/// Between two tries to open a stream again, at first and at most.
const RETRY: Duration = Duration::from_millis(500);
const MAX_RETRY: Duration = Duration::from_secs(10);

/// Whether the server is away: it says so, or the connection broke, which is told by these codes.
pub(super) fn is_away(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Cancelled | Code::Unknown)
}

/// Opens a stream again; tries until it is interrupted.
pub(super) async fn opened_again<T>(open: impl AsyncFn() -> Result<T, Status>) -> Result<T, Status> {
    let mut wait = RETRY;
    loop {
        match open().await {
            Err(status) if is_away(&status) => {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(MAX_RETRY);
            }
            opened => return opened,
        }
    }
}
