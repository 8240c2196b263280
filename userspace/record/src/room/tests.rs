use super::*;
use crate::samples;

#[test]
fn the_reserve_is_given_up_once_and_taken_again_where_there_is_room() {
    let dir = samples::dir();
    let room = Room::new(dir.path(), 1 << 20);
    let file = dir.path().join("reserve");
    assert_eq!(fs::metadata(&file).unwrap().len(), 1 << 20);
    assert!(!room.is_tight());

    assert!(room.give_up());
    assert!(room.is_tight() && !file.exists());
    assert!(!room.give_up(), "there is no second one");
    room.look();
    assert!(!room.is_tight() && file.exists());
}

#[test]
fn no_command_is_taken_where_there_is_less_than_the_reserve() {
    let dir = samples::dir();
    // More than any disk has.
    let room = Room::new(dir.path(), 1 << 60);
    assert!(room.is_tight() && !dir.path().join("reserve").exists());
    let none = Room::new(dir.path(), 0);
    assert!(!none.is_tight());
    // A write that failed closes nothing for good.
    assert!(!none.give_up() && !none.is_tight());
}

#[test]
fn what_would_use_up_the_reserve_is_taken_only_where_there_is_room_beside_it() {
    let dir = samples::dir();
    let room = Room::new(dir.path(), 1 << 20);
    assert!(room.takes(1 << 18) && room.takes(1 << 19));
    assert!(!room.takes(1 << 60), "more than any disk has");
    assert!(!room.is_tight(), "what is smaller still finds its place");
    room.give_up();
    assert!(!room.takes(0));
    assert!(Room::new(dir.path(), 0).takes(1 << 60));
}
