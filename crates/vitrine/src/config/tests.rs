//! The configuration, against its own example and against what people write.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;
use toml::{Table, Value};

use super::*;

/// Asks a structure for the names of its fields.
struct FieldNames<'a>(&'a mut &'static [&'static str]);

#[derive(Debug)]
struct Done;

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("done")
    }
}

impl std::error::Error for Done {}

impl serde::de::Error for Done {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = Done;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Done> {
        Err(Done)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Done> {
        *self.0 = fields;
        Err(Done)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<T: DeserializeOwned>() -> Vec<&'static str> {
    let mut names: &'static [&'static str] = &[];
    assert!(T::deserialize(FieldNames(&mut names)).is_err());
    names.to_vec()
}

fn load_file(text: &str) -> Result<Loaded, ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    Config::load(&Sources { file: Some(file.path().to_owned()), ..Sources::default() })
}

fn load_variables(variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::load(&Sources { variables, ..Sources::default() })
}

#[test]
fn the_example_holds_every_key_at_its_default() {
    let loaded = load_file(EXAMPLE).unwrap();
    assert_eq!(format!("{:?}", loaded.config), format!("{:?}", Config::default()));

    let example: Table = EXAMPLE.parse().unwrap();
    let sections: [(&str, Vec<&str>); 16] = [
        ("database", fields::<DatabaseSettings>()),
        ("cache", fields::<CacheSettings>()),
        ("server", fields::<ServerSettings>()),
        ("rpc", fields::<RpcSettings>()),
        ("helius", fields::<HeliusSettings>()),
        ("infura", fields::<InfuraSettings>()),
        ("triport", fields::<TriportSettings>()),
        ("auth", fields::<AuthSettings>()),
        ("cors", fields::<CorsSettings>()),
        ("compression", fields::<CompressionSettings>()),
        ("upstream", fields::<UpstreamSettings>()),
        ("log", fields::<LogSettings>()),
        ("import", fields::<ImportSettings>()),
        ("ingest", fields::<IngestSettings>()),
        ("documents", fields::<DocumentSettings>()),
        ("tiers", fields::<TiersFile>()),
    ];
    assert_eq!(sections.iter().map(|(name, _)| *name).collect::<Vec<_>>(), fields::<Config>());
    assert_eq!(example.len(), sections.len());
    for (section, keys) in &sections {
        let mut found: Vec<&str> = example[*section].as_table().unwrap().keys().map(String::as_str).collect();
        let mut keys = keys.clone();
        found.sort_unstable();
        keys.sort_unstable();
        assert_eq!(found, keys, "[{section}]");
    }
}

#[test]
fn a_key_is_one_variable_only() {
    // `VITRINE_<SECTION>_<KEY>` is cut at the first `_`.
    assert!(fields::<Config>().iter().all(|section| !section.contains('_')));
}

#[test]
fn without_sources_there_are_the_defaults() {
    let loaded = Config::load(&Sources::default()).unwrap();
    assert_eq!(format!("{:?}", loaded.config), format!("{:?}", Config::default()));
    assert_eq!(loaded.tiers.names(), ["free", "basic", "pro", "business", "enterprise"]);
}

#[test]
fn each_source_overrides_the_ones_before() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "[server]\nlisten = \"127.0.0.1:1\"\ndrain_ms = 1\nbody_bytes_max = 1\n").unwrap();
    let sources = Sources {
        file: Some(file.path().to_owned()),
        variables: vec![
            ("VITRINE_SERVER_LISTEN".to_owned(), "127.0.0.1:2".to_owned()),
            ("VITRINE_SERVER_DRAIN_MS".to_owned(), "2".to_owned()),
        ],
        flags: vec![("--listen", "server.listen", "127.0.0.1:3".to_owned())],
        default_file: None,
    };
    let loaded = Config::load(&sources).unwrap();
    let server = &loaded.config.server;
    assert_eq!((server.listen.port(), server.drain_ms, server.body_bytes_max), (3, 2, 1));
    assert_eq!(loaded.places["server.listen"], "flag --listen");
    assert_eq!(loaded.places["server.body_bytes_max"], format!("{}:4", file.path().display()));
}

