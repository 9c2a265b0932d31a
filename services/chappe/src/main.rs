//! `chappe`: the one binary. It parses, wires and prints; everything else lives in the libraries.

mod capture;
mod cli;
mod client;
mod command;
mod credentials;
mod demo;
mod import;
mod mesh;
mod output;
mod resource;
mod settings;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return cli::failed(&anyhow::Error::new(error).context("cannot start the runtime")),
    };
    match runtime.block_on(command::run(cli)) {
        Ok(code) => code,
        Err(error) => cli::failed(&error),
    }
}
