//! A server that is far away.

use super::Redis;
use bytes::BytesMut;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    task::{AbortHandle, JoinSet},
    time::{Instant, timeout_at},
};

/// How long everything is on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delays {
    /// To the server.
    pub(crate) there: Duration,
    /// And back.
    pub(crate) back: Duration,
}

/// A way to a server, as long as is wanted. Nothing is lost on it, and nothing overtakes.
#[derive(Debug)]
pub(crate) struct SlowWay {
    port: u16,
    delays: watch::Sender<Delays>,
    open: AbortHandle,
}

impl SlowWay {
    /// A way that takes no time yet.
    pub(crate) async fn to(server: &Redis) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (delays, receiver) = watch::channel(Delays::default());
        let open = tokio::spawn(accept(listener, server.port(), receiver)).abort_handle();
        Self { port, delays, open }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// From now on, and for what is under way.
    pub(crate) fn takes(&self, delays: Delays) {
        self.delays.send_replace(delays);
    }
}

impl Drop for SlowWay {
    fn drop(&mut self) {
        self.open.abort();
    }
}

async fn accept(listener: TcpListener, server: u16, delays: watch::Receiver<Delays>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let delays = delays.clone();
        connections.spawn(async move {
            // A server that is gone closes the connection, as it would itself.
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
            let ((from_client, to_client), (from_server, to_server)) =
                (client.into_split(), server.into_split());
            let there = carry(from_client, to_server, delays.clone(), |delays| delays.there);
            let back = carry(from_server, to_client, delays, |delays| delays.back);
            tokio::join!(there, back);
        });
    }
}

/// Carries everything in one direction, and the end of it.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut delays: watch::Receiver<Delays>,
    delay: impl Fn(&Delays) -> Duration,
) {
    let (sender, mut under_way) = mpsc::unbounded_channel();
    let take = async move {
        let mut buffer = BytesMut::with_capacity(16 * 1024);
        while let Ok(1..) = from.read_buf(&mut buffer).await {
            if sender.send((Instant::now(), buffer.split())).is_err() {
                return;
            }
        }
    };
    let give = async move {
        while let Some((left, part)) = under_way.recv().await {
            loop {
                let arrives = left + delay(&delays.borrow_and_update());
                match timeout_at(arrives, delays.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return,
                    Err(_) => break,
                }
            }
            if to.write_all(&part).await.is_err() {
                return;
            }
        }
        // Whoever is gone needs no end.
        drop(to.shutdown().await);
    };
    tokio::join!(take, give);
}