#[test]
fn variables_are_read_as_what_their_settings_hold() {
    let loaded = load_variables(&[
        ("VITRINE_CORS_ORIGINS", "https://a.example, https://b.example:8080"),
        ("VITRINE_RPC_STRICT_PARAMS", "true"),
        ("VITRINE_TRIPORT_REALM", "42"),
        ("VITRINE_HELIUS_HTTP_STATUS", "always_200"),
        ("VITRINE_DATABASE_READ_CONNECTIONS_MAX", "7"),
        ("DATABASE_URL", "postgres://h/d"),
        ("RUST_LOG", "debug,sqlx=warn"),
        ("VITRINE_SERVER_LISTEN", ""),
    ])
    .unwrap();
    let config = &loaded.config;
    assert_eq!(config.cors.origins, ["https://a.example", "https://b.example:8080"]);
    assert!(config.rpc.strict_params);
    assert_eq!(config.triport.realm, "42");
    assert_eq!(config.helius.http_status, vitrine_rpc::HttpStatus::Always200);
    assert_eq!(config.database.read_connections_max, 7);
    assert_eq!(config.database.url, "postgres://h/d");
    assert_eq!(config.log.filter, "debug,sqlx=warn");
    assert_eq!(config.server.listen.port(), 8899);
    assert!(loaded.warnings.is_empty());
}

#[test]
fn our_own_variable_comes_after_a_well_known_one() {
    let both = [("VITRINE_DATABASE_URL", "postgres://ours/d"), ("DATABASE_URL", "postgres://theirs/d")];
    assert_eq!(load_variables(&both).unwrap().config.database.url, "postgres://ours/d");
}

#[test]
fn an_unknown_key_is_refused_with_its_place() {
    let error = load_file("# a comment\n[server]\n\nlissten = \"127.0.0.1:1\"\n").unwrap_err().to_string();
    assert!(error.contains(":4: there is no setting server.lissten") && error.contains("listen"), "{error}");
    let error = load_file("[servr]\nlisten = \"127.0.0.1:1\"\n").unwrap_err().to_string();
    assert!(error.contains(":1: there is no setting servr") && error.contains("server"), "{error}");
    let error = load_file("\nserver.a.b = 1\n").unwrap_err().to_string();
    assert!(error.contains("server.a"), "{error}");
    let error = load_variables(&[("VITRINE_SERVER_LISSTEN", "x")]).unwrap_err().to_string();
    assert!(error.contains("VITRINE_SERVER_LISSTEN") && error.contains("server.lissten"), "{error}");
}

