//! How the Router hands an event to the Dispatcher of its own process: as it is. No message is made, and nothing is parsed
//! again. A Dispatcher of another process is submitted to by the contract's `Submit` stream.

use std::sync::Arc;

use async_trait::async_trait;
use watchbell_model::AcceptedEvent;
use watchbell_model::route::Route;

use crate::problem::Problem;

/// The Dispatcher of this process.
#[async_trait]
pub trait Submit: Send + Sync + 'static {
    /// Commits an event and its routes; answers once it is on disk. Repeating it is safe, since ids are unique.
    ///
    /// # Errors
    /// Nothing was stored, as far as is known.
    async fn submit(&self, event: AcceptedEvent, routes: Vec<Route>) -> Result<Submitted, Problem>;
}

/// An event that is on disk.
#[derive(Debug)]
pub struct Submitted {
    /// The id was accepted before; nothing was stored now.
    pub duplicate: bool,
    /// The routes stored: with a duplicate the first ones.
    pub routes: Vec<Arc<Route>>,
}
