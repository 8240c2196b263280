//! A gate for flows of datagrams: a workload, one target over UDP, and the engine's way from a route
//! to the record's end. What the kernel hands on is put into a flow by the test itself.

use std::{
    fmt::Debug,
    fs, io,
    net::{SocketAddr, UdpSocket},
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{runtime::Runtime, sync::watch};
use weir_agent::{
    admit::admit_datagrams,
    config::{Config, WorkloadName},
    dns::GivenNames,
    route::Routes,
    session::{
        Kills, Switch, Watched,
        datagrams::{self, Inlet, Room, WayBack, queue},
    },
    signals::Signals,
};
use weir_policy::Policies;
use weir_record::{SessionId, SessionStart, SessionWriter, Summary};

use crate::{
    common::{start, subject},
    records,
};

/// How long anything that comes is waited for.
pub(crate) const PATIENCE: Option<Duration> = Some(Duration::from_secs(20));

pub(crate) struct DatagramGate {
    /// Where the workload sends to.
    pub(crate) dialled: SocketAddr,
    pub(crate) records: PathBuf,
    pub(crate) policies: watch::Sender<Arc<Policies>>,
    pub(crate) shutdown: watch::Sender<bool>,
    /// Ends all flows.
    pub(crate) switch: Switch,
    kills: Kills,
    config: Config,
    count: AtomicU32,
    _dir: tempfile::TempDir,
    runtime: Runtime,
}

/// A flow that is open. Its client is gone when it is dropped.
pub(crate) struct Flow {
    /// Hears what comes back.
    pub(crate) client: UdpSocket,
    inlet: Inlet,
    served: mpsc::Receiver<String>,
}

/// The way back to a client, without the kernel's programs between.
struct Back(tokio::net::UdpSocket);

impl WayBack for Back {
    async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        self.0.send(datagram).await.map(drop)
    }
}

/// A server's socket.
pub(crate) fn server() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(PATIENCE).unwrap();
    socket
}

impl DatagramGate {
    /// A gate in front of a target with these lines.
    pub(crate) fn before(server: &UdpSocket, lines: &str) -> Self {
        let upstream = server.local_addr().unwrap();
        let dialled: SocketAddr = "192.0.2.1:443".parse().unwrap();
        let text = format!(
            "[[identity]]\nname = \"tester\"\nkind = \"static\"\n[[workload]]\nname = \"test\"\n\
             cgroup = \"/weir-test\"\nidentity = \"tester\"\n[[target]]\nname = \"web\"\n\
             protocol = \"udp\"\nhosts = [\"192.0.2.1\"]\nports = [443]\n\
             upstream = \"{upstream}\"\n{lines}\n"
        );
        let dir = tempfile::tempdir().unwrap();
        let records = dir.path().join("records");
        fs::DirBuilder::new().mode(0o700).create(&records).unwrap();
        let (switch, kills) = Kills::switch();
        Self {
            dialled,
            records,
            policies: watch::Sender::new(Arc::new(Policies::shipped().unwrap())),
            shutdown: watch::Sender::new(false),
            switch,
            kills,
            config: Config::parse("weir.toml", &text).unwrap_or_else(|e| panic!("{e}")),
            count: AtomicU32::new(0),
            _dir: dir,
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    /// Opens a flow, served as the engine does.
    pub(crate) fn flow(&self) -> Flow {
        let client = server();
        let back = UdpSocket::bind("127.0.0.1:0").unwrap();
        back.connect(client.local_addr().unwrap()).unwrap();
        back.set_nonblocking(true).unwrap();
        let workload: WorkloadName = "test".parse().unwrap();
        let names = GivenNames::default();
        let route = Routes::new(&self.config).route_datagrams(&workload, self.dialled, &names);
        let passage = admit_datagrams(subject(), route).unwrap();
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let now = Timestamp::now();
        let start = SessionStart {
            id: SessionId::new(now, count),
            started: now,
            destination: self.dialled.to_string(),
            target: passage.target().map(|target| target.name.to_string()),
            protocol: passage.target().map(|target| target.protocol().to_string()),
            ..start(count)
        };
        let record = SessionWriter::create(&self.records, &start).unwrap();
        let mut watched = Watched {
            policies: self.policies.subscribe(),
            subject: watch::Sender::new(Arc::new(subject())).subscribe(),
            shutdown: self.shutdown.subscribe(),
            killed: self.kills.clone(),
            signals: Arc::new(Signals::unkept()),
            approvals: None,
        };
        let (inlet, mut outlet) = queue(Room::of(1 << 20));
        let (tell, served) = mpsc::channel();
        self.runtime.spawn(async move {
            let back = Back(tokio::net::UdpSocket::from_std(back).unwrap());
            let ends = (&mut outlet, &back);
            let served = datagrams::serve(ends, &passage, record, &mut watched).await;
            tell.send(told(&served.unwrap())).ok();
        });
        Flow {
            client,
            inlet,
            served,
        }
    }

    /// The summaries of the records that can be read, newest first.
    pub(crate) fn summaries(&self) -> Vec<Summary> {
        records::summaries(&self.records)
    }

    /// The summaries, once `count` sessions have ended.
    pub(crate) fn ended(&self, count: usize) -> Vec<Summary> {
        records::ended(&self.records, count)
    }
}

impl Flow {
    /// Sends a datagram, if the flow still takes any.
    pub(crate) fn put(&self, payload: &[u8]) {
        self.inlet.put(payload.to_vec()).ok();
    }

    /// What became of it, once it is over.
    pub(crate) fn served(&self) -> String {
        self.served.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

fn told(what: &impl Debug) -> String {
    format!("{what:?}")
}