#[test]
fn an_unknown_section_of_a_variable_is_only_warned_of() {
    let loaded = load_variables(&[
        ("VITRINE_METRICS_LISTEN", "x"),
        ("VITRINE_HOME", "x"),
        ("VITRINE_KEY", "x"),
        ("VITRINE_CONFIG", "x"),
        ("VITRINE_DATA_DIR", "x"),
        ("VITRINE_PEER_CASES", "x"),
        ("HOME", "/"),
    ])
    .unwrap();
    let named = |name: &str| loaded.warnings.iter().any(|warning| warning.starts_with(&format!("{name} ")));
    assert_eq!(loaded.warnings.len(), 2, "{:?}", loaded.warnings);
    assert!(named("VITRINE_METRICS_LISTEN") && named("VITRINE_HOME"));
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_its_place() {
    for (text, expected) in [
        (
            "[server]\ndrain_ms = \"soon\"\n",
            ":2: server.drain_ms: found string \"soon\", expected a whole number",
        ),
        ("[server]\nlisten = \"here\"\n", ":2: server.listen: "),
        (
            "[helius]\nerrors = \"nice\"\n",
            ":2: helius.errors: found \"nice\", expected one of documented, observed",
        ),
        ("[cors]\norigins = [1]\n", ":2: cors.origins: found "),
        ("[database]\nread_connections_max = -1\n", ":2: database.read_connections_max: "),
        ("server = 1\n", ":1: server: is a section"),
    ] {
        let error = load_file(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let error = load_variables(&[("VITRINE_SERVER_DRAIN_MS", "soon")]).unwrap_err().to_string();
    assert!(error.starts_with("variable VITRINE_SERVER_DRAIN_MS: server.drain_ms: found"), "{error}");
}

#[test]
fn values_have_bounds_and_all_that_is_wrong_is_said_at_once() {
    let error = load_file("[server]\nconnections_max = 0\n[rpc]\nanonymous_tier = \"golden\"\n").unwrap_err();
    let error = error.to_string();
    assert!(error.contains(":2: server.connections_max is 0, must be from 1 to 1000000"), "{error}");
    assert!(
        error.contains(":4: rpc.anonymous_tier is \"golden\", must be empty or one of free, basic"),
        "{error}"
    );

    for (name, value) in [
        ("VITRINE_HELIUS_CDN_BASE", "cdn.example"),
        ("VITRINE_INFURA_SEE_URL", "ftp://a/"),
        ("VITRINE_RPC_UPGRADE_URL", "https://"),
        ("VITRINE_TRIPORT_REALM", "a\"b"),
        ("VITRINE_CORS_ORIGINS", "https://a.example/path"),
        ("VITRINE_LOG_FILTER", "info,=,="),
        ("VITRINE_AUTH_KEY_POLL_MS", "0"),
        ("VITRINE_IMPORT_BATCH_ASSETS", "0"),
        ("VITRINE_RPC_JSON_DEPTH_MAX", "128"),
        ("VITRINE_DATABASE_URL", "mysql://h/d"),
    ] {
        let error = load_variables(&[(name, value)]).unwrap_err();
        assert!(matches!(error, ConfigError::Bounds(_)), "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn errors_show_no_password() {
    for text in [
        "[database]\nurl = \"postgres://u:s3cr3t@h\n",
        "[database]\nurl = \"mysql://u:s3cr3t@h/d\"\n",
        "[database]\nurl = \"postgres://u:s3cr3t@h:port/d\"\n",
        "database = \"postgres://u:s3cr3t@h/d\"\n",
        "[database]\nurl = \"postgres://u:s3cr3t@h/d\"\nurl = \"postgres://u:s3cr3t@h/d\"\n",
        "[database]\nurls = [\"postgres://u:s3cr3t@h/d\"]\n",
    ] {
        let error = load_file(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
    }
}

#[test]
fn a_named_file_must_exist_and_the_default_one_need_not() {
    let missing = PathBuf::from("/nowhere/vitrine.toml");
    let named = Sources { file: Some(missing.clone()), ..Sources::default() };
    assert!(Config::load(&named).unwrap_err().to_string().contains("/nowhere/vitrine.toml"));
    let default = Sources { default_file: Some(missing), ..Sources::default() };
    assert_eq!(Config::load(&default).unwrap().file, None);
}

#[test]
fn tiers_are_read_from_their_file_and_checked() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    fs::write(file.path(), EXAMPLE_TIERS.replace("sol_das = \"basic\"", "sol_das = \"golden\"")).unwrap();
    let error = load_variables(&[("VITRINE_TIERS_FILE", path)]).unwrap_err().to_string();
    assert!(error.contains(path) && error.contains("golden"), "{error}");
    fs::write(file.path(), "order = [\n").unwrap();
    let error = load_variables(&[("VITRINE_TIERS_FILE", path)]).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{path}:")), "{error}");
    let error = load_variables(&[("VITRINE_TIERS_FILE", "/nowhere/tiers.toml")]).unwrap_err().to_string();
    assert!(error.contains("VITRINE_TIERS_FILE") && error.contains("/nowhere/tiers.toml"), "{error}");
}

#[test]
fn flags_name_settings_that_exist() {
    let example: Table = EXAMPLE.parse().unwrap();
    assert!(example["server"].get("listen").is_some_and(Value::is_str));
}
