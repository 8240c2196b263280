//! From rules to a filter in classic BPF, as seccomp(2) runs it over `struct seccomp_data`.
//!
//! A filter tells a call by its arguments' bits alone: the kernel takes the lower halves of those
//! looked at here, so the lower halves are what is compared.

use nix::errno::Errno;

use super::calls::{
    Call, Convention, FAMILIES, JOINS, NETLINK, NETLINK_ROUTE, Rule, TERMINAL_INPUT,
};

/// Offsets in `struct seccomp_data`, linux/seccomp.h.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

/// The filter: one block a convention, and a refusal for every other.
pub(super) fn program(conventions: &[Convention]) -> Vec<libc::sock_filter> {
    let mut program = vec![load(ARCH)];
    for convention in conventions {
        program.extend(unless(convention.arch, block(convention)));
    }
    program.push(refuse(Errno::EPERM));
    program
}

/// All calls of one convention; never left but by an answer.
fn block(convention: &Convention) -> Vec<libc::sock_filter> {
    let mut block = vec![load(NUMBER)];
    if let Some(end) = convention.end {
        block.push(jump(libc::BPF_JGE, end, 0, 1));
        // What a kernel says that does not serve them.
        block.push(refuse(Errno::ENOSYS));
    }
    for Call { number, rule } in convention.calls {
        block.extend(unless(*number, body(*rule)));
    }
    block.push(allow());
    block
}

/// One call; never left but by an answer.
fn body(rule: Rule) -> Vec<libc::sock_filter> {
    match rule {
        Rule::Refused => vec![refuse(Errno::EPERM)],
        Rule::Socket => {
            let mut body = vec![argument(0)];
            body.extend(
                FAMILIES
                    .iter()
                    .flat_map(|family| unless(*family, [allow()])),
            );
            let mut netlink = vec![argument(2)];
            netlink.extend(unless(NETLINK_ROUTE, [allow()]));
            body.extend(unless(NETLINK, netlink));
            body.push(refuse(Errno::EPERM));
            body
        }
        Rule::Ioctl => {
            let mut body = vec![argument(1)];
            let requests = TERMINAL_INPUT.iter();
            body.extend(requests.flat_map(|request| unless(*request, [refuse(Errno::EPERM)])));
            body.push(allow());
            body
        }
        Rule::SetOption => {
            let mut body = vec![argument(1)];
            for (level, options) in JOINS {
                let mut at_level = vec![argument(2)];
                let refusals = options.iter();
                at_level
                    .extend(refusals.flat_map(|option| unless(*option, [refuse(Errno::EPERM)])));
                at_level.push(allow());
                body.extend(unless(level, at_level));
            }
            body.push(allow());
            body
        }
    }
}

/// Skips what follows unless the value just loaded is this one.
fn unless(value: u32, then: impl IntoIterator<Item = libc::sock_filter>) -> Vec<libc::sock_filter> {
    let mut instructions: Vec<_> = then.into_iter().collect();
    match u8::try_from(instructions.len()) {
        Ok(length) => {
            instructions.insert(0, jump(libc::BPF_JEQ, value, 0, length));
            instructions
        }
        // Too far to jump over: no rule is as long, and one that were would let nothing through.
        Err(_) => vec![refuse(Errno::EPERM)],
    }
}

/// The lower half of an argument.
fn argument(index: u32) -> libc::sock_filter {
    let half = if cfg!(target_endian = "little") { 0 } else { 4 };
    load(ARGUMENTS + 8 * index + half)
}

fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0)
}

fn jump(condition: u32, value: u32, met: u8, unmet: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | condition | libc::BPF_K, value, met, unmet)
}

fn allow() -> libc::sock_filter {
    answer(libc::SECCOMP_RET_ALLOW)
}

/// Errors lie in the low half of the answer.
fn refuse(errno: Errno) -> libc::sock_filter {
    let number = (errno as i32).cast_unsigned();
    answer(libc::SECCOMP_RET_ERRNO | number)
}

fn answer(value: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, value, 0, 0)
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    // Codes are 16 bits wide; libc's constants are wider than they need be. 0 is a load that the
    // kernel refuses.
    let code = u16::try_from(code).unwrap_or(0);
    libc::sock_filter { code, jt, jf, k }
}
