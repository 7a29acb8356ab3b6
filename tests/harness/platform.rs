//! Services in processes of their own that work together, any of which may die and come back.

use std::net::SocketAddr;

use super::{Client, Database, Process, Serve};

/// All services of one test.
pub(crate) struct Platform {
    parts: Vec<Part>,
    admin: Client,
}

/// One process of it.
struct Part {
    name: String,
    serve: Serve,
    /// Absent between its end and its next start.
    process: Option<Process>,
}

impl Platform {
    /// Everything in one process.
    pub(crate) async fn whole(database: &Database) -> Self {
        Self::alone(Serve::all(database)).await
    }

    /// Everything in this process.
    pub(crate) async fn alone(serve: Serve) -> Self {
        Self::of(vec![("watchbell".to_owned(), serve)]).await
    }

    /// Config, so many Routers, and Dispatchers that were set up by `dispatcher` each, in processes of their own.
    pub(crate) async fn split(
        database: &Database,
        routers: usize,
        dispatchers: usize,
        dispatcher: impl Fn(usize, Serve) -> Serve,
    ) -> Self {
        let config = Serve::only(database, &["config"]);
        let knowing_config = |service| {
            Serve::only(database, &[service]).with("--config-url", format!("http://{}", config.address()))
        };
        let dispatchers: Vec<_> = (0..dispatchers)
            .map(|number| dispatcher(number, knowing_config("dispatcher")))
            .collect();
        let routers: Vec<_> = (0..routers)
            .map(|number| {
                let router = dispatchers
                    .iter()
                    .fold(knowing_config("router"), |router, dispatcher| {
                        router.with("--dispatcher-url", format!("http://{}", dispatcher.address()))
                    });
                (format!("router {number}"), router)
            })
            .collect();
        let dispatchers = dispatchers.into_iter().enumerate();
        let parts = std::iter::once(("config".to_owned(), config))
            .chain(dispatchers.map(|(number, serve)| (format!("dispatcher {number}"), serve)))
            .chain(routers)
            .collect();
        Self::of(parts).await
    }

    /// Config first, since it makes the keys.
    async fn of(serves: Vec<(String, Serve)>) -> Self {
        let mut parts = Vec::new();
        // What is broken off and tried again is no news here.
        let log = std::env::var("WATCHBELL_TEST_LOG").unwrap_or_else(|_| "error".to_owned());
        for (name, serve) in serves {
            let serve = serve.env("RUST_LOG", log.clone());
            let process = Some(serve.start().await);
            parts.push(Part { name, serve, process });
        }
        let admin = Client::admin(parts[0].process());
        Self { parts, admin }
    }

    /// The caller with all rights, at Config.
    pub(crate) fn admin(&self) -> &Client {
        &self.admin
    }

    /// The same caller at every process that runs this service.
    pub(crate) fn clients(&self, service: &str) -> Vec<Client> {
        let serving = self.indices(service).into_iter();
        serving
            .map(|index| self.admin.at(self.parts[index].process()))
            .collect()
    }

    /// How many processes there are.
    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Which of them run this service.
    pub(crate) fn indices(&self, service: &str) -> Vec<usize> {
        let runs = |part: &Part| part.name == "watchbell" || part.name.starts_with(service);
        (0..self.len())
            .filter(|index| runs(&self.parts[*index]))
            .collect()
    }

    /// One of them.
    pub(crate) fn process(&self, index: usize) -> &Process {
        self.parts[index].process()
    }

    /// `kill -9`, and launches it again at once.
    pub(crate) fn kill(&mut self, index: usize) {
        let part = &mut self.parts[index];
        if let Some(process) = part.process.take() {
            process.kill();
        }
        part.process = Some(part.serve.launch());
    }

    /// `kill -9`, until [`Platform::start`].
    pub(crate) fn kill_for_good(&mut self, index: usize) {
        if let Some(process) = self.parts[index].process.take() {
            process.kill();
        }
    }

    /// Launches one that was killed.
    pub(crate) fn start(&mut self, index: usize) {
        let part = &mut self.parts[index];
        part.process = Some(part.serve.launch());
    }

    /// Where one of them listens, also while it is away.
    pub(crate) fn address(&self, index: usize) -> SocketAddr {
        self.parts[index].serve.address()
    }

    /// Starts one more Dispatcher, of which the others are not told.
    pub(crate) async fn add_dispatcher(&mut self, database: &Database) {
        let name = format!("dispatcher {}", self.indices("dispatcher").len());
        self.add(name, Serve::only(database, &["dispatcher"])).await;
    }

    /// Starts one more process, which knows Config; its address.
    async fn add(&mut self, name: String, serve: Serve) -> String {
        let config = format!("http://{}", self.parts[0].process().address);
        let log = std::env::var("WATCHBELL_TEST_LOG").unwrap_or_else(|_| "error".to_owned());
        let serve = serve.with("--config-url", config).env("RUST_LOG", log);
        let process = Some(serve.start().await);
        let address = format!("http://{}", serve.address());
        self.parts.push(Part { name, serve, process });
        address
    }

    /// Starts a Digest that knows the Dispatchers.
    pub(crate) async fn add_digest(&mut self, database: &Database) {
        let mut serve = Serve::only(database, &["digest"]);
        for index in self.indices("dispatcher") {
            serve.add("--dispatcher-url", format!("http://{}", self.address(index)));
        }
        self.add("digest".to_owned(), serve).await;
    }

    /// Starts Config again, so that it knows where the Dispatchers are.
    pub(crate) async fn tell_config(&mut self) {
        for index in self.indices("dispatcher") {
            let url = format!("http://{}", self.address(index));
            self.parts[0].serve.add("--dispatcher-url", url);
        }
        self.restart(0).await;
    }

    /// Starts Dispatchers of another cell, which only Config is to know.
    pub(crate) async fn add_cell(&mut self, database: &Database, dispatchers: usize) -> Vec<String> {
        let mut addresses = Vec::new();
        for number in 0..dispatchers {
            let name = format!("cell dispatcher {number}");
            addresses.push(self.add(name, Serve::only(database, &["dispatcher"])).await);
        }
        addresses
    }

    /// Stops one in an orderly way, and starts it again.
    pub(crate) async fn restart(&mut self, index: usize) {
        let part = &mut self.parts[index];
        if let Some(process) = part.process.take() {
            process.terminate().await;
        }
        part.process = Some(part.serve.start().await);
    }

    /// Stops one in an orderly way for good.
    pub(crate) async fn remove(&mut self, index: usize) {
        if let Some(process) = self.parts.remove(index).process {
            process.terminate().await;
        }
    }

    /// Waits until all serve.
    pub(crate) async fn ready(&mut self) {
        for part in &mut self.parts {
            if let Some(process) = &mut part.process {
                process.wait_until_ready().await;
            }
        }
    }
}

impl Part {
    fn process(&self) -> &Process {
        self.process.as_ref().expect("it was started")
    }
}
