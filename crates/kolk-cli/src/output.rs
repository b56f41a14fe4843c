//! Everything that is printed passes here: results on standard output, notes and the live line on standard error.

use serde_json::Value;
use std::cell::RefCell;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

/// Bytes of results that are collected before they are written.
const BUFFER_BYTES: usize = 64 * 1024;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Form {
    /// Text for people.
    #[default]
    Text,
    /// JSON for programs: one document, or one per line where there may be many.
    Json,
}

/// `--output`, for commands that a script would call.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct FormArgs {
    /// How results are written
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub(crate) output: Form,
}

impl FormArgs {
    /// Whether results are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.output == Form::Json
    }
}

/// Standard output and standard error.
#[derive(Debug)]
pub(crate) struct Output {
    results: RefCell<BufWriter<Stdout>>,
    live: RefCell<LiveLine>,
}

/// The line that is redrawn.
#[derive(Debug, Default)]
struct LiveLine {
    /// Lines of the terminal that were drawn and stand below the cursor's home.
    lines: usize,
}

impl Default for Output {
    fn default() -> Self {
        let results = BufWriter::with_capacity(BUFFER_BYTES, io::stdout());
        Self { results: RefCell::new(results), live: RefCell::default() }
    }
}

impl Output {
    /// Writes a line of results.
    ///
    /// # Errors
    /// When standard output is closed, as by `| head`.
    pub(crate) fn line(&self, line: impl AsRef<[u8]>) -> io::Result<()> {
        let mut results = self.results.borrow_mut();
        results.write_all(line.as_ref())?;
        results.write_all(b"\n")
    }

    /// Writes bytes of results, as they are.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.results.borrow_mut().write_all(bytes)
    }

    /// Writes a JSON document on one line.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn json(&self, document: &Value) -> io::Result<()> {
        self.line(document.to_string())
    }

    /// Hands what was written to the system.
    ///
    /// # Errors
    /// As [`Self::line`].
    pub(crate) fn flush(&self) -> io::Result<()> {
        self.results.borrow_mut().flush()
    }

    /// Writes a note for the user, which is no result.
    pub(crate) fn note(&self, text: &str) {
        self.clear_live();
        let _ = self.flush();
        // Nobody can be told that standard error is closed.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Whether a live line can be drawn.
    pub(crate) fn is_live(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Draws `lines` in place of the ones drawn before. Only where [`Self::is_live`].
    pub(crate) fn draw_live(&self, lines: &[String]) {
        let mut live = self.live.borrow_mut();
        let mut text = up(live.lines);
        for line in lines {
            // Cut, not wrapped: a wrapped line could not be drawn over.
            text.push_str("\x1b[2K");
            text.extend(line.chars().take(terminal_columns()));
            text.push('\n');
        }
        live.lines = lines.len();
        let mut error = io::stderr().lock();
        let _ = error.write_all(text.as_bytes()).and_then(|()| error.flush());
    }

    /// Takes the live lines away.
    pub(crate) fn clear_live(&self) {
        let mut live = self.live.borrow_mut();
        if live.lines > 0 {
            let text = format!("{}\x1b[J", up(live.lines));
            live.lines = 0;
            let _ = io::stderr().lock().write_all(text.as_bytes());
        }
    }
}

/// Puts the cursor at the start of the line that is `lines` above.
fn up(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A\r") }
}

fn terminal_columns() -> usize {
    // A terminal that does not know its size says 0.
    let size = rustix::termios::tcgetwinsize(io::stderr());
    size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(100)
}
