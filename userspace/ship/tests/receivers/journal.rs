use std::os::unix::net::UnixDatagram;

use weir_ship::{Shipper, SinkKind};

use crate::stand::{Stand, error_of, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_no_journald_takes_waits_for_one() {
    let mut stand = Stand::new();
    stand.session(3);
    let socket = stand.path("socket");
    let kind = SinkKind::Journald {
        socket: socket.clone(),
    };
    let shipper = Shipper::start(stand.shipping(kind)).unwrap();
    until("it says so", || {
        error_of(&shipper).is_some_and(|error| error.contains("journald doesn't run here"))
    });
    let journal = UnixDatagram::bind(&socket).unwrap();
    for uid in stand.expected().concat() {
        let mut bytes = vec![0; 256 << 10];
        let length = journal.recv(&mut bytes).unwrap();
        let entry = String::from_utf8_lossy(&bytes[..length]).into_owned();
        assert!(entry.contains(&format!("{uid}\n")), "{uid} in {entry}");
    }
    shipper.stop().await;
}
