//! Building what is measured: the rivals, each by its own means, and Kolk itself.

use crate::job::{Engine, Engines};
use crate::kafka::VERSION;
use crate::place::Place;
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Builds the program around librdkafka, which is no member of the workspace; returns where it is.
pub(crate) fn librdkafka(place: &Place) -> Result<PathBuf> {
    println!("building bench/rivals/librdkafka");
    let target = place.target.join("rivals");
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--quiet", "--manifest-path"]);
    cargo.arg(place.root.join("bench/rivals/librdkafka/Cargo.toml"));
    cargo.env("CARGO_TARGET_DIR", &target);
    run(&mut cargo)?;
    Ok(target.join("release/rival-librdkafka"))
}

/// Fetches and compiles what these engines need.
pub(crate) fn engines(place: &Place, wanted: &[Engine]) -> Result<Engines> {
    let mut engines = Engines::default();
    if wanted.contains(&Engine::Streams) {
        println!("building bench/rivals/streams");
        let script = place.root.join("bench/rivals/streams/build.sh");
        engines.streams = run(Command::new(script).arg(VERSION))?;
    }
    if wanted.contains(&Engine::Kolk) {
        engines.kolk = kolk(place, &[])?;
    }
    Ok(engines)
}

/// Builds the command `kolk` with the bench's own profile, and with these features.
pub(crate) fn kolk(place: &Place, features: &[&str]) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(&place.root).args(["build", "--quiet", "--package", "kolk-cli"]);
    cargo.args(features);
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    if profile == "release" {
        cargo.arg("--release");
    }
    println!("building kolk ({profile})");
    run(&mut cargo)?;
    Ok(place.target.join(profile).join("kolk"))
}

/// Runs a command to its end; returns what it printed.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
