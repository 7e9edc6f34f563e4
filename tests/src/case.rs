//! Cases as data: a request and its whole expected answer, in `tests/cases/<topic>/<name>.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime};
use vitrine_store::Store;

use crate::client::{Client, Reply, make_key};

/// Headers of the transport, which say nothing of the answer.
const IGNORED_HEADERS: [&str; 6] =
    ["date", "content-length", "vary", "connection", "transfer-encoding", "keep-alive"];

/// Parts of an asset that only options show.
const OPTION_ONLY: [&str; 2] = ["token_info", "inscription"];

const ANY: &str = "<any>";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    #[serde(skip)]
    pub path: PathBuf,
    pub about: String,
    pub world: String,
    #[serde(default)]
    pub settings: BTreeMap<String, Value>,
    request: Option<Request>,
    response: Option<Response>,
    #[serde(default)]
    steps: Vec<Step>,
    id_text: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    request: Request,
    response: Response,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default = "post")]
    http_method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    text: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Response {
    status: u16,
    /// Absent: not looked at.
    headers: Option<BTreeMap<String, String>>,
    body: Option<Value>,
    text: Option<String>,
    #[serde(default)]
    empty: bool,
    #[serde(default)]
    except: BTreeMap<String, String>,
}

fn post() -> String {
    "POST".to_owned()
}

/// The assets of a world as answers show them without options.
pub type World = BTreeMap<String, Value>;

/// All cases below a folder, by path.
pub fn load(folder: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                let case: Case =
                    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                cases.push(Case { path, ..case });
            }
        }
    }
    cases.sort_by(|a, b| a.path.cmp(&b.path));
    cases
}

