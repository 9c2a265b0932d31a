use std::{
    net::TcpListener,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// Below the range Linux hands out to outgoing connections: none of them takes the port of a process that is down.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;
/// Distance between the ports of two runs at the same time.
const APART: u32 = 211;

/// A port nobody listens on, and that is given to nobody else in this run.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let turn = GIVEN.fetch_add(1, Ordering::Relaxed);
        assert!(turn < COUNT, "no port is free");
        let port = FIRST + (process::id().wrapping_mul(APART).wrapping_add(turn)) % COUNT;
        let port = u16::try_from(port).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
