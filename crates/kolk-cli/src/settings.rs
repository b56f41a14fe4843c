//! Connection settings: from a file, the environment and the command line to one set of properties under Kafka's names.
//!
//! Later wins: `--config FILE`, then `KOLK_…` variables, then `--set`, then `--bootstrap-servers`. Values may contain
//! `${env:NAME}` and `${file:PATH}`; what they stand for is never printed.

use crate::environment::Environment;
use crate::failure::Failure;
use kolk::client::config::{ClientConfig, ConfigError, SETTINGS};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What variables of the environment begin with.
const PREFIX: &str = "KOLK_";
/// Variables with that prefix that are no settings.
const OWN_VARIABLES: &[&str] = &["CONFIG", "STATE_DIR", "MEMORY_MAX"];
/// A variable this many slips away from a setting's name is taken for a misspelt one; others belong to somebody else.
const SLIPS_MAX: usize = 2;
/// An address for checking settings while that of the embedded broker is not known yet.
const PLACEHOLDER: &str = "127.0.0.1:9092";

/// How to reach the cluster.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArgs {
    /// Brokers to ask first; without it the embedded broker of this folder is used [env: KOLK_BOOTSTRAP_SERVERS]
    #[arg(long, visible_alias = "bootstrap-server", value_name = "HOST:PORT,…")]
    bootstrap_servers: Option<String>,
    /// TOML file of settings under Kafka's names, flat or nested [env: KOLK_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting under Kafka's name; may be repeated. Also as a variable: KOLK_SASL_PASSWORD is sasl.password
    #[arg(long, value_name = "NAME=VALUE", aliases = ["producer-property", "consumer-property", "command-property"])]
    set: Vec<String>,
}

/// One value with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// As written, before `${…}` was resolved: what may be shown.
    written: String,
    value: String,
    /// Where it was given, for errors.
    origin: String,
}

/// Settings by name, not yet typed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Properties {
    entries: BTreeMap<String, Entry>,
}

impl ConnectionArgs {
    /// Gathers the settings from all places.
    ///
    /// # Errors
    /// [`Failure`] for a file that cannot be read, an unknown variable, or a `${…}` that stands for nothing.
    pub(crate) fn gather(&self, environment: &Environment) -> anyhow::Result<Properties> {
        let mut properties = Properties::default();
        let file =
            self.config.clone().or_else(|| environment.get("KOLK_CONFIG").map(PathBuf::from));
        if let Some(path) = file {
            properties.add_file(&path, environment)?;
        }
        properties.add_variables(environment)?;
        for pair in &self.set {
            let (name, value) = pair.split_once('=').ok_or_else(|| {
                Failure::usage(format!("`--set {pair}` has no `=`")).help("write --set NAME=VALUE")
            })?;
            properties.add(name.trim(), value, "--set", Path::new(""), environment)?;
        }
        if let Some(servers) = &self.bootstrap_servers {
            let origin = "--bootstrap-servers";
            properties.add("bootstrap.servers", servers, origin, Path::new(""), environment)?;
        }
        Ok(properties)
    }
}

impl Properties {
    /// Whether any place names a cluster; otherwise the embedded broker is meant.
    pub(crate) fn names_a_cluster(&self) -> bool {
        self.entries.contains_key("bootstrap.servers")
    }

    /// Types and checks the settings. `embedded` is the embedded broker's address.
    ///
    /// # Errors
    /// [`Failure`] that names the place where the setting at fault was given, and the nearest name of an unknown one.
    pub(crate) fn client(&self, embedded: Option<&str>) -> anyhow::Result<ClientConfig> {
        let given = self.entries.iter().map(|(name, entry)| (name.as_str(), entry.value.as_str()));
        let embedded = embedded.map(|address| ("bootstrap.servers", address));
        ClientConfig::from_properties(given.chain(embedded)).map_err(|error| self.blame(error))
    }