/// The assets of a world file: NDJSON or a saved response.
pub fn world(file: &Path) -> World {
    let text = std::fs::read_to_string(file).unwrap();
    let assets: Vec<Value> = if file.extension().is_some_and(|extension| extension == "json") {
        let mut response: Value = serde_json::from_str(&text).unwrap();
        serde_json::from_value(response["result"]["items"].take()).unwrap()
    } else {
        text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    assets.into_iter().map(|asset| (asset["id"].as_str().unwrap().to_owned(), as_shown(asset))).collect()
}

/// What an import makes of an asset (decisions.md 1, "Imported assets").
pub fn as_shown(mut asset: Value) -> Value {
    let members = asset.as_object_mut().unwrap();
    for name in OPTION_ONLY.iter().chain(&["last_indexed_slot"]) {
        members.remove(*name);
    }
    for (name, empty) in [
        ("content", serde_json::json!({})),
        ("grouping", serde_json::json!([])),
        ("creators", serde_json::json!([])),
        ("authorities", serde_json::json!([])),
        ("mutable", Value::Bool(true)),
        ("burnt", Value::Bool(false)),
        (
            "compression",
            serde_json::json!({
                "eligible": false, "compressed": false, "data_hash": "", "creator_hash": "", "asset_hash": "",
                "tree": "", "seq": 0, "leaf_id": 0,
            }),
        ),
    ] {
        let value = members.entry(name).or_insert(Value::Null);
        if value.is_null() {
            *value = empty;
        }
    }
    let content = members["content"].as_object_mut().unwrap();
    if content.get("metadata").is_none_or(Value::is_null) {
        content.insert("metadata".to_owned(), Value::Object(Map::new()));
    }
    if let Some(files) = content.get_mut("files").and_then(Value::as_array_mut) {
        for file in files.iter_mut().filter_map(Value::as_object_mut) {
            file.remove("cdn_uri");
        }
    }
    let grouping = members["grouping"].as_array_mut().unwrap();
    grouping.retain(|group| group["verified"] != Value::Bool(false) && !group["group_value"].is_null());
    for group in grouping.iter_mut().filter_map(Value::as_object_mut) {
        group.remove("verified");
        group.remove("collection_metadata");
    }
    asset
}

/// How soon the tiers of the cases give a caller the next call: after that, a case that has used up its calls tells nothing
/// of what becomes of one more.
const REFILL: std::time::Duration = std::time::Duration::from_millis(100);

/// How often a case of rates may be slower than that, on a machine that is busy, before it counts as failed.
const SLOW_RUNS_MAX: u32 = 20;

impl Case {
    /// Runs the case with keys of its own; an error says what differs.
    pub async fn run(&self, client: &Client, store: &Store, world: &World) -> Result<(), String> {
        let mut runs = 1;
        loop {
            let keys = keys(store).await;
            let start = Instant::now();
            match self.run_with(client, &keys, world).await {
                Err(_) if self.is_of_rates() && start.elapsed() > REFILL && runs < SLOW_RUNS_MAX => runs += 1,
                done => return done,
            }
        }
    }

    /// Whether a caller is refused a call too many.
    fn is_of_rates(&self) -> bool {
        let responses = self.steps.iter().map(|step| &step.response).chain(&self.response);
        let texts = ["Rate limit exceeded", "request rate exceeded", "rate_limited"];
        let mut bodies = responses.map(|response| (response.status, &response.body));
        bodies.any(|(status, body)| {
            let body = body.as_ref().map(Value::to_string).unwrap_or_default();
            status == 429 || texts.iter().any(|text| body.contains(text))
        })
    }

    async fn run_with(
        &self,
        client: &Client,
        keys: &BTreeMap<&str, String>,
        world: &World,
    ) -> Result<(), String> {
        let single = self
            .request
            .clone()
            .zip(self.response.clone())
            .map(|(request, response)| Step { request, response });
        let mut cursor = String::new();
        for (number, step) in single.iter().chain(&self.steps).enumerate() {
            let reply = step.request.send(client, keys, &cursor).await;
            let problems = step.response.compare(&reply, world, &cursor);
            if !problems.is_empty() {
                return Err(format!(
                    "step {}: {}\n  got: {} {}",
                    number + 1,
                    problems.join("\n  "),
                    reply.status,
                    shorten(&reply.text)
                ));
            }
            if let Some(id) = &self.id_text
                && !reply.text.contains(&format!("\"id\":{id}"))
            {
                return Err(format!("the id is not {id} to the letter: {}", shorten(&reply.text)));
            }
            if let Ok(body) = serde_json::from_str::<Value>(&reply.text)
                && let Some(next) = body["result"]["cursor"].as_str()
            {
                next.clone_into(&mut cursor);
            }
        }
        Ok(())
    }
}

impl Request {
    async fn send(&self, client: &Client, keys: &BTreeMap<&str, String>, cursor: &str) -> Reply {
        let fill = |text: &str| {
            let text = keys
                .iter()
                .fold(text.to_owned(), |text, (name, key)| text.replace(&format!("{{{name}}}"), key));
            text.replace("{cursor}", cursor)
        };
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), fill(value))).collect();
        let body = match (&self.body, &self.text) {
            (Some(body), _) => Some(fill(&body.to_string())),
            (None, text) => text.as_deref().map(fill),
        };
        client.send(&self.http_method, &fill(&self.path), &headers, body).await.unwrap()
    }
}

impl Response {
    /// Everything that differs.
    fn compare(&self, reply: &Reply, world: &World, cursor: &str) -> Vec<String> {
        let mut problems = Vec::new();
        if self.status != reply.status.as_u16() {
            problems.push(format!("status {} instead of {}", reply.status.as_u16(), self.status));
        }
        self.compare_headers(reply, &mut problems);
        if self.empty && !reply.text.is_empty() {
            problems.push("the body should be empty".to_owned());
        }
        if let Some(text) = &self.text
            && text != ANY
            && *text != reply.text
        {
            problems.push(format!("the body should be {text:?}"));
        }
        if let Some(expected) = &self.body {
            let Ok(mut found) = serde_json::from_str(&reply.text) else {
                problems.push("the body is not JSON".to_owned());
                return problems;
            };
            let mut expected = expand(expected, world, cursor);
            for pointer in self.except.keys() {
                remove(&mut expected, pointer);
                remove(&mut found, pointer);
            }
            compare(&expected, &found, "", &mut problems);
        }
        problems
    }

    fn compare_headers(&self, reply: &Reply, problems: &mut Vec<String>) {
        let Some(headers) = &self.headers else { return };
        let expected = usual_headers(headers);
        for (name, value) in &reply.headers {
            match expected.get(name) {
                _ if IGNORED_HEADERS.contains(&name.as_str()) => {}
                None => problems.push(format!("header {name}: {value} should not be there")),
                Some(wanted) if wanted != ANY && wanted != value => {
                    problems.push(format!("header {name}: {value} instead of {wanted}"));
                }
                Some(_) => {}
            }
        }
        for (name, wanted) in expected {
            if !reply.headers.contains_key(&name) {
                problems.push(format!("header {name}: {wanted} is missing"));
            }
        }
    }
}

