//! System calls that must not succeed, made for real, in every calling convention at hand.

use super::shell;

/// include/linux/socket.h.
const AF_SMC: i32 = 43;

/// Each line: what it tries, and how that went.
async fn python(script: &str) -> Vec<String> {
    let prelude = "import ctypes, errno, mmap, os, socket, struct\n\
        libc = ctypes.CDLL(None, use_errno=True)\n\
        def call(number, *arguments):\n\
        \x20   ctypes.set_errno(0)\n\
        \x20   libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in arguments])\n\
        \x20   return errno.errorcode.get(ctypes.get_errno(), 'OK')\n";
    let (told, status) = shell(&format!(
        "/usr/bin/python3 - <<'END' 2>&1\n{prelude}{script}\nEND"
    ))
    .await;
    assert!(status.success(), "{told}");
    told.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn sockets_of_other_families_are_refused_and_those_of_ip_are_not() {
    let script = format!(
        "for family in range(0, 50):\n\
         \x20   for kind in (1, 2, 3, 5, 10):\n\
         \x20       said = call({socket}, family, kind, 0)\n\
         \x20       if said == 'EPERM' or said == 'OK': print(family, kind, said)\n\
         pair = ctypes.create_string_buffer(8)\n\
         for family in (1, 30): print('pair', family, call({socketpair}, family, 1, 0, ctypes.addressof(pair)))\n\
         # The upper half is not looked at by the kernel.\n\
         print('wide', call({socket}, (7 << 32) + 17, 3, 0))",
        socket = libc::SYS_socket,
        socketpair = libc::SYS_socketpair,
    );
    let told = python(&script).await;
    for (family, kind) in [
        (libc::AF_INET, 1),
        (libc::AF_INET6, 2),
        (libc::AF_UNIX, 5),
        (libc::AF_NETLINK, 3),
    ] {
        assert!(told.contains(&format!("{family} {kind} OK")), "{told:?}");
    }
    for family in [
        libc::AF_PACKET,
        libc::AF_VSOCK,
        libc::AF_XDP,
        libc::AF_ALG,
        libc::AF_BLUETOOTH,
        libc::AF_TIPC,
        AF_SMC,
    ] {
        for kind in [1, 2, 3, 5, 10] {
            assert!(told.contains(&format!("{family} {kind} EPERM")), "{told:?}");
        }
    }
    let had: Vec<_> = told.iter().filter(|line| line.ends_with("OK")).collect();
    assert!(
        had.iter().all(|line| ["1 ", "2 ", "10 ", "16 ", "pair 1 "]
            .iter()
            .any(|ours| line.starts_with(ours))),
        "{had:?}"
    );
    assert!(told.contains(&"pair 1 OK".to_owned()), "{told:?}");
    assert!(told.contains(&"pair 30 EPERM".to_owned()), "{told:?}");
    assert!(told.contains(&"wide EPERM".to_owned()), "{told:?}");
}

#[tokio::test]
async fn netlink_is_for_routes_alone() {
    let script = format!(
        "for protocol in range(0, 22): print(protocol, call({}, 16, 3, protocol))",
        libc::SYS_socket
    );
    let told = python(&script).await;
    assert_eq!(told[0], "0 OK");
    for (protocol, line) in told.iter().enumerate().skip(1) {
        assert_eq!(*line, format!("{protocol} EPERM"));
    }
}

#[tokio::test]
async fn rings_and_other_processes_descriptors_are_refused() {
    let script = format!(
        "room = ctypes.create_string_buffer(256)\n\
         print(call({}, 8, ctypes.addressof(room)))\n\
         print(call({}, 0, 0, 0, 0, 0, 0))\n\
         print(call({}, 0, 0, 0, 0))\n\
         own = os.pidfd_open(os.getpid())\n\
         print(call({}, own, 0, 0))",
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_pidfd_getfd
    );
    assert_eq!(python(&script).await, ["EPERM"; 4]);
}

/// The host's resolver is asked for a key of this type by the kernel, as root.
#[tokio::test]
async fn keys_are_refused() {
    let script = format!(
        "kind, name = b'dns_resolver', b'weir-test.invalid'\n\
         print(call({}, *map(address_of, (b'user', name, name)), 1, -3))\n\
         print(call({}, *map(address_of, (kind, name, b'')), -3))\n\
         print(call({}, 0, -3, 0))",
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_keyctl
    );
    let script = format!(
        "def address_of(text):\n\
         \x20   return ctypes.cast(ctypes.c_char_p(text), ctypes.c_void_p).value\n{script}"
    );
    assert_eq!(python(&script).await, ["EPERM"; 3]);
}

/// The same by `int 0x80`, as a 32-bit program does it.
#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn the_calls_of_32_bit_programs_are_refused_too() {
    // push rbx; mov eax, edi; mov ebx, esi; xchg ecx, edx; int 0x80; pop rbx; ret
    let script = "code = mmap.mmap(-1, 4096, prot=7)\n\
        code.write(bytes.fromhex('5389f889f387d1cd805bc3'))\n\
        address = ctypes.addressof(ctypes.c_char.from_buffer(code))\n\
        entry = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_int] * 4)(address)\n\
        def call32(number, a=0, b=0, c=0):\n\
        \x20   said = entry(number, a, b, c)\n\
        \x20   return 'OK' if said >= 0 else errno.errorcode[-said]\n\
        print(call32(20))\n\
        print(call32(359, 2, 1, 0), call32(359, 1, 1, 0), call32(359, 16, 3, 0))\n\
        print(call32(359, 17, 3, 0), call32(359, 40, 1, 0), call32(359, 16, 3, 9), call32(102, 1, 0))\n\
        print(call32(425, 8, 0), call32(438, 0, 0, 0), call32(360, 30, 1, 0))\n\
        print(call32(54, 0, 0x5412, 0), call32(54, 0, 0x541c, 0))\n\
        print(call32(286), call32(287), call32(288), call32(366, 0, 41, 20), call32(366, 0, 6, 20))";
    let told = python(script).await;
    if told == ["ENOSYS"; 6] {
        eprintln!("this kernel serves no 32-bit calls");
        return;
    }
    assert_eq!(
        told,
        [
            "OK",
            "OK OK OK",
            "EPERM EPERM EPERM EPERM",
            "EPERM EPERM EPERM",
            "EPERM EPERM",
            "EPERM EPERM EPERM EPERM ENOTSOCK"
        ]
    );
}

/// x32 has its calls at the same architecture, far up.
#[cfg(target_arch = "x86_64")]
#[tokio::test]
async fn the_calls_of_x32_are_unknown() {
    let script = "print(call(0x40000000 + 41, 17, 3, 0), call(0x40000000 + 39), call(0x40000000 + 425, 8, 0))";
    assert_eq!(python(script).await, ["ENOSYS ENOSYS ENOSYS"]);
}