    /// Checks the settings as far as that is possible before the cluster's address is known.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let placeholder = Some(PLACEHOLDER).filter(|_| !self.names_a_cluster());
        self.client(placeholder).map(drop)
    }

    fn blame(&self, error: ConfigError) -> anyhow::Error {
        let (name, error) = match error {
            ConfigError::Value { name, value, why } => {
                // What `${…}` stands for may be a secret whatever the setting is.
                let entry = self.entries.get(name);
                let shown = entry.filter(|entry| entry.written != entry.value);
                let value = shown.map_or(value, |entry| entry.written.clone());
                (name.to_owned(), ConfigError::Value { name, value, why })
            }
            ConfigError::Unknown { ref name, .. } => (name.clone(), error),
            ConfigError::Refused { name, .. } => (name.to_owned(), error),
            ConfigError::Conflict(_) => (String::new(), error),
        };
        match self.entries.get(&name) {
            Some(entry) => anyhow::Error::new(error).context(entry.origin.clone()),
            None => error.into(),
        }
    }

    /// Adds or replaces one setting. Relative paths in `${file:…}` start at `folder`.
    fn add(
        &mut self,
        name: &str,
        written: &str,
        origin: &str,
        folder: &Path,
        environment: &Environment,
    ) -> anyhow::Result<()> {
        let value = resolve(written, folder, environment)
            .map_err(|why| Failure::usage(format!("{origin}: `{name}`: {why}")))?;
        let entry = Entry { written: written.to_owned(), value, origin: origin.to_owned() };
        self.entries.insert(name.to_owned(), entry);
        Ok(())
    }

    fn add_file(&mut self, path: &Path, environment: &Environment) -> anyhow::Result<()> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        let table: toml::Table = text
            .parse()
            .map_err(|error| Failure::usage(format!("{shown} is not TOML: {error}")))?;
        let mut flat = Vec::new();
        flatten("", &table, &mut flat).map_err(|name| {
            Failure::usage(format!(
                "{shown}: `{name}` is a list of tables; text, a number or true/false is needed"
            ))
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for (name, value) in flat {
            self.add(&name, &value, &shown.to_string(), folder, environment)?;
        }
        Ok(())
    }

    fn add_variables(&mut self, environment: &Environment) -> anyhow::Result<()> {
        for (variable, value) in environment.starting_with(PREFIX) {
            if OWN_VARIABLES.contains(&variable) {
                continue;
            }
            let origin = format!("variable {PREFIX}{variable}");
            match SETTINGS.iter().find(|setting| variable_of(setting.name) == variable) {
                Some(setting) => {
                    self.add(setting.name, value, &origin, Path::new(""), environment)?;
                }
                None => refuse_misspelt(variable)?,
            }
        }
        Ok(())
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let failure = Failure::usage(format!("cannot read {}: {error}", path.display()));
    if path.to_string_lossy().contains('=') {
        // A habit from Kafka's own tools.
        return failure.help(
            "--config names a file of connection settings; a topic's own are given with --topic-config NAME=VALUE",
        );
    }
    failure
}

/// `sasl.password` as `SASL_PASSWORD`.
fn variable_of(setting: &str) -> String {
    setting.to_uppercase().replace('.', "_")
}

/// A container platform sets variables of its own, such as `KOLK_SERVICE_HOST`: only what looks like a slip is refused.
fn refuse_misspelt(variable: &str) -> anyhow::Result<()> {
    let slips = |name: &str| strsim::damerau_levenshtein(variable, name);
    let names = SETTINGS.iter().map(|setting| variable_of(setting.name));
    let nearest = names.min_by_key(|name| slips(name)).filter(|name| slips(name) <= SLIPS_MAX);
    match nearest {
        Some(nearest) => Err(Failure::usage(format!("unknown variable `{PREFIX}{variable}`"))
            .help(format!("did you mean `{PREFIX}{nearest}`?"))
            .into()),
        None => Ok(()),
    }
}

/// Joins the names of nested tables with dots, and lists with commas.
fn flatten(
    prefix: &str,
    table: &toml::Table,
    into: &mut Vec<(String, String)>,
) -> Result<(), String> {
    for (key, value) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(table) => flatten(&name, table, into)?,
            toml::Value::Array(items) => {
                let items: Option<Vec<String>> = items.iter().map(scalar).collect();
                into.push((name.clone(), items.ok_or(name)?.join(",")));
            }
            value => into.push((name.clone(), scalar(value).ok_or(name)?)),
        }
    }
    Ok(())
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Datetime(time) => Some(time.to_string()),
        toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

