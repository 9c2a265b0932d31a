//! Compiles the contracts without protoc, and the edge list into a table.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

const ROOT: &str = "../../proto";
const EDGES: &str = "../../helm/chappe/files/edges.yaml";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={ROOT}");
    println!("cargo:rerun-if-changed={EDGES}");
    let mut files = Vec::new();
    collect(&PathBuf::from(ROOT).join("chappe"), &mut files)?;
    files.sort();
    let descriptors = protox::compile(&files, [ROOT])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    fs::write(out.join("edges.rs"), table(Path::new(EDGES))?)?;
    Ok(())
}

/// The edge list as a slice of `Edge`. The file is YAML of one fixed form, so that a parser would be out of proportion:
/// a line of any other form ends the build, and a test compares the table with the file as YAML.
fn table(path: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let text = fs::read_to_string(path)?;
    let (mut from, mut to) = ("", "");
    let mut rows = String::from("&[\n");
    for line in text.lines() {
        if let Some(caller) = line.strip_prefix("  - from: ") {
            from = caller;
        } else if let Some(called) = line.strip_prefix("    to: ") {
            to = called;
        } else if let Some(method) = line.strip_prefix("      - ") {
            writeln!(rows, "Edge {{ from: {from:?}, to: {to:?}, method: {method:?} }},")?;
        } else if !matches!(line.trim(), "edges:" | "methods:" | "") && !line.trim().starts_with('#') {
            return Err(format!("{}: not a line of the edge list: {line}", path.display()).into());
        }
    }
    rows.push(']');
    Ok(rows)
}

fn collect(directory: &PathBuf, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
