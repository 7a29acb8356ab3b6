//! Long work that nobody's `Emit` waits for, in pieces, on one thread of low priority. Pieces of several calls take turns.

use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use crate::problem::Problem;

/// How much less of a busy processor the thread gets (`nice`): about a tenth of what another one does.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

type Piece = Box<dyn FnOnce() + Send>;

/// The thread's work. Cheap to clone; the thread ends with the last one.
#[derive(Debug, Clone)]
pub struct Background(mpsc::UnboundedSender<Piece>);

// === impl Background ===

impl Background {
    /// Starts the thread.
    #[must_use]
    pub fn start() -> Self {
        let (sender, mut pieces) = mpsc::unbounded_channel::<Piece>();
        let run = move || {
            give_way();
            while let Some(piece) = pieces.blocking_recv() {
                piece();
            }
        };
        let started = std::thread::Builder::new()
            .name("background".to_owned())
            .spawn(run);
        if let Err(error) = started {
            tracing::error!(%error, "there is no thread for long work in the background");
        }
        Self(sender)
    }

    /// Runs a piece. One that was begun ends, even if its caller is gone.
    ///
    /// # Errors
    /// When there is no thread.
    ///
    /// # Panics
    /// When the piece panics.
    pub async fn run<T: Send + 'static>(
        &self,
        piece: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (done, result) = oneshot::channel();
        let span = Span::current();
        let piece = move || {
            // Nobody waits for it any more.
            if done.is_closed() {
                return;
            }
            let piece = std::panic::AssertUnwindSafe(|| span.in_scope(piece));
            let _ = done.send(std::panic::catch_unwind(piece));
        };
        // Without a thread the answer says so.
        let _ = self.0.send(Box::new(piece));
        match result.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => Err(Problem::unavailable("there is no thread for this")),
        }
    }
}

/// Lowers the priority of this thread. On Linux a thread has its own; elsewhere it is the whole process's.
fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "long work in the background may slow other work: its priority cannot be lowered");
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn pieces_run_one_by_one_and_one_that_is_given_up_does_not() {
        let background = Background::start();
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let mut first = Box::pin(background.run(move || ends.recv().is_ok()));
        assert!(poll!(&mut first).is_pending());
        let (ran, has_run) = oneshot::channel::<()>();
        let mut second = Box::pin(background.run(move || ran.send(()).is_ok()));
        assert!(poll!(&mut second).is_pending());
        drop(second);
        let third = background.run(|| 3);
        end.send(()).unwrap();
        assert!(first.await.unwrap());
        assert_eq!(third.await.unwrap(), 3);
        assert!(has_run.await.is_err());
    }

    #[tokio::test]
    async fn a_piece_that_panics_ends_its_caller_and_not_the_thread() {
        let background = Background::start();
        let broken = tokio::spawn({
            let background = background.clone();
            async move { background.run(|| panic!("broken")).await }
        });
        assert!(broken.await.unwrap_err().is_panic());
        assert_eq!(background.run(|| 7).await.unwrap(), 7);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_thread_alone_gives_way() {
        let background = Background::start();
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let here = priority();
        assert_eq!(background.run(priority).await.unwrap(), NICENESS.max(here));
        assert_eq!(priority(), here);
    }
}
