//! Where settings are read from, and where in there each one stands.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::{ConfigError, DEFAULT_FILE, EXAMPLE};

/// Variables of ours that are no settings: flags of commands and switches of the tests have their own.
const NO_SETTINGS: [&str; 5] =
    ["VITRINE_AGAINST_KEY", "VITRINE_CONFIG", "VITRINE_DATA_DIR", "VITRINE_KEY", "VITRINE_PEER_CASES"];

/// Variables that everybody knows, and their settings. `VITRINE_…` of the same setting comes after them.
const WELL_KNOWN: [(&str, &str); 3] =
    [("DATABASE_URL", "database.url"), ("RUST_LOG", "log.filter"), ("UPSTREAM_RPC_URL", "upstream.rpc_url")];

/// Every key there is, with a value of its type: the example holds them all, which a test compares with the
/// structures.
static KNOWN: LazyLock<Table> =
    LazyLock::new(|| EXAMPLE.parse().expect("a test parses the example, and it is compiled in"));

/// What is read, in rising order of precedence.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file that was named; it must exist.
    pub file: Option<PathBuf>,
    /// The file that is read where none was named, if it exists.
    pub default_file: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(String, String)>,
    /// Flags: the flag, its `section.key`, and its value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// What the sources say, not yet typed.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) values: Vec<Table>,
    pub(super) file: Option<PathBuf>,
    pub(super) places: BTreeMap<String, String>,
    pub(super) warnings: Vec<String>,
}

impl Sources {
    /// The environment of this process and [`DEFAULT_FILE`]. Variables that are not UTF-8 are none of ours.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { default_file: Some(PathBuf::from(DEFAULT_FILE)), variables, ..Self::default() }
    }

    pub(super) fn read(&self) -> Result<Layers, ConfigError> {
        let mut layers = Layers::default();
        if let Some(path) = &self.file {
            layers.add_file(path)?;
        } else if let Some(path) = &self.default_file {
            match layers.add_file(path) {
                Err(ConfigError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        layers.add_variables(&self.variables)?;
        for (flag, key, value) in &self.flags {
            layers.set(key, value, format!("flag {flag}"));
        }
        Ok(layers)
    }
}

impl Layers {
    fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let name = path.display().to_string();
        let file = DeTable::parse(&text).map_err(|error| syntax_error(&name, &text, &error))?;
        for (section, keys) in file.get_ref() {
            let place = place(&name, &text, section.span().start);
            let Some(known) = section_keys(section.get_ref()) else {
                return Err(unknown(place, section.get_ref(), sections()));
            };
            let DeValue::Table(keys) = keys.get_ref() else {
                let (key, reason) =
                    (section.get_ref().to_string(), format!("is a section: [{}]", section.get_ref()));
                return Err(ConfigError::Type { place, key, reason });
            };
            for key in keys.keys() {
                let place = self::place(&name, &text, key.span().start);
                let path = format!("{}.{}", section.get_ref(), key.get_ref());
                if !known.contains_key(key.get_ref().as_ref()) {
                    return Err(unknown(place, &path, keys_of(known)));
                }
                self.places.insert(path, place);
            }
        }
        self.values.push(toml::from_str(&text).map_err(|error| syntax_error(&name, &text, &error))?);
        self.file = Some(path.to_owned());
        Ok(())
    }

    fn add_variables(&mut self, variables: &[(String, String)]) -> Result<(), ConfigError> {
        let is_set = |(_, value): &&(String, String)| !value.is_empty();
        for (name, key) in WELL_KNOWN {
            if let Some((_, value)) = variables.iter().filter(is_set).find(|(variable, _)| variable == name) {
                self.set(key, value, format!("variable {name}"));
            }
        }
        for (name, value) in variables.iter().filter(is_set) {
            let Some(rest) = name.strip_prefix("VITRINE_").filter(|_| !NO_SETTINGS.contains(&name.as_str()))
            else {
                continue;
            };
            let (section, key) = rest.split_once('_').unwrap_or((rest, ""));
            let (section, key) = (section.to_ascii_lowercase(), key.to_ascii_lowercase());
            let place = format!("variable {name}");
            match section_keys(&section) {
                None => self.warnings.push(format!("{name} is no setting of this version; {}", sections())),
                Some(known) if known.contains_key(&key) => {
                    self.set(&format!("{section}.{key}"), value, place);
                }
                // Kubernetes puts these into every container beside a service called vitrine-<section>.
                Some(_) if is_service_link(&key) => {
                    self.warnings.push(format!(
                        "{name} is taken for a link to a Kubernetes service, not for a setting"
                    ));
                }
                Some(known) => return Err(unknown(place, &format!("{section}.{key}"), keys_of(known))),
            }
        }
        Ok(())
    }

    /// Sets a known key from text.
    fn set(&mut self, path: &str, text: &str, place: String) {
        let (section, key) = path.split_once('.').expect("callers name a section and a key");
        let default = section_keys(section).and_then(|known| known.get(key));
        let value = default.map_or_else(|| Value::String(text.to_owned()), |default| typed(text, default));
        let section_table = Table::from_iter([(key.to_owned(), value)]);
        self.values.push(Table::from_iter([(section.to_owned(), Value::Table(section_table))]));
        self.places.insert(path.to_owned(), place);
    }
}

/// An error of the parser without the line's text, which may hold a password.
pub(super) fn syntax_error(name: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let place = error.span().map_or_else(|| name.to_owned(), |span| place(name, text, span.start));
    ConfigError::Syntax { place, message: error.message().to_owned() }
}

fn place(name: &str, text: &str, byte: usize) -> String {
    let line = 1 + text.bytes().take(byte).filter(|byte| *byte == b'\n').count();
    format!("{name}:{line}")
}

fn unknown(place: String, key: &str, known: String) -> ConfigError {
    ConfigError::Unknown { place, key: key.to_owned(), known }
}

fn section_keys(section: &str) -> Option<&'static Table> {
    KNOWN.get(section).and_then(Value::as_table)
}

fn sections() -> String {
    format!("the sections are {}", KNOWN.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
}

fn keys_of(known: &Table) -> String {
    format!("its section has {}", known.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
}

/// A variable's text as what its setting holds. What does not fit stays text, and is refused as such later.
fn typed(text: &str, default: &Value) -> Value {
    let text = text.trim();
    let value = match default {
        Value::Array(_) => {
            Some(Value::from(text.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>()))
        }
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        _ => None,
    };
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn is_service_link(key: &str) -> bool {
    key == "port" || ["service_host", "service_port", "port_"].iter().any(|begin| key.starts_with(begin))
}
