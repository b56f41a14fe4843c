//! `cargo xtask soak`: the whole fault matrix, by the tests of `kolk-cli` that CI runs a part of.
//!
//! The extent travels in variables of the environment, the table comes back in a file.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Where the table goes; the lines between the markers are replaced.
const DOCS: &str = "docs/faults.md";
const BEGIN: &str = "<!-- table: written by `cargo xtask soak --write-docs` -->";
const END: &str = "<!-- end of table -->";
/// The test that runs the matrix.
const TEST: &str = "every_mode_keeps_its_promise_through_every_fault";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Extent {
    seeds: u64,
    visits: u32,
    first_seed: u64,
    only: String,
    profile: Profile,
    docs: Docs,
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

    fn command(&self, root: &Path, table: &Path) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(root).args(["test", "--quiet", "-p", "kolk-cli", "--test", "faults"]);
        if self.profile == Profile::Release {
            command.arg("--release");
        }
        command.args(["--", "--exact", "--nocapture", TEST]);
        command.env("KOLK_SOAK_SEEDS", self.seeds.to_string());
        command.env("KOLK_SOAK_VISITS", self.visits.to_string());
        command.env("KOLK_SOAK_SEED", self.first_seed.to_string());
        command.env("KOLK_SOAK_ONLY", &self.only);
        command.env("KOLK_SOAK_TABLE", table);
        command
    }
}

/// Runs the matrix.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let extent = Extent::parse(arguments)?;
    let table = root.join("target/faults.md");
    let _ = fs::remove_file(&table);
    let status = extent.command(root, &table).status().context("cannot start cargo")?;
    let rows = fs::read_to_string(&table).context("the matrix has left no table")?;
    println!("\n{rows}");
    if extent.docs == Docs::Write {
        let file = root.join(DOCS);
        let page = fs::read_to_string(&file).with_context(|| format!("cannot read {DOCS}"))?;
        fs::write(&file, with_table(&page, &rows)?)?;
        println!("the table is in {DOCS}");
    }
    if !status.success() {
        bail!(
            "some cases failed; each is repeated by `cargo xtask soak --seeds 1 --seed S --visits {} --only NAME`",
            extent.visits
        );
    }
    Ok(())
}

fn with_table(page: &str, rows: &str) -> Result<String> {
    let (before, rest) =
        page.split_once(BEGIN).with_context(|| format!("{DOCS} has no line `{BEGIN}`"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{DOCS} has no line `{END}`"))?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", rows.trim()))
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
        assert!(parsed("--seeds").is_err());
        assert!(parsed("--seeds 0").is_err());
        assert!(parsed("--speed 1").is_err());
    }

    #[test]
    fn only_the_table_is_replaced() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let written = with_table(&page, "| new |\n").unwrap();
        assert_eq!(written, format!("a\n{BEGIN}\n\n| new |\n\n{END}\nb\n"));
        assert_eq!(with_table(&written, "| new |").unwrap(), written);
        assert!(with_table("no markers", "").is_err());
    }

    #[test]
    fn the_page_has_the_markers() {
        let page =
            fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md")).unwrap();
        assert!(with_table(&page, "").is_ok());
    }
}
