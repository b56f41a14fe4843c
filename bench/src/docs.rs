//! Tables into the documentation, between markers.

use crate::place::Place;
use anyhow::{Context, Result, ensure};
use std::fs;

/// The page.
const PAGE: &str = "docs/performance.md";

/// Replaces what stands between the markers of `name`.
pub(crate) fn write(place: &Place, name: &str, text: &str) -> Result<()> {
    let path = place.root.join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    fs::write(&path, replaced(&page, name, text)?)?;
    println!("written to {PAGE}");
    Ok(())
}

fn replaced(page: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) =
        (format!("<!-- bench {name}: begin -->"), format!("<!-- bench {name}: end -->"));
    let (before, rest) = page.split_once(&begin).context("the page lacks the first marker")?;
    let (_, after) = rest.split_once(&end).context("the page lacks the second marker")?;
    ensure!(!after.contains(&begin), "the page has the markers of {name} twice");
    Ok(format!("{before}{begin}\n{}\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let page = "a\n<!-- bench x: begin -->\nold\n<!-- bench x: end -->\nb\n";
        let new = replaced(page, "x", "new\n").unwrap();
        assert_eq!(new, "a\n<!-- bench x: begin -->\nnew\n<!-- bench x: end -->\nb\n");
        assert!(replaced(page, "y", "new").is_err());
    }
}
