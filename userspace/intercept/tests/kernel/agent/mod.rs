//! What agents do: one task a process, told by the environment, reported on stdout.

mod dns;
mod held;
mod inside;
pub(crate) mod options;
mod other;
mod process;
mod server;
mod storm;
pub(crate) mod tcp;
pub(crate) mod udp;
mod unix;
#[path = "../../bypass/trick/uring.rs"]
#[expect(dead_code, reason = "the bypass suite uses more of it")]
mod uring;

use std::{
    env,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpListener},
};

use nix::errno::Errno;

/// Not a test: the process that the tests start.
#[test]
#[ignore = "the agents' own process, which the tests start"]
fn process() {
    let task = env::var("WEIR_TEST_TASK").expect("a task");
    let args = env::var("WEIR_TEST_ARGS").expect("arguments");
    let args: Vec<&str> = args.split_whitespace().collect();
    match (task.as_str(), args.as_slice()) {
        ("connect", [to]) => tcp::connect(to),
        ("many", [count, to @ ..]) => tcp::many(count.parse().expect("a count"), to),
        ("nonblocking", [to]) => tcp::nonblocking(to),
        ("fastopen", [to]) => tcp::fastopen(to),
        ("reconnect", [first, second]) => tcp::reconnect(first, second),
        ("from", [source, to]) => tcp::from(source, to),
        ("device", [device, to]) => tcp::device_bound(device, to),
        ("routed", [hop, to]) => tcp::routed(hop, to),
        ("ask", [to]) => other::ask(to),
        ("ask-connected", [to]) => other::ask_connected(to),
        ("join", [number]) => options::join(number),
        ("options", [to]) => options::others(to),
        ("socket", [domain, kind, protocol]) => other::socket(domain, kind, protocol),
        ("bind", [at]) => say("bind", outcome(TcpListener::bind(address(at)).map(drop))),
        ("listen", [at]) => other::listen(at),
        ("handed", [cgroup, to]) => tcp::handed(cgroup, to),
        ("segments", [hop, to]) => tcp::segments(hop, to),
        ("ping", [domain, protocol]) => other::ping(domain, protocol),
        ("flood", [count, to]) => other::flood(count, to),
        ("foreign", [to]) => tcp::foreign(to),
        ("again", [to]) => tcp::again(to),
        ("leaderless", [to]) => process::leaderless(to),
        ("inside", [path, to]) => inside::dial_from(path, to),
        ("inside-asks", [path, to]) => inside::ask_from(path, to),
        ("loopback-later", [to]) => inside::loopback_later(to),
        ("own-user", [to]) => inside::own_user(to),
        ("own-user-dials", [to]) => inside::dial(to),
        ("crowd", [count]) => inside::crowd(count),
        ("dialled", [tcp, udp]) => held::dialled(tcp, udp),
        ("take", [name]) => held::take(name, None),
        ("take", [name, to]) => held::take(name, Some(to)),
        ("inner", []) => held::inner(),
        ("hoard", [count]) => held::hoard(count),
        ("accepting", [at]) => held::accepting(at),
        ("turned", [to, source, device]) => tcp::turned(to, source, device),
        ("freebound", [source, to]) => tcp::freebound(source, to),
        ("dns", [family, steps @ ..]) => dns::script(family, steps),
        ("fickle", [sockets, each, to @ ..]) => udp::fickle(sockets, each, to),
        ("dns-shared", [to]) => dns::shared(to),
        ("dns-resolve", [name]) => dns::resolve(name),
        ("dns-command", command) => dns::command(command),
        ("dns-storm", [sockets, each, to @ ..]) => dns::storm(sockets, each, to),
        ("dns-asking", [sockets, to @ ..]) => dns::asking(sockets, to),
        ("dns-shouting", [sockets, to @ ..]) => dns::shouting(sockets, to),
        ("dns-joined", [cgroup, to @ ..]) => dns::joined(cgroup, to),
        ("echo", [at]) => server::echo(at),
        ("echo-apart", [at, more]) => server::echo_apart(at, more),
        ("early", [from, to]) => server::early(from, to),
        ("datagram-from", [from, to]) => server::datagram_from(from, to),
        ("left-with", [port]) => server::left_with(port),
        ("bind-datagram", [at]) => server::bind_datagram(at),
        ("storm", [count, to]) => storm::storm(count, to),
        ("reset-storm", [agent, count, first, ports]) => {
            storm::resets(agent, count, first, ports);
        }
        ("witness", [pin_dir, cgroup]) => crate::storm::witness(pin_dir, cgroup),
        ("unix", [kind, names @ ..]) => unix::dial(kind, names),
        ("unix-joined", [cgroup, kind, name]) => unix::joined(cgroup, kind, name),
        ("unix-namespaced", [kind, name]) => unix::namespaced(kind, name),
        ("unix-remounted", [target, name]) => unix::remounted(target, name),
        ("unix-own", [path]) => unix::own(path),
        ("engine", [pin_dir, rest @ ..]) => crate::restart::engine(pin_dir, rest),
        _ => panic!("no such task: {task} {args:?}"),
    }
}

/// One line that the test finds among the runner's own.
pub(crate) fn say(key: &str, value: impl std::fmt::Display) {
    println!("\n={key} {value}");
    io::stdout().flush().expect("a reader");
}

/// Waits until the test lets go of us.
pub(crate) fn wait() {
    let _all = io::stdin().read_to_end(&mut Vec::new());
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address and port")
}

/// What a system call gave, as an error if it is one.
fn done(returned: i32) -> io::Result<()> {
    if returned < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn outcome(result: io::Result<()>) -> String {
    match result {
        Ok(()) => "OK".to_owned(),
        Err(error) => error.raw_os_error().map_or_else(
            || format!("{:?}", error.kind()),
            |number| format!("{:?}", Errno::from_raw(number)),
        ),
    }
}
