//! Errors and plans as files, and the pages of `docs/` that are written from tables.
//!
//! `tests/errors/NAME.sql` must be refused with exactly the text of `NAME.txt`; `tests/plans/NAME.sql` must give the plan of
//! `NAME.txt`. `cargo test -p kolk-sql -- --ignored bless` writes the expected files anew; read the difference.

use kolk::schema::Schema;
use kolk::sink::connector::{Connection, ConnectorError};
use kolk::topology::{
    Aggregate, Connect, Conventions, Keyless, Kind, Node, Operator, OptionKind, OptionRow, Payload,
    Promise, Query, RowForm, Target, Topology,
};
use kolk_sql::{Session, Source, SqlError, compile, reference};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, iter};

/// Stores of these tests: one with keys, one that may change the places of rows, one that takes bytes, one that keeps positions and
/// may append, one that was left out.
static STORES: &[&Kind] = &[&TABLES, &SHARDS, &LOG, &LEDGER, &ABSENT];
const fn option(name: &'static str, kind: OptionKind, default: Option<&'static str>) -> OptionRow {
    OptionRow::new(name, kind, default, "What it says.")
}
const OPTIONS: &[OptionRow] = &[
    option("table", OptionKind::Text, None),
    option("password", OptionKind::Secret, Some("none")),
    option("ttl", OptionKind::Number(1, 9), Some("never")),
];
const fn kind(name: &'static str, keyed: bool, connect: Option<Connect>) -> Kind {
    let promise = Promise { idempotent_by_key: keyed, ordered: keyed, transactional: false };
    let (doc, keyless, rows) = ("A store.", None, RowForm::Columns);
    Kind { name, doc, options: OPTIONS, promise, keyless, rows, connect }
}
static TABLES: Kind = kind("tables", true, Some(never));
static SHARDS: Kind = kind("shards", false, Some(never));
static LOG: Kind = Kind {
    promise: Promise { idempotent_by_key: false, ordered: true, transactional: false },
    rows: RowForm::Bytes,
    ..kind("log", false, Some(never))
};
static LEDGER: Kind = Kind {
    options: &[
        option("table", OptionKind::Text, None),
        option("mode", OptionKind::Choice(&["replace", "add"]), Some("replace")),
    ],
    promise: Promise { idempotent_by_key: true, ordered: true, transactional: true },
    keyless: Some(added),
    ..kind("ledger", true, Some(never))
};
fn added(target: &Target) -> Option<Keyless> {
    let why = "what is added has no key";
    let is_added = target.option("mode") == Some("add") || target.key.is_empty();
    is_added.then_some(Keyless { option: "mode", why, instead: "mode='replace'" })
}
static ABSENT: Kind = kind("absent", true, None);
fn never(_: &Target) -> Result<Box<dyn Connection>, ConnectorError> {
    Err(ConnectorError::Never("plans are not run".to_owned()))
}

/// Files and what they should hold. A plan that is refused shows as its errors.
fn expected() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let errors = sources(&root.join("tests/errors")).map(|path| {
        let errors = compiled(&path).expect_err(&format!("{} is not refused", path.display()));
        (path.with_extension("txt"), errors.iter().map(SqlError::render).collect())
    });
    let plans = sources(&root.join("tests/plans")).map(|path| {
        let text = match compiled(&path) {
            Ok(topology) => plan(&topology),
            Err(errors) => errors.iter().map(SqlError::render).collect(),
        };
        (path.with_extension("txt"), text)
    });
    let docs = [("dialect.md", reference::dialect()), ("sql.md", reference::sql())]
        .map(|(name, text)| (root.join("../../docs").join(name), text));
    errors.chain(plans).chain(docs).collect()
}

#[test]
fn errors_plans_and_docs_are_as_expected() {
    let mut differing = Vec::new();
    for (path, text) in expected() {
        let found = fs::read_to_string(&path).unwrap_or_default();
        if found != text {
            differing.push(format!("--- {}\n{found}+++\n{text}", path.display()));
        }
    }
    assert!(
        differing.is_empty(),
        "{} files differ (if the new text is right: cargo test -p kolk-sql -- --ignored bless)\n{}",
        differing.len(),
        differing.join("\n")
    );
}

