//! The rules that neither the compiler nor clippy checks: shape and names of files, words, and the crate graph.

use crate::crates;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// No file of code is longer: split it by nouns.
const LINES_MAX: usize = 700;
/// The architecture must stay readable in one go.
const ARCHITECTURE_LINES_MAX: usize = 300;
/// Comments may run past the code's width, but not for ever.
const WIDTH_MAX: usize = 140;
/// Names that say nothing of what a module holds.
const EMPTY_NAMES: &[&str] =
    &["common", "core", "utils", "util", "types", "helpers", "helper", "manager", "misc"];

/// Checks every tracked file and the crate graph; lists all violations at once.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut problems = Vec::new();
    let files = tracked_files(root)?;
    for file in &files {
        check_file(root, file, &mut problems)?;
    }
    crates::check(root, &mut problems)?;
    if problems.is_empty() {
        println!("tidy: {} files, no problem", files.len());
        return Ok(());
    }
    for problem in &problems {
        println!("{problem}");
    }
    bail!("tidy: {} problems", problems.len());
}

fn tracked_files(root: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .context("git lists the files that tidy looks at")?;
    let names = String::from_utf8(output.stdout).context("file names are UTF-8")?;
    Ok(names
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|file| root.join(file).is_file())
        .collect())
}

fn check_file(root: &Path, file: &Path, problems: &mut Vec<String>) -> Result<()> {
    let name = file.display();
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let is_rust = file.extension().is_some_and(|extension| extension == "rs");
    if is_rust && EMPTY_NAMES.contains(&stem) {
        problems.push(format!("{name}: `{stem}` does not say what the module holds"));
    }
    let bytes = fs::read(root.join(file)).with_context(|| format!("cannot read {name}"))?;
    let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
    if file.ends_with("ARCHITECTURE.md") && text.lines().count() > ARCHITECTURE_LINES_MAX {
        problems.push(format!("{name}: more than {ARCHITECTURE_LINES_MAX} lines"));
    }
    if !is_rust {
        return Ok(());
    }
    check_rust(&name.to_string(), &text, problems);
    Ok(())
}

fn check_rust(name: &str, text: &str, problems: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > LINES_MAX {
        problems.push(format!("{name}: {lines} lines, more than {LINES_MAX}: split it"));
    }
    let is_module = name.contains("/src/");
    if is_module && !text.starts_with("//!") {
        problems.push(format!("{name}: begins without a module comment that says what it is for"));
    }
    for (number, line) in text.lines().enumerate() {
        let at = number + 1;
        if line.chars().count() > WIDTH_MAX {
            problems.push(format!("{name}:{at}: wider than {WIDTH_MAX} characters"));
        }
        if line.ends_with(' ') || line.contains('\t') {
            problems.push(format!("{name}:{at}: white space at the end, or a tab"));
        }
        // Written in two parts, so that this file does not report itself.
        for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")] {
            if line.contains(word) {
                problems.push(format!("{name}:{at}: `{word}` belongs into an issue"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(name: &str, text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        check_rust(name, text, &mut problems);
        problems
    }

    #[test]
    fn a_module_without_a_comment_is_reported() {
        assert_eq!(problems_of("a/src/b.rs", "fn f() {}\n").len(), 1);
        assert!(problems_of("a/src/b.rs", "//! What it is for.\n").is_empty());
    }

    #[test]
    fn long_files_wide_lines_and_trailing_space_are_reported() {
        assert_eq!(problems_of("a/tests/b.rs", &"\n".repeat(LINES_MAX + 1)).len(), 1);
        assert_eq!(problems_of("a/tests/b.rs", &"x".repeat(WIDTH_MAX + 1)).len(), 1);
        assert_eq!(problems_of("a/tests/b.rs", "x \n").len(), 1);
    }
}
