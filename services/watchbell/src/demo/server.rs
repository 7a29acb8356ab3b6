//! The Watchbell that is shown: the whole of it, in this process, started as `serve` starts it, on a store that is gone
//! afterwards. Its settings are a file like anybody's.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use watchbell_model::secret::Secret;

use super::outside::Outside;
use crate::failure::{Failure, Outcome};
use crate::serve::{self, Plan, ServeArgs};

/// Where a server listens unless told otherwise, and where the command line looks for one.
const USUAL_PORT: u16 = 7700;

/// A server that serves until it is told to stop.
pub(super) struct Server {
    url: String,
    admin_key: Secret,
    stop: CancellationToken,
    serving: JoinHandle<Outcome>,
    /// Removed when this is dropped.
    _data: TempDir,
}

impl Server {
    /// Starts it. One that stays takes the usual port when it is free, so that the command line finds it.
    pub(super) async fn start(outside: &Outside, stays: bool) -> Outcome<Self> {
        let data = TempDir::with_prefix("watchbell-demo-")?;
        let address = free_address(stays)?;
        let file = data.path().join("demo.toml");
        std::fs::write(&file, settings(address, outside.mail.port()))?;
        let args = ServeArgs {
            config: Some(file),
            data_dir: data.path().to_owned(),
            listen: Some(address.to_string()),
            ..ServeArgs::default()
        };
        let plan = Plan::from_args(&args).map_err(|error| Failure::message(error.to_string()))?;
        let running = serve::start(plan).await.map_err(anyhow::Error::from)?;
        let url = format!("http://{}", running.address);
        let admin_key = running
            .admin_key
            .clone()
            .ok_or_else(|| Failure::message("the first start has made no admin key"))?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serving =
            tokio::spawn(async move { Ok(running.until(stopped).await.map_err(anyhow::Error::from)?) });
        Ok(Self {
            url,
            admin_key,
            stop,
            serving,
            _data: data,
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The platform key of the first start.
    pub(super) const fn admin_key(&self) -> &Secret {
        &self.admin_key
    }

    /// Stops it in order.
    pub(super) async fn stop(self) -> Outcome {
        self.stop.cancel();
        self.serving.await.map_err(anyhow::Error::from)?
    }
}

fn free_address(usual: bool) -> Outcome<SocketAddr> {
    let wanted = if usual { [USUAL_PORT, 0] } else { [0, 0] };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted[0]))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, wanted[1])))?;
    Ok(listener.local_addr()?)
}

/// What an operator would write: mail by the stand-in, links that lead here, and loopback past the egress guard.
fn settings(address: SocketAddr, mail_port: u16) -> String {
    format!(
        "[server]\nadmin_address = \"127.0.0.1:0\"\n\n\
         [brand]\npublic_url = \"http://{address}\"\n\n\
         [mail]\nhost = \"127.0.0.1\"\nport = {mail_port}\nsecurity = \"none\"\n\n\
         [egress]\nallow = [\"127.0.0.0/8\"]\n\n\
         [telemetry]\nfilter = \"off\"\n"
    )
}
