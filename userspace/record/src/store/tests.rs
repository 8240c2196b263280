use std::os::unix::fs::symlink;

use super::*;
use crate::{
    SessionStart, Tail,
    samples::{self, id, start},
};

fn record(dir: &Path, id: SessionId) {
    samples::record(dir, &SessionStart { id, ..start() });
}

#[test]
fn newest_first_and_a_bad_one_hides_no_other() {
    let dir = samples::dir();
    let dir = dir.path();
    for second in [3, 1, 2, 5, 4, 6] {
        record(dir, id(second));
    }
    let path = |second| path_of(dir, id(second));
    let mut damaged = fs::read(path(2)).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(path(2), damaged).unwrap();
    let torn = fs::read(path(4)).unwrap();
    fs::write(path(4), &torn[..torn.len() - 1]).unwrap();
    fs::write(path(5), b"").unwrap();
    fs::copy(path(1), path(0)).unwrap();
    fs::create_dir(path(7)).unwrap();
    symlink("/dev/zero", path(8)).unwrap();
    fs::write(dir.join("notes.weir"), b"").unwrap();
    fs::write(dir.join("notes.txt"), b"").unwrap();

    let rows = list(dir).unwrap().into_iter().map(|row| match row {
        Ok(summary) => format!("{} {:?}", summary.start.id, summary.tail),
        Err(error) => error
            .to_string()
            .replace(&format!("{}/", dir.display()), ""),
    });
    let stray = " does not belong among the records: ";
    let rows = rows.collect::<Vec<_>>();
    assert_eq!(rows.len(), 10, "{rows:#?}");
    assert_eq!(rows[0], format!("{} Whole", id(6)));
    assert_eq!(
        rows[1],
        format!(
            "{}.weir is empty: its writer was stopped while making it",
            id(5)
        )
    );
    assert!(rows[2].starts_with(&format!("{} Torn", id(4))), "{rows:#?}");
    assert_eq!(rows[3], format!("{} Whole", id(3)));
    assert!(
        rows[4].ends_with("is damaged or was changed: the hash chain breaks"),
        "{rows:#?}"
    );
    assert_eq!(rows[5], format!("{} Whole", id(1)));
    assert_eq!(
        rows[6],
        format!("{}.weir{stray}it is the record of {}", id(0), id(1))
    );
    for (row, name) in rows[7..].iter().zip([id(7).to_string(), id(8).to_string()]) {
        assert_eq!(*row, format!("{name}.weir{stray}it is not a regular file"));
    }
    assert_eq!(
        rows[9],
        format!("notes.weir{stray}its name is not a session id")
    );
}

#[test]
fn a_session_in_numbers() {
    let dir = samples::dir();
    record(dir.path(), id(1));
    let summary = Summary::read(&path_of(dir.path(), id(1))).unwrap();
    let last = summary.last;
    assert!(last > 0);
    assert_eq!(
        summary,
        Summary {
            start: SessionStart {
                id: id(1),
                ..start()
            },
            database: Some("shop".to_owned()),
            commands: 2,
            refused: 1,
            asked: 1,
            observed: 0,
            rows: 2,
            masked: 1,
            last,
            end: Some(crate::End::Closed),
            tail: Tail::Whole,
            encrypted: false,
        }
    );
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["start"]["id"], id(1).to_string());
    assert_eq!(
        (&json["tail"], &json["end"]["why"]),
        (&"whole".into(), &"closed".into())
    );
}

#[test]
fn a_session_is_found_by_the_beginning_of_its_id() {
    let dir = samples::dir();
    let dir = dir.path();
    let [one, two] = ["01jd8xkq3m5f7zra", "01jd8xkq3m6f7zra"];
    for id in [one, two] {
        record(dir, id.parse().unwrap());
    }
    assert_eq!(find(dir, one).unwrap(), dir.join(format!("{one}.weir")));
    assert_eq!(
        find(dir, "01jd8xkq3m6").unwrap(),
        dir.join(format!("{two}.weir"))
    );

    let error = find(dir, "01jd8xkq3m").unwrap_err();
    let said = format!("2 sessions begin with 01jd8xkq3m, such as {two}, {one}");
    assert_eq!(error.to_string(), said);
    let FindError::Ambiguous { candidates, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(candidates.len(), 2);

    let error = find(dir, "zzz").unwrap_err();
    assert!(matches!(error, FindError::NotFound { .. }), "{error}");
    for prefix in [
        "",
        "../",
        "..",
        "*",
        "/etc/passwd",
        "01jd8xkq3m5f7zra0",
        "0l",
    ] {
        let error = find(dir, prefix).unwrap_err();
        assert!(
            matches!(error, FindError::Invalid { .. }),
            "{prefix}: {error}"
        );
    }
    let error = find(&dir.join("missing"), "0").unwrap_err();
    assert!(
        matches!(error, FindError::Directory(ReadError::Open { .. })),
        "{error}"
    );
    assert!(list(&dir.join("missing")).is_err());
}
