//! The rules of the crate graph, read from `cargo metadata`: who may use whom, which licences, which crates never.

use anyhow::{Context, Result};
use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Licences that may be linked into an Apache-2.0 binary without further duties.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Which workspace crates each may use; a new arrow gets its line in ARCHITECTURE.md first.
const ARROWS: &[(&str, &[&str])] = &[
    ("kolk-wire", &[]),
    ("kolk-broker", &["kolk-wire"]),
    ("kolk", &["kolk-wire"]),
    ("kolk-sql", &["kolk"]),
    ("kolk-connectors", &["kolk"]),
    ("kolk-cli", &["kolk-wire", "kolk-broker", "kolk", "kolk-sql", "kolk-connectors"]),
    ("bench", &["kolk-wire", "kolk-broker", "kolk", "kolk-sql"]),
    ("xtask", &[]),
];

/// Crates that the default build never has, with the reason.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "TLS is rustls: no system library to install"),
    (
        "tokio",
        "the client, the broker and the engine are synchronous; only connectors bring it, each a feature that the default build leaves out",
    ),
    ("mimalloc", "no allocator of its own before a measurement asks for one"),
];

/// Crates that only the bench may use.
const BENCH_ONLY: &[&str] = &["rdkafka", "rdkafka-sys"];

/// The wire format does no I/O and reads no clock.
const NOT_IN_WIRE: &[&str] = &["polling", "socket2", "rustls", "rustix", "libc", "mio"];

/// Appends what breaks a rule.
pub(crate) fn check(root: &Path, problems: &mut Vec<String>) -> Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .exec()
        .context("cargo metadata describes the crate graph")?;
    let whole = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .exec()
        .context("cargo metadata describes the crate graph with all features")?;
    for package in &whole.packages {
        check_licence(package, problems);
    }
    for package in &metadata.packages {
        if let Some((name, why)) = BANNED.iter().find(|(name, _)| *name == package.name.as_str()) {
            problems.push(format!("crate {name} is banned: {why}"));
        }
    }
    for (name, allowed) in ARROWS {
        check_arrows(&metadata, name, allowed, problems);
    }
    for package in metadata.workspace_packages() {
        if !ARROWS.iter().any(|(name, _)| *name == package.name.as_str()) {
            problems.push(format!("crate {} has no line in the table of arrows", package.name));
        }
    }
    check_reach(&metadata, problems);
    Ok(())
}

fn check_licence(package: &Package, problems: &mut Vec<String>) {
    let licence = package.license.as_deref().unwrap_or("none");
    // An expression is fine when, for each AND-ed part, one of its OR-ed choices is on the list.
    let fine = licence.replace('/', " OR ").split(" AND ").all(|part| {
        part.split(" OR ").any(|choice| LICENCES.contains(&choice.trim_matches(['(', ')', ' '])))
    });
    if !fine {
        problems.push(format!("crate {}: licence `{licence}` is not on the list", package.name));
    }
}

fn check_arrows(metadata: &Metadata, name: &str, allowed: &[&str], problems: &mut Vec<String>) {
    let members: BTreeSet<&str> =
        metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let Some(package) = metadata.workspace_packages().into_iter().find(|p| p.name.as_str() == name)
    else {
        problems.push(format!("crate {name} of the table of arrows is gone"));
        return;
    };
    for dependency in &package.dependencies {
        let used = dependency.name.as_str();
        let is_normal = dependency.kind == DependencyKind::Normal;
        if is_normal && members.contains(used) && !allowed.contains(&used) {
            problems.push(format!("crate {name} must not use {used}"));
        }
        if BENCH_ONLY.contains(&used) && name != "bench" {
            problems.push(format!("crate {name} must not use {used}: it is for the bench only"));
        }
    }
}

/// What the wire format reaches through others.
fn check_reach(metadata: &Metadata, problems: &mut Vec<String>) {
    let Some(resolve) = &metadata.resolve else { return };
    let names: BTreeMap<_, _> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let edges: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let Some(start) = metadata.packages.iter().find(|p| p.name.as_str() == "kolk-wire") else {
        return;
    };
    let (mut seen, mut open) = (BTreeSet::new(), vec![&start.id]);
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        if let Some(name) = names.get(id).filter(|name| NOT_IN_WIRE.contains(name)) {
            problems.push(format!("kolk-wire reaches {name}: it does no I/O"));
        }
        for dependency in edges.get(id).into_iter().flat_map(|node| &node.deps) {
            if dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal) {
                open.push(&dependency.pkg);
            }
        }
    }
}
