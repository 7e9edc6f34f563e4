//! The files of a deployment against the binary: no container engine is needed to see that they fit.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use serde_json::Value;
use vitrine::Cli;
use vitrine::config::{Config, DEFAULT_FILE, Loaded, Sources};

/// The names of Docker's base images: the builder and what runs share a release of Debian, and so a libc.
const DEBIAN: &str = "bookworm";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn compose() -> Value {
    serde_saphyr::from_str(&read("docker-compose.yml")).unwrap()
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Asserts that the binary takes these arguments.
fn assert_taken(arguments: &[String]) {
    let line = std::iter::once("vitrine").chain(arguments.iter().map(String::as_str));
    if let Err(error) = Cli::try_parse_from(line) {
        panic!("{arguments:?}: {error}");
    }
}

/// What the settings of these variables come to. Each of them is a key that there is.
fn load(variables: &[(String, String)]) -> Loaded {
    let loaded = Config::load(&Sources { variables: variables.to_vec(), ..Sources::default() }).unwrap();
    assert_eq!(loaded.warnings, Vec::<String>::new());
    loaded
}

/// A service's variables, as they are with a password set.
fn variables(service: &Value) -> Vec<(String, String)> {
    let variables = service["environment"].as_object().unwrap().iter();
    variables
        .map(|(name, value)| {
            let value = value.as_str().unwrap_or_else(|| panic!("{name} must be in quotes"));
            let value = value.replace("${POSTGRES_PASSWORD}", "s3cr3t");
            (name.clone(), value.replace("${VITRINE_UPSTREAM_RPC_URL:-}", "http://node.test:8899"))
        })
        .collect()
}

/// The services that run this program.
fn ours(compose: &Value) -> Vec<(&String, &Value)> {
    let services = compose["services"].as_object().unwrap().iter();
    services.filter(|(_, service)| service["image"] == "vitrine").collect()
}

/// The instructions of the Dockerfile: the word and the rest.
fn dockerfile() -> Vec<(String, String)> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_once(' ').unwrap())
        .map(|(word, rest)| (word.to_owned(), rest.to_owned()))
        .collect()
}

fn instructions<'a>(dockerfile: &'a [(String, String)], word: &str) -> Vec<&'a str> {
    dockerfile.iter().filter(|(found, _)| found == word).map(|(_, rest)| rest.as_str()).collect()
}

/// The words of an instruction's JSON form.
fn exec_form(text: &str) -> Vec<String> {
    words(&serde_json::from_str(text).unwrap())
}

fn seconds(duration: &Value) -> u64 {
    let text = duration.as_str().unwrap();
    let (number, unit) = text.split_at(text.len() - 1);
    number.parse::<u64>().unwrap() * if unit == "m" { 60 } else { 1 }
}

#[test]
fn composed_commands_exist() {
    let compose = compose();
    let services = ours(&compose);
    assert_eq!(services.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["migrate", "server"]);
    for (_, service) in services {
        assert_taken(&words(&service["command"]));
    }
    let check = words(&compose["services"]["server"]["healthcheck"]["test"]);
    assert_eq!(check[..2], ["CMD", "vitrine"]);
    assert_taken(&check[2..]);
}

#[test]
fn commands_in_comments_exist() {
    let text = read("docker-compose.yml");
    let lines = text.lines().filter_map(|line| line.strip_prefix("#   docker compose run "));
    let lines: Vec<&str> = lines.map(|line| line.split(" < ").next().unwrap()).collect();
    assert!(lines.len() >= 2, "{lines:?}");
    for line in lines {
        let mut words = line.split(' ').skip_while(|word| word.starts_with("--"));
        assert_eq!(words.next(), Some("server"), "{line}");
        assert_taken(&words.map(str::to_owned).collect::<Vec<_>>());
    }
}

#[test]
fn composed_variables_are_settings() {
    let compose = compose();
    for (name, service) in ours(&compose) {
        let variables = variables(service);
        for (variable, _) in &variables {
            assert!(variable == "DATABASE_URL" || variable.starts_with("VITRINE_"), "{name}: {variable}");
        }
        let database = load(&variables).config.database.url;
        let db = &compose["services"]["db"]["environment"];
        let (user, name) = (db["POSTGRES_USER"].as_str().unwrap(), db["POSTGRES_DB"].as_str().unwrap());
        assert_eq!(database, format!("postgres://{user}:s3cr3t@db:5432/{name}"));
        let passes = variables.iter().any(|(variable, _)| variable == "VITRINE_UPSTREAM_RPC_URL");
        let upstream = load(&variables).config.upstream.rpc_url;
        assert_eq!(upstream, if passes { "http://node.test:8899" } else { "" });
    }
}

