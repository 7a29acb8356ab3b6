//! The Watchbell that the demo shows, on a store that is removed afterwards. Its settings are a file, as any operator's.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use tempfile::TempDir;

use super::fakes::Fakes;
use crate::failure::Outcome;
use crate::local::LocalServer;
use crate::serve::ServeArgs;

/// Where a server listens by default, and where the command line looks for one.
const DEFAULT_PORT: u16 = 7700;

/// The server, and the directory of its databases, which is removed when this is dropped.
pub(super) struct Server {
    pub(super) local: LocalServer,
    _data: TempDir,
}

impl Server {
    /// Starts it. One that stays takes the default port when it is free, so that the command line finds it.
    pub(super) async fn start(fakes: &Fakes, stays: bool) -> Outcome<Self> {
        let data = TempDir::with_prefix("watchbell-demo-")?;
        let address = free_address(stays)?;
        let file = data.path().join("demo.toml");
        std::fs::write(&file, settings(address, fakes.mail.port()))?;
        let args = ServeArgs {
            config: Some(file),
            data_dir: data.path().to_owned(),
            listen: Some(address.to_string()),
            ..ServeArgs::default()
        };
        let local = LocalServer::start(&args).await?;
        Ok(Self { local, _data: data })
    }
}

fn free_address(default: bool) -> Outcome<SocketAddr> {
    let port = if default { DEFAULT_PORT } else { 0 };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    Ok(listener.local_addr()?)
}

/// Mail by the fake, links that lead here, and loopback past the egress guard.
fn settings(address: SocketAddr, mail_port: u16) -> String {
    format!(
        "[server]\nadmin_address = \"127.0.0.1:0\"\n\n\
         [brand]\npublic_url = \"http://{address}\"\n\n\
         [mail]\nhost = \"127.0.0.1\"\nport = {mail_port}\nsecurity = \"none\"\n\n\
         [egress]\nallow = [\"127.0.0.0/8\"]\n\n\
         [telemetry]\nfilter = \"off\"\n"
    )
}