/// `$usual` stands for the headers that every answer has, with the limit of a tier or without.
fn usual_headers(headers: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut expected = headers.clone();
    let Some(tier) = expected.remove("$usual") else { return expected };
    let mut usual = |name: &str, value: &str| {
        expected.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    };
    usual("content-type", "application/json");
    usual("x-request-id", ANY);
    usual("access-control-allow-origin", "*");
    usual(
        "access-control-expose-headers",
        "retry-after,x-ratelimit-limit,x-ratelimit-remaining,x-ratelimit-reset,x-request-id",
    );
    let limit = match tier.as_str() {
        "free" => "2",
        "basic" => "10",
        "pro" => "50",
        "business" => "100",
        "none" | "enterprise" => return expected,
        other => panic!("$usual: {other}"),
    };
    usual("x-ratelimit-limit", limit);
    usual("x-ratelimit-remaining", ANY);
    usual("x-ratelimit-reset", ANY);
    expected
}

/// Replaces `{"$asset": id, …}` by the world's asset with the other members on top.
fn expand(value: &Value, world: &World, cursor: &str) -> Value {
    match value {
        Value::Object(members) => {
            if let Some(id) = members.get("$asset").and_then(Value::as_str) {
                let mut asset =
                    world.get(id).unwrap_or_else(|| panic!("no asset {id} in this world")).clone();
                for (name, member) in members.iter().filter(|(name, _)| *name != "$asset") {
                    asset[name] = member.clone();
                }
                return asset;
            }
            Value::Object(
                members.iter().map(|(name, member)| (name.clone(), expand(member, world, cursor))).collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| expand(item, world, cursor)).collect()),
        Value::String(text) if text.contains("{cursor}") => Value::String(text.replace("{cursor}", cursor)),
        other => other.clone(),
    }
}

fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    match value.pointer_mut(parent) {
        Some(Value::Object(members)) => drop(members.remove(last)),
        Some(Value::Array(items)) => {
            if let Ok(place) = last.parse::<usize>()
                && place < items.len()
            {
                items.remove(place);
            }
        }
        _ => {}
    }
}

fn compare(expected: &Value, found: &Value, at: &str, problems: &mut Vec<String>) {
    match (expected, found) {
        (Value::String(any), _) if any == ANY => {}
        (Value::Object(expected), Value::Object(found)) => {
            for (name, value) in expected {
                match found.get(name) {
                    Some(other) => compare(value, other, &format!("{at}/{name}"), problems),
                    None => problems.push(format!("{at}/{name} is missing")),
                }
            }
            for (name, value) in found.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                problems.push(format!("{at}/{name} should not be there: {}", shorten(&value.to_string())));
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (place, (value, other)) in expected.iter().zip(found).enumerate() {
                compare(value, other, &format!("{at}/{place}"), problems);
            }
        }
        _ if expected == found => {}
        _ => problems.push(format!(
            "{at}: {} instead of {}",
            shorten(&found.to_string()),
            shorten(&expected.to_string())
        )),
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 600 {
        text.to_owned()
    } else {
        text.chars().take(600).chain("…".chars()).collect()
    }
}

/// Keys of every kind, made for one case: what one case uses up no other one misses.
async fn keys(store: &Store) -> BTreeMap<&'static str, String> {
    let mut keys = BTreeMap::new();
    for tier in ["free", "basic", "pro", "business", "enterprise"] {
        keys.insert(tier, make_key(store, tier, None).await.0);
    }
    let now = OffsetDateTime::now_utc();
    let (revoked, key_id) = make_key(store, "basic", None).await;
    store.revoke_key(key_id, now).await.unwrap();
    keys.insert("revoked", revoked);
    keys.insert("expired", make_key(store, "basic", Some(now - Duration::hours(1))).await.0);
    keys.insert("unknown", "vt_00000000000000000000000000000000".to_owned());
    let percent: Vec<String> = keys["basic"].bytes().map(|byte| format!("%{byte:02X}")).collect();
    keys.insert("basic:percent", percent.concat());
    keys
}
