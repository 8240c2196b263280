//! The programs' own debug lines.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

use crate::{SOON, bed::Bed};

/// What was written, for all to read.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn whoever_listens_hears_the_programs() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(lines.clone())
        .finish();
    let _listening = tracing::subscriber::set_default(subscriber);
    let bed = Bed::new();
    let (report, caught) = bed.run("connect", &["127.77.6.1:80"]).await;
    assert_eq!(report.get("connect"), "OK");
    let expected = format!("socket {} leaves port", caught[0].cookie);
    let heard = async {
        while !String::from_utf8_lossy(&lines.0.lock().expect("no panic")).contains(&expected) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, heard).await.expect("the line");
}