#[test]
fn composed_ports_are_where_the_server_listens() {
    let compose = compose();
    let server = &compose["services"]["server"];
    let listens = load(&variables(server)).config.server.listen;
    assert!(listens.ip().is_unspecified(), "within a container the loopback reaches nobody");
    assert_eq!(listens.port(), Config::default().server.listen.port());
    let port = listens.port();
    assert_eq!(words(&server["ports"]), [format!("127.0.0.1:{port}:{port}")]);
}

#[test]
fn composed_services_wait_for_each_other() {
    let compose = compose();
    let services = &compose["services"];
    assert!(words(&services["db"]["healthcheck"]["test"]).contains(&"pg_isready".to_owned()));
    assert_eq!(services["migrate"]["depends_on"]["db"]["condition"], "service_healthy");
    assert_eq!(services["migrate"]["restart"], "no");
    assert_eq!(services["server"]["depends_on"]["db"]["condition"], "service_healthy");
    assert_eq!(services["server"]["depends_on"]["migrate"]["condition"], "service_completed_successfully");
    let volumes = words(&services["db"]["volumes"]);
    assert!(volumes.iter().all(|volume| compose["volumes"].get(volume.split(':').next().unwrap()).is_some()));
}

#[test]
fn a_drain_ends_before_the_container_is_killed() {
    let compose = compose();
    let service = &compose["services"]["server"];
    let server = load(&variables(service)).config.server;
    let needed_ms = server.drain_ms + server.shutdown_timeout_ms;
    assert!(seconds(&service["stop_grace_period"]) * 1_000 > needed_ms, "{needed_ms} ms");
}

#[test]
fn the_image_runs_the_binary() {
    let dockerfile = dockerfile();
    let entrypoint = instructions(&dockerfile, "ENTRYPOINT");
    assert_eq!(exec_form(entrypoint[0]), ["vitrine"]);
    assert_taken(&exec_form(instructions(&dockerfile, "CMD")[0]));
    let check = instructions(&dockerfile, "HEALTHCHECK")[0].split_once("CMD ").unwrap().1;
    let check = exec_form(check);
    assert_eq!(check[0], "vitrine");
    assert_taken(&check[1..]);
    assert!(!["root", "0"].contains(&instructions(&dockerfile, "USER")[0]));

    let variables: Vec<_> = instructions(&dockerfile, "ENV")
        .into_iter()
        .map(|variable| variable.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let listens = load(&variables).config.server.listen;
    assert!(listens.ip().is_unspecified());
    assert_eq!(instructions(&dockerfile, "EXPOSE"), [listens.port().to_string()]);
}

#[test]
fn the_image_is_built_from_what_is_there() {
    let dockerfile = dockerfile();
    let mut copied = Vec::new();
    for copy in instructions(&dockerfile, "COPY") {
        let mut paths: Vec<&str> = copy.split(' ').collect();
        let to = paths.pop().unwrap();
        if paths[0].starts_with("--from=build") {
            let expected = match paths[1] {
                "/src/target/release/vitrine" => "/usr/local/bin/vitrine",
                // The slim image has none of its own.
                certificates => certificates,
            };
            assert_eq!((paths.len(), to), (2, expected));
            assert!(
                expected.starts_with("/usr/local/bin") || expected.starts_with("/etc/ssl/certs/"),
                "{copy}"
            );
            continue;
        }
        for path in &paths {
            assert!(root().join(path).exists(), "COPY {path}");
        }
        if to.starts_with("/etc") {
            assert_eq!(to, DEFAULT_FILE);
        }
        copied.extend(paths);
    }
    // The members of the workspace, and what is compiled in.
    for needed in ["Cargo.toml", "Cargo.lock", "bench", "crates", "tests", "config", "migrations"] {
        assert!(copied.contains(&needed), "{needed} is not copied");
    }
    let build =
        instructions(&dockerfile, "RUN").into_iter().find(|run| run.starts_with("cargo build")).unwrap();
    assert!(
        build.contains("--release") && build.contains(concat!("--package ", env!("CARGO_PKG_NAME"))),
        "{build}"
    );

    let from = instructions(&dockerfile, "FROM");
    let rust = env!("CARGO_PKG_RUST_VERSION");
    assert_eq!(from, [format!("rust:{rust}-{DEBIAN} AS build"), format!("debian:{DEBIAN}-slim")]);
}

#[test]
fn the_binary_prints_the_files_of_config() {
    let print = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_vitrine")).args(arguments).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(print(&["config", "example"]), read("config/vitrine.toml"));
    assert_eq!(print(&["config", "example", "--tiers"]), read("config/tiers.toml"));
}