#[test]
#[ignore = "writes the expected files anew"]
fn bless() {
    for (path, text) in expected() {
        fs::create_dir_all(path.parent().expect("a file stands in a folder")).unwrap();
        fs::write(path, text).unwrap();
    }
}

#[test]
fn there_are_many_errors_and_each_says_where_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/errors");
    let mut cases = 0;
    for path in sources(&root) {
        cases += 1;
        for error in compiled(&path).expect_err("these files are refused") {
            assert!(!error.problem().labels.is_empty(), "{}: {error}", path.display());
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let (line, column) = error.position();
            let place = format!("{name}:{line}:{column}]");
            assert!(error.render().contains(&place), "{place} in\n{}", error.render());
        }
    }
    assert!(cases >= 40, "{cases}");
}

fn sources(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    paths.sort();
    paths.into_iter()
}

fn compiled(path: &Path) -> Result<Topology, Vec<SqlError>> {
    let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
    let source = Source::new(name, fs::read_to_string(path).expect("the file can be read"));
    compile(&[source], &Session { connectors: STORES, ..Session::new("app") })
        .map(|program| program.topology)
}

/// The plan, a line for each node and its columns.
fn plan(topology: &Topology) -> String {
    let mut text = String::new();
    for Query { name, nodes, conventions } in &topology.queries {
        let _ = writeln!(text, "query {name}");
        // Those of dialect kolk are in no plan, so that a new one changes few files.
        if *conventions != Conventions::default() {
            let _ = writeln!(text, "  {conventions:?}");
        }
        for Node { inputs, operator, schema } in nodes {
            let named = |columns: &[usize]| names(&nodes[inputs[0]].schema, columns);
            match operator {
                Operator::Source(source) => {
                    let _ = writeln!(text, "  {source:?}");
                }
                Operator::Filter(filter) => {
                    let _ = writeln!(text, "  Filter {filter}");
                }
                Operator::Project(expressions) => {
                    let shown: Vec<String> = iter::zip(&schema.columns, expressions)
                        .map(|(column, expression)| format!("{} = {expression}", column.name))
                        .collect();
                    let _ = writeln!(text, "  Project {}", shown.join("\n          "));
                }
                Operator::Explode(arrays) => {
                    let shown: Vec<String> = arrays.iter().map(ToString::to_string).collect();
                    let _ = writeln!(text, "  Explode {}", shown.join(", "));
                }
                Operator::Aggregate(Aggregate { group_by, windowing, calls, emit, late }) => {
                    let _ = writeln!(text, "  Aggregate by {}", named(group_by));
                    for call in calls {
                        let (arguments, constants) = (named(&call.arguments), &call.constants);
                        let function = call.function;
                        let _ = writeln!(text, "    {function}({arguments}) {constants:?}");
                    }
                    let _ = writeln!(text, "    {windowing:?} emit {emit:?} late {late:?}");
                }
                Operator::Merge
                | Operator::Join(_)
                | Operator::ForeignKey(_)
                | Operator::Process(_) => {
                    let _ = writeln!(text, "  {operator:?} of {inputs:?}");
                }
                Operator::Sink(sink) => {
                    let _ = writeln!(text, "  {sink:?}");
                    assert_slots(nodes, &sink.key);
                    assert_slots(nodes, &sink.value);
                }
            }
            let _ = writeln!(text, "    → {schema}");
        }
    }
    text
}

/// The names of columns.
fn names(schema: &Schema, columns: &[usize]) -> String {
    let names: Vec<&str> =
        columns.iter().map(|column| schema.columns[*column].name.as_str()).collect();
    names.join(", ")
}

/// Every column that a payload names is one of the sink's input.
fn assert_slots(nodes: &[Node], payload: &Payload) {
    let before = &nodes[nodes.len() - 2].schema;
    if let Payload::Encoded { columns, .. } = payload {
        assert!(columns.iter().all(|column| *column < before.columns.len()), "{payload:?}");
    }
}
