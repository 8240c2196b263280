//! What can't be recorded isn't forwarded: records on a file system that is soon full.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use weir_record::End;

use crate::stand::{Stand, config_text, server};

/// A small file system over a directory, gone when dropped.
struct Small(PathBuf);

impl Small {
    fn over(directory: &Path, size: &str) -> Self {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .unwrap();
        let options = format!("size={size},mode=0700");
        mount(
            Some("none"),
            directory,
            Some("tmpfs"),
            MsFlags::empty(),
            Some(options.as_str()),
        )
        .unwrap();
        Self(directory.to_owned())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        umount2(&self.0, MntFlags::MNT_DETACH).ok();
    }
}

#[test]
fn a_full_disk_stops_traffic_before_anything_goes_unrecorded() {
    let server = server();
    let mut small = None;
    let stand = Stand::with(|state, cgroup| {
        small = Some(Small::over(&state.join("records"), "512k"));
        let text = config_text(state, cgroup, &server);
        format!("{text}\n[records]\nreserve = \"64KiB\"\n")
    });
    let small = small.unwrap();
    let psql = |statements: &[&str]| stand.psql_each("127.0.0.1", &server, statements);
    // What is read at once of it would not go into the reserve.
    let much = "SELECT md5(i::text) || md5((-i)::text) FROM generate_series(1, 200000) AS g (i)";
    let fills = psql(&[much, "SELECT 'after it was full'"]);
    assert!(!fills.status.success());
    let told = fills.stderr_text();
    assert!(
        told.contains("can't be recorded") && told.contains("no room"),
        "{told}"
    );
    // The reserve has held what the session still had to say.
    let ended = stand.ended(1);
    assert!(
        matches!(&ended[0].end, Some(End::Error { message }) if message.contains("no room")),
        "{ended:?}"
    );
    // To the last byte, by whatever else is on it.
    let other = small.0.join("other");
    assert!(std::fs::write(&other, vec![0; 1 << 20]).is_err());
    let refused = || {
        let refused = psql(&["SELECT 'while it is full'"]);
        assert!(!refused.status.success());
        refused.stderr_text()
    };
    // The first may only find out, and is cut off.
    assert!((0..50).any(|_| {
        let told = refused().contains("can't be recorded");
        std::thread::sleep(Duration::from_millis(100));
        told
    }));
    let received = server.received().unwrap().join("\n");
    assert!(
        !received.contains("it was full") && !received.contains("it is full"),
        "{received}"
    );
    // With room again it goes on by itself, as soon as it has looked.
    std::fs::remove_file(other).unwrap();
    for summary in ended {
        let file = format!("{}.weir", summary.start.id);
        std::fs::remove_file(small.0.join(file)).unwrap();
    }
    let again = || psql(&["SELECT 'again'"]).stdout_text().trim() == "again";
    assert!((0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        again()
    }));
}