/// Replaces `${env:NAME}` and `${file:PATH}` by what they stand for.
pub(crate) fn resolve(
    written: &str,
    folder: &Path,
    environment: &Environment,
) -> Result<String, String> {
    let mut value = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        value.push_str(before);
        let end = reference.find('}').ok_or_else(|| format!("`{reference}` has no `}}`"))?;
        let inside = &reference[2..end];
        match inside.split_once(':') {
            Some(("env", name)) => {
                let found = environment.get(name);
                value.push_str(found.ok_or_else(|| format!("there is no variable `{name}`"))?);
            }
            Some(("file", path)) => {
                let path = folder.join(path);
                let text = fs::read_to_string(&path)
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                value.push_str(text.trim_end_matches(['\r', '\n']));
            }
            _ => {
                return Err(format!("`${{{inside}}}` is neither ${{env:NAME}} nor ${{file:PATH}}"));
            }
        }
        rest = &reference[end + 1..];
    }
    value.push_str(rest);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(args: &ConnectionArgs, environment: &Environment) -> anyhow::Result<ClientConfig> {
        let properties = args.gather(environment)?;
        properties.check()?;
        properties.client(None)
    }

    fn set(pairs: &[&str]) -> ConnectionArgs {
        ConnectionArgs {
            bootstrap_servers: Some("b:1".to_owned()),
            set: pairs.iter().map(|&pair| pair.to_owned()).collect(),
            ..ConnectionArgs::default()
        }
    }

    #[test]
    fn a_file_gives_way_to_variables_and_these_to_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kolk.toml");
        fs::write(folder.path().join("password"), "s3cret\n").unwrap();
        let text = "bootstrap.servers = ['a:1', 'b:2']\nlinger.ms = 7\n\"batch.size\" = 1000\nacks = '1'\n\
                    [sasl]\npassword = '${file:password}'\nusername = 'u'\n[security]\nprotocol = 'SASL_PLAINTEXT'";
        fs::write(&path, text).unwrap();
        let environment = Environment::from([
            ("KOLK_BATCH_SIZE", "2000"),
            ("KOLK_LINGER_MS", "8"),
            ("KOLK_SERVICE_HOST", "x"),
        ]);
        let set = vec!["linger.ms=9".to_owned()];
        let args = ConnectionArgs { config: Some(path), set, ..ConnectionArgs::default() };
        let config = gather(&args, &environment).unwrap();
        assert_eq!(config.bootstrap_servers.len(), 2);
        assert_eq!(config.producer.batch_bytes, 2000);
        assert_eq!(config.producer.linger.as_millis(), 9);
        assert_eq!(config.security.sasl.unwrap().password.reveal(), "s3cret");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_without_secrets() {
        let nothing = Environment::default();
        let secret = Environment::from([("PW", "hunter2")]);
        let misspelt = Environment::from([("KOLK_SASL_PASWORD", "x")]);
        let check = |args: ConnectionArgs, environment: &Environment, wanted: &str| {
            let error = format!("{:#}", gather(&args, environment).unwrap_err());
            assert!(error.contains(wanted), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        };
        check(set(&["ack=1"]), &nothing, "--set: unknown setting `ack`; did you mean `acks`?");
        check(set(&["linger.ms=x"]), &nothing, "--set: `x` is not a value of `linger.ms`");
        check(set(&["linger.ms=${env:PW}"]), &secret, "`${env:PW}` is not a value of `linger.ms`");
        check(set(&["client.id=${env:NONE}"]), &nothing, "there is no variable `NONE`");
        check(set(&["client.id=${vault:x}"]), &nothing, "neither ${env:NAME} nor ${file:PATH}");
        check(set(&["client.id"]), &nothing, "has no `=`");
        check(set(&[]), &misspelt, "did you mean `KOLK_SASL_PASSWORD`?");
    }
}
