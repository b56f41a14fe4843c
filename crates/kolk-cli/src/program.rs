//! A program from disk: a `.sql` file or a folder of them, compiled.

use crate::failure::{Failure, SqlErrors};
use kolk_sql::{Program, Session, Source, compile};
use std::fs;
use std::path::{Path, PathBuf};

/// A compiled program and the application that it makes.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The application's name.
    pub(crate) app: String,
    /// Plans.
    pub(crate) program: Program,
}

/// Loads and compiles `path`: a file, or all `*.sql` files of a folder in the order of their names. Without `app` the
/// application is called as the file (without `.sql`) or folder.
///
/// # Errors
/// [`Failure`] for files that cannot be read, [`SqlErrors`] with all that is wrong with the statements.
pub(crate) fn load(path: &Path, app: Option<&str>) -> anyhow::Result<Loaded> {
    let sources = sources(path)?;
    let app = match app {
        Some(app) => app.to_owned(),
        None => name_of(path)?,
    };
    check_name(&app)?;
    let program = compile(&sources, &session(&app)).map_err(SqlErrors)?;
    Ok(Loaded { app, program })
}

/// Compiles text that is part of the binary.
///
/// # Errors
/// [`SqlErrors`].
pub(crate) fn load_text(app: &str, name: &str, text: &str) -> anyhow::Result<Loaded> {
    let program = compile(&[Source::new(name, text)], &session(app)).map_err(SqlErrors)?;
    Ok(Loaded { app: app.to_owned(), program })
}

fn session(app: &str) -> Session {
    Session { connectors: kolk_connectors::ALL, ..Session::new(app) }
}

fn sources(path: &Path) -> anyhow::Result<Vec<Source>> {
    if !path.is_dir() {
        return Ok(vec![source(path)?]);
    }
    let entries = fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(Failure::usage(format!("there is no .sql file in {}", path.display())).into());
    }
    files.iter().map(|path| source(path)).collect()
}

fn source(path: &Path) -> anyhow::Result<Source> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Ok(Source::new(path.display().to_string(), text))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read {}: {error}", path.display()))
        .help("a .sql file, or a folder of them, is needed")
}

fn name_of(path: &Path) -> anyhow::Result<String> {
    // `.` and `folder/..` have no name of their own.
    let path = path.canonicalize().map_err(|error| unreadable(path, &error))?;
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    let name = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(name)
}

/// Groups, transactional ids and internal topics begin with the name, so it must be fit for a topic's.
pub(crate) fn check_name(app: &str) -> Result<(), Failure> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if !app.is_empty() && app.len() <= 100 && app.chars().all(fits) {
        return Ok(());
    }
    Err(Failure::usage(format!("`{app}` cannot be the name of an application"))
        .help("give one with --app: letters, digits, `.`, `_` and `-`, at most 100"))
}
