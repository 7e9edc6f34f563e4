//! The binary from outside, as far as it needs no database.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::process::{Command, Output};

/// Runs the binary with these variables and no others.
fn vitrine(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vitrine"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).output().unwrap()
}

/// Asserts a failure: its code, and one line on stderr that holds all of `texts`.
fn assert_fails(output: &Output, code: i32, texts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.starts_with("error: "), "{stderr}");
    for text in texts {
        assert!(stderr.contains(text), "no {text:?} in {stderr}");
    }
    if code == 1 {
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn help_and_version_are_no_errors() {
    for argument in ["--help", "--version"] {
        let output = vitrine(&[argument], &[]);
        assert!(output.status.success() && output.stderr.is_empty());
        assert!(String::from_utf8(output.stdout).unwrap().contains("itrine"));
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    assert_fails(&vitrine(&["serve", "--listen", "nowhere"], &[]), 2, &["nowhere"]);
    // Known only with the tiers; the database is not even looked for.
    let output =
        vitrine(&["keys", "create", "--tier", "golden"], &[("DATABASE_URL", "postgres://127.0.0.1:1/d")]);
    assert_fails(&output, 2, &["golden", "free, basic, pro, business, enterprise"]);
    let output = vitrine(
        &["keys", "create", "--tier", "free", "--expires", "2001-01-01T00:00:00Z"],
        &[("DATABASE_URL", "postgres://127.0.0.1:1/d")],
    );
    assert_fails(&output, 2, &["--expires", "future"]);
}

#[test]
fn a_wrong_configuration_ends_with_1_and_names_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("v.toml");
    let path = file.to_str().unwrap();
    fs::write(&file, "[server]\nlissten = \"127.0.0.1:1\"\n").unwrap();
    assert_fails(&vitrine(&["config", "check", "--config", path], &[]), 1, &["v.toml:2", "server.lissten"]);
    assert_fails(&vitrine(&["serve"], &[("VITRINE_CONFIG", path)]), 1, &["v.toml:2", "server.lissten"]);
    assert_fails(&vitrine(&["migrate"], &[("VITRINE_SERVER_NOPE", "1")]), 1, &["VITRINE_SERVER_NOPE"]);
    // An example is printed all the same.
    assert!(vitrine(&["config", "example"], &[("VITRINE_CONFIG", path)]).status.success());
}

#[test]
fn a_right_configuration_is_told() {
    let output = vitrine(&["config", "check"], &[("DATABASE_URL", "postgres://u:s3cr3t@h/d")]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && text.contains("postgres://u@h:5432/d") && !text.contains("s3cr3t"),
        "{text}"
    );
}

#[test]
fn a_server_that_is_not_there_is_not_healthy() {
    let output = vitrine(&["healthcheck"], &[("VITRINE_SERVER_LISTEN", "0.0.0.0:1")]);
    assert_fails(&output, 1, &["127.0.0.1:1"]);
}

#[test]
fn a_database_that_is_away_is_one_sentence() {
    let variables = [
        ("DATABASE_URL", "postgres://u:s3cr3t@127.0.0.1:1/d"),
        ("VITRINE_DATABASE_ACQUIRE_TIMEOUT_MS", "200"),
    ];
    for command in [&["serve"][..], &["migrate"], &["keys", "list"]] {
        let output = vitrine(command, &variables);
        assert_fails(&output, 1, &["database"]);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("s3cr3t"));
    }
}
