//! `kolk completion`: a script that makes a shell complete the command line.

use crate::arguments::Arguments;
use crate::session::Context;
use clap::CommandFactory;
use clap_complete::Shell;

/// Print a script that completes `kolk` in a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  kolk completion bash > ~/.local/share/bash-completion/completions/kolk
  kolk completion zsh > ~/.zfunc/_kolk
  kolk completion fish > ~/.config/fish/completions/kolk.fish")]
pub(crate) struct Options {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn run(options: &Options, context: &Context) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "kolk", &mut script);
    Ok(context.out.bytes(&script)?)
}
