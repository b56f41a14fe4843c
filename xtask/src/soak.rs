//! `cargo xtask soak`: the whole fault matrices, by the tests of `kolk-cli` that CI runs a part of.
//!
//! The extent travels in variables of the environment, the table comes back in a file.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Where the tables go; the lines between a table's markers are replaced.
const DOCS: &str = "docs/faults.md";
const END: &str = "<!-- end of table -->";

/// A matrix: the test that runs it, and what it leaves.
#[derive(Debug)]
struct Matrix {
    /// The test binary, and what it is built with.
    binary: &'static str,
    features: &'static str,
    test: &'static str,
    /// The variable that says where the table goes.
    variable: &'static str,
    /// The line in front of the table.
    begin: &'static str,
}

/// Delivery, state, and stores.
const MATRICES: [Matrix; 3] = [
    Matrix {
        binary: "faults",
        features: "failpoints",
        test: "every_mode_keeps_its_promise_through_every_fault",
        variable: "KOLK_SOAK_TABLE",
        begin: "<!-- table: written by `cargo xtask soak --write-docs` -->",
    },
    Matrix {
        binary: "faults",
        features: "failpoints",
        test: "stateful::state_is_what_an_oracle_makes_of_the_input_through_every_fault",
        variable: "KOLK_SOAK_STATE_TABLE",
        begin: "<!-- table of state: written by `cargo xtask soak --write-docs` -->",
    },
    Matrix {
        binary: "stores",
        features: "full",
        test: "every_store_has_what_the_oracle_has_through_every_fault",
        variable: "KOLK_SOAK_STORES_TABLE",
        begin: "<!-- table of stores: written by `cargo xtask soak --write-docs` -->",
    },
];

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Extent {
    seeds: u64,
    visits: u32,
    first_seed: u64,
    only: String,
    what: What,
    profile: Profile,
    docs: Docs,
}

/// Which matrices are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    All,
    Delivery,
    State,
    Stores,
}

impl What {
    fn matrices(self) -> &'static [Matrix] {
        match self {
            Self::All => &MATRICES,
            Self::Delivery => &MATRICES[..1],
            Self::State => &MATRICES[1..2],
            Self::Stores => &MATRICES[2..],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Profile {
    Release,
    Debug,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Docs {
    Leave,
    Write,
}

impl Extent {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut extent = Self {
            seeds: 3,
            visits: 100_000,
            first_seed: 1,
            only: String::new(),
            what: What::All,
            profile: Profile::Release,
            docs: Docs::Leave,
        };
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            let mut value = || rest.next().with_context(|| format!("{name} needs a value"));
            match name.as_str() {
                "--seeds" => extent.seeds = value()?.parse().context("--seeds N")?,
                "--visits" => extent.visits = value()?.parse().context("--visits N")?,
                "--seed" => extent.first_seed = value()?.parse().context("--seed S")?,
                "--only" => value()?.clone_into(&mut extent.only),
                "--state" => extent.what = What::State,
                "--stores" => extent.what = What::Stores,
                "--delivery" => extent.what = What::Delivery,
                "--debug" => extent.profile = Profile::Debug,
                "--write-docs" => extent.docs = Docs::Write,
                _ => bail!("soak has no option `{name}`"),
            }
        }
        if extent.seeds == 0 || extent.visits == 0 {
            bail!("without seeds or visits there is nothing to do");
        }
        Ok(extent)
    }

    fn command(&self, root: &Path, matrix: &Matrix, table: &Path) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(root).args(["test", "--quiet", "-p", "kolk-cli"]);
        command.args(["--test", matrix.binary, "--features", matrix.features]);
        if self.profile == Profile::Release {
            command.arg("--release");
        }
        command.args(["--", "--exact", "--nocapture", matrix.test]);
        command.env("KOLK_SOAK_SEEDS", self.seeds.to_string());
        command.env("KOLK_SOAK_VISITS", self.visits.to_string());
        command.env("KOLK_SOAK_SEED", self.first_seed.to_string());
        command.env("KOLK_SOAK_ONLY", &self.only);
        command.env(matrix.variable, table);
        command
    }
}

/// Runs the matrices.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let extent = Extent::parse(arguments)?;
    let mut sound = true;
    for matrix in extent.what.matrices() {
        sound &= run_matrix(root, &extent, matrix)?;
    }
    if !sound {
        bail!(
            "some cases failed; each is repeated by `cargo xtask soak --seeds 1 --seed S --visits {} --only NAME`, with \
             --state for one with state, --stores for one of a store, --delivery for another",
            extent.visits
        );
    }
    Ok(())
}

/// Whether all its cases have passed.
fn run_matrix(root: &Path, extent: &Extent, matrix: &Matrix) -> Result<bool> {
    let table = root.join("target/faults.md");
    let _ = fs::remove_file(&table);
    let status = extent.command(root, matrix, &table).status().context("cannot start cargo")?;
    let rows = fs::read_to_string(&table).context("the matrix has left no table")?;
    println!("\n{rows}");
    if extent.docs == Docs::Write {
        let file = root.join(DOCS);
        let page = fs::read_to_string(&file).with_context(|| format!("cannot read {DOCS}"))?;
        fs::write(&file, with_table(&page, matrix.begin, &rows)?)?;
        println!("the table is in {DOCS}");
    }
    Ok(status.success())
}

fn with_table(page: &str, begin: &str, rows: &str) -> Result<String> {
    let (before, rest) =
        page.split_once(begin).with_context(|| format!("{DOCS} has no line `{begin}`"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{DOCS} has no line `{END}`"))?;
    Ok(format!("{before}{begin}\n\n{}\n\n{END}{after}", rows.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Extent> {
        Extent::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_and_others_refused() {
        let extent = parsed("--seeds 2 --visits 500 --seed 9 --only late --debug").unwrap();
        assert_eq!((extent.seeds, extent.visits, extent.first_seed), (2, 500, 9));
        assert_eq!(
            (extent.only.as_str(), extent.profile, extent.docs),
            ("late", Profile::Debug, Docs::Leave)
        );
        assert_eq!(parsed("--state").unwrap().what, What::State);
        assert_eq!(parsed("--stores").unwrap().what, What::Stores);
        assert!(parsed("--seeds").is_err());
        assert!(parsed("--seeds 0").is_err());
        assert!(parsed("--speed 1").is_err());
    }

    #[test]
    fn only_the_table_is_replaced() {
        let [one, other, _] = MATRICES.map(|matrix| matrix.begin);
        let page = format!("a\n{one}\nold\n{END}\nb\n{other}\nold\n{END}\nc\n");
        let written = with_table(&page, other, "| new |\n").unwrap();
        let expected = format!("a\n{one}\nold\n{END}\nb\n{other}\n\n| new |\n\n{END}\nc\n");
        assert_eq!(written, expected);
        assert_eq!(with_table(&written, other, "| new |").unwrap(), written);
        assert!(with_table("no markers", one, "").is_err());
    }

    #[test]
    fn the_page_has_the_markers() {
        let page =
            fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md")).unwrap();
        assert!(MATRICES.iter().all(|matrix| with_table(&page, matrix.begin, "").is_ok()));
    }
}
