//! Links between nodes that can be cut, held and slowed down.

use crate::common::socket;
use libp2p::multiaddr::Protocol;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Barrier, mpsc, watch};
use wattle_p2p::{Multiaddr, PeerId};

/// A link to one node.
pub(crate) struct Link {
    /// Where to dial for that node.
    pub(crate) address: Multiaddr,
    cut: watch::Sender<()>,
    opened: Arc<AtomicUsize>,
    closed: Arc<AtomicUsize>,
}

/// How a link carries.
#[derive(Clone)]
pub(crate) enum Manner {
    /// At once.
    Plain,
    /// The first connection waits until as many others do.
    Together(Arc<Barrier>),
    /// About so many KiB a second from the node.
    Narrow(u64),
}

impl Link {
    /// To a node that listens on TCP or QUIC, at an address of the same kind.
    pub(crate) async fn to(address: &Multiaddr, manner: Manner) -> Self {
        let Some(Protocol::P2p(peer)) = address.iter().last() else { panic!("{address}") };
        if address.iter().any(|part| matches!(part, Protocol::Udp(_))) {
            Self::udp(socket(address), peer).await
        } else {
            Self::tcp(socket(address), peer, manner).await
        }
    }

    fn new(address: Multiaddr, peer: PeerId) -> Self {
        let address = address.with_p2p(peer).unwrap();
        Self { address, cut: watch::Sender::new(()), opened: Arc::default(), closed: Arc::default() }
    }

    async fn tcp(node: SocketAddr, peer: PeerId, manner: Manner) -> Self {
        let listener = TcpListener::bind((node.ip(), 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let link = Self::new(Multiaddr::from(node.ip()).with(Protocol::Tcp(port)), peer);
        let (cut, opened, closed) = (link.cut.clone(), Arc::clone(&link.opened), Arc::clone(&link.closed));
        tokio::spawn(async move {
            let mut following = manner;
            while let Ok((mut client, _)) = listener.accept().await {
                let manner = following.clone();
                if matches!(manner, Manner::Together(_)) {
                    following = Manner::Plain;
                }
                let (mut cut, opened, closed) = (cut.subscribe(), Arc::clone(&opened), Arc::clone(&closed));
                tokio::spawn(async move {
                    if let Manner::Together(all) = &manner {
                        all.wait().await;
                    }
                    let Ok(mut server) = TcpStream::connect(node).await else { return };
                    opened.fetch_add(1, Ordering::SeqCst);
                    tokio::select! {
                        biased;
                        // Neither end is told: both are held for ever.
                        _ = cut.changed() => std::future::pending().await,
                        () = carry(&mut client, &mut server, &manner) => {}
                    }
                    closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        link
    }

    async fn udp(node: SocketAddr, peer: PeerId) -> Self {
        let front = Arc::new(UdpSocket::bind((node.ip(), 0)).await.unwrap());
        let port = front.local_addr().unwrap().port();
        let address = Multiaddr::from(node.ip()).with(Protocol::Udp(port)).with(Protocol::QuicV1);
        let link = Self::new(address, peer);
        let cut = link.cut.clone();
        tokio::spawn(async move {
            let mut clients: HashMap<SocketAddr, mpsc::UnboundedSender<Vec<u8>>> = HashMap::new();
            let mut bytes = vec![0; 65_536];
            while let Ok((len, client)) = front.recv_from(&mut bytes).await {
                let to = clients.entry(client).or_insert_with(|| {
                    let (to, mut from) = mpsc::unbounded_channel::<Vec<u8>>();
                    let (front, mut cut) = (Arc::clone(&front), cut.subscribe());
                    tokio::spawn(async move {
                        let back = UdpSocket::bind((node.ip(), 0)).await.unwrap();
                        back.connect(node).await.unwrap();
                        let mut bytes = vec![0; 65_536];
                        loop {
                            tokio::select! {
                                biased;
                                _ = cut.changed() => std::future::pending().await,
                                Some(datagram) = from.recv() => drop(back.send(&datagram).await),
                                Ok(len) = back.recv(&mut bytes) => drop(front.send_to(&bytes[..len], client).await),
                            }
                        }
                    });
                    to
                });
                let _ = to.send(bytes[..len].to_vec());
            }
        });
        link
    }

    /// Nothing more comes through for those that are connected, and neither end is told. New connections are carried.
    pub(crate) fn cut(&self) {
        self.cut.send_replace(());
    }

    /// TCP connections ever carried.
    pub(crate) fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    /// TCP connections being carried.
    pub(crate) fn open(&self) -> usize {
        self.opened() - self.closed.load(Ordering::SeqCst)
    }
}

async fn carry(client: &mut TcpStream, server: &mut TcpStream, manner: &Manner) {
    let Manner::Narrow(kib_per_s) = manner else {
        // An error is an end like any other.
        let _ = copy_bidirectional(client, server).await;
        return;
    };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let slowly = async {
        let mut bytes = [0; 1024];
        while let Ok(len) = from_server.read(&mut bytes).await {
            if len == 0 || to_client.write_all(&bytes[..len]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1_000 / kib_per_s)).await;
        }
    };
    tokio::select! {
        () = slowly => {}
        _ = copy(&mut from_client, &mut to_server) => {}
    }
}
