//! What can't be recorded isn't forwarded: records on a file system that is soon full.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::stand::{Stand, server};

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
    let stand = Stand::over(&server);
    let small = Small::over(stand.engine().records(), "256k");
    let psql = |statements: &[&str]| stand.psql_each("127.0.0.1", &server, statements);
    let fills = psql(&["SELECT repeat('x', 1000000)", "SELECT 'after it was full'"]);
    assert!(!fills.status.success());
    let told = fills.stderr_text();
    assert!(
        told.contains("can't be recorded") && told.contains("no room"),
        "{told}"
    );
    assert!(
        !fills.stdout_text().contains("xxx"),
        "what isn't on record isn't shown"
    );
    let refused = psql(&["SELECT 'while it is full'"]).stderr_text();
    assert!(refused.contains("can't be recorded"), "{refused}");
    let received = server.received().unwrap().join("\n");
    assert!(
        !received.contains("it was full") && !received.contains("it is full"),
        "{received}"
    );
    // With room again it goes on by itself.
    for entry in std::fs::read_dir(&small.0).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert_eq!(psql(&["SELECT 'again'"]).stdout_text().trim(), "again");
}
