//! The processes that the suite starts: agents that try to get around, and their accomplices.

use std::{
    env,
    io::{self, BufRead as _, Write as _},
};

use nix::errno::Errno;

use crate::{aim::Aim, storm, vector::Attempt, vectors};

/// Not a test: the process that the suite starts.
#[test]
#[ignore = "the agents' own process, which the suite starts"]
fn process() {
    let variable = |name: &str| env::var(name).expect("started by the suite");
    let aim = Aim::decode(&variable("WEIR_BYPASS_AIM"));
    let act = match variable("WEIR_BYPASS_ROLE").as_str() {
        "storm" => storm::agent::run,
        "giver" => storm::agent::give,
        "agent" => named_attempt().act,
        _ => named_attempt().accomplice.expect("an accomplice"),
    };
    let end = match act(&aim) {
        Ok(()) => "OK".to_owned(),
        Err(error) => named(&error),
    };
    say("end", end);
}

fn named_attempt() -> &'static Attempt {
    let name = env::var("WEIR_BYPASS_ATTEMPT").expect("started by the suite");
    vectors::all()
        .find(|(vector, attempt)| name == format!("{}/{}", vector.name, attempt.name))
        .map(|(_, attempt)| attempt)
        .expect("an attempt of this name")
}

/// One line that the suite finds among the runner's own.
pub(crate) fn say(key: &str, value: impl std::fmt::Display) {
    println!("\n={key} {value}");
    io::stdout().flush().expect("a reader");
}

/// Says that the attempt got hold of what it should not, where no witness can see it.
pub(crate) fn got(what: impl std::fmt::Display) {
    say("got", what);
}

/// Asks the suite for something, and waits until it has been done.
pub(crate) fn ask(what: impl std::fmt::Display) -> String {
    say("ask", what);
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .expect("an answer");
    answer.trim_end().to_owned()
}

/// An error in the kernel's word for it.
pub(crate) fn named(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(
        || format!("{:?}: {error}", error.kind()).replace('\n', " "),
        |number| format!("{:?}", Errno::from_raw(number)),
    )
}
