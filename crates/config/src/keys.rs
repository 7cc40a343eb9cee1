//! The list of all keys, taken from the schema, so that loader, example and messages can never miss one.

use std::sync::OnceLock;

use serde_json::{Map, Value as Json};
use toml::Value;

use crate::value::Kind;
use crate::{
    Admin, Audit, Auth, Config, Copy, Grpc, History, Http, Issuer, Lake, Log, Memory, Mount, Query,
    Results, Sessions, Shutdown, Statements, Tickets, Tls, User, Web, Wire, fields,
};

/// One level of the configuration: the top, a section, or an entry of a section that the operator names.
#[derive(Debug)]
pub(crate) struct Level {
    pub(crate) about: String,
    pub(crate) members: Vec<(String, Node)>,
    /// Members that an entry must have.
    pub(crate) required: Vec<String>,
}

/// What a name stands for.
#[derive(Debug)]
pub(crate) enum Node {
    /// A value.
    Key(Key),
    /// A section with fixed keys.
    Section(Level),
    /// A section with entries that the operator names, all of the same form.
    Entries { about: String, entry: Level },
}

/// A key that takes a value.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) about: String,
    pub(crate) kind: Kind,
    pub(crate) default: Option<Value>,
    pub(crate) example: Option<Value>,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'a> {
    Key(&'a Key),
    Section(&'a Level),
    Entries,
    Entry(&'a Level),
    Nothing,
}

/// All keys.
pub(crate) fn top() -> &'static Level {
    static TOP: OnceLock<Level> = OnceLock::new();
    TOP.get_or_init(|| level(&crate::json_schema(), fields::names::<Config>()))
}

/// What the names of a path lead to, one level after the other.
pub(crate) fn find(path: &[String]) -> Found<'static> {
    let mut names = path.iter();
    let mut level = top();
    while let Some(name) = names.next() {
        match level.get(name) {
            None => return Found::Nothing,
            Some(Node::Key(key)) if names.len() == 0 => return Found::Key(key),
            Some(Node::Key(_)) => return Found::Nothing,
            Some(Node::Section(section)) => level = section,
            Some(Node::Entries { .. }) if names.len() == 0 => return Found::Entries,
            Some(Node::Entries { entry, .. }) => {
                names.next();
                if names.len() == 0 {
                    return Found::Entry(entry);
                }
                level = entry;
            }
        }
    }
    Found::Section(level)
}

/// The path of the entry that a path is in or is, of a section whose entries the operator names.
pub(crate) fn entry_of(path: &[String]) -> Option<&[String]> {
    let section = (1..path.len()).find(|end| matches!(find(&path[..*end]), Found::Entries))?;
    Some(&path[..=section])
}

/// The names that are known below a path.
pub(crate) fn names(above: &[String]) -> Vec<&'static str> {
    let level = match (above, find(above)) {
        ([], _) => Some(top()),
        (_, Found::Section(level) | Found::Entry(level)) => Some(level),
        _ => None,
    };
    level
        .into_iter()
        .flat_map(|level| level.members.iter().map(|(name, _)| name.as_str()))
        .collect()
}

/// Paths of all keys that have one fixed name, as `log.format`.
pub(crate) fn fixed() -> impl Iterator<Item = (Vec<String>, &'static Key)> {
    top().members.iter().flat_map(|(name, node)| match node {
        Node::Key(key) => vec![(vec![name.clone()], key)],
        Node::Section(section) => section
            .members
            .iter()
            .filter_map(|(member, node)| match node {
                Node::Key(key) => Some((vec![name.clone(), member.clone()], key)),
                Node::Section(_) | Node::Entries { .. } => None,
            })
            .collect(),
        Node::Entries { .. } => Vec::new(),
    })
}

/// The environment variable of a path.
pub(crate) fn variable(path: &[String]) -> String {
    format!("GODWIT_{}", path.join("_").to_uppercase())
}

/// A path as it is written in TOML: `users."a.b".password_hash`.
pub(crate) fn dotted(path: &[String]) -> String {
    let bare = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let names: Vec<String> = path
        .iter()
        .map(|name| {
            if bare(name) {
                name.clone()
            } else {
                format!("{name:?}")
            }
        })
        .collect();
    names.join(".")
}

/// The known name that an unknown one was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

impl Level {
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.members
            .iter()
            .find(|(member, _)| member == name)
            .map(|(_, node)| node)
    }
}

/// The declared order of a section's keys; an entry that the operator names goes by the name of its section.
fn order(name: &str) -> &'static [&'static str] {
    match name {
        "auth" => fields::names::<Auth>(),
        "issuers" => fields::names::<Issuer>(),
        "admin" => fields::names::<Admin>(),
        "users" => fields::names::<User>(),
        "tls" => fields::names::<Tls>(),
        "mounts" => fields::names::<Mount>(),
        "sessions" => fields::names::<Sessions>(),
        "statements" => fields::names::<Statements>(),
        "tickets" => fields::names::<Tickets>(),
        "query" => fields::names::<Query>(),
        "memory" => fields::names::<Memory>(),
        "results" => fields::names::<Results>(),
        "lake" => fields::names::<Lake>(),
        "copy" => fields::names::<Copy>(),
        "wire" => fields::names::<Wire>(),
        "web" => fields::names::<Web>(),
        "grpc" => fields::names::<Grpc>(),
        "http" => fields::names::<Http>(),
        "shutdown" => fields::names::<Shutdown>(),
        "audit" => fields::names::<Audit>(),
        "history" => fields::names::<History>(),
        "log" => fields::names::<Log>(),
        _ => &[],
    }
}

fn level(schema: &Json, order: &[&str]) -> Level {
    let none = Map::new();
    let properties = schema
        .get("properties")
        .and_then(Json::as_object)
        .unwrap_or(&none);
    let mut members: Vec<(String, Node)> = properties
        .iter()
        .map(|(name, schema)| (name.clone(), node(name, schema)))
        .collect();
    members.sort_by_key(|(name, _)| order.iter().position(|known| known == name));
    let required = schema.get("required").and_then(Json::as_array);
    Level {
        about: about(schema),
        members,
        required: required
            .into_iter()
            .flatten()
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect(),
    }
}

fn node(name: &str, schema: &Json) -> Node {
    if schema.get("properties").is_some() {
        return Node::Section(level(schema, order(name)));
    }
    let texts = |entry: &Json| entry.get("type").is_some_and(|name| name == "string");
    if let Some(entry @ Json::Object(_)) = schema.get("additionalProperties")
        && !texts(entry)
    {
        let forms = entry.get("anyOf").and_then(Json::as_array);
        let table = forms
            .into_iter()
            .flatten()
            .find(|form| form.get("properties").is_some())
            .unwrap_or(entry);
        return Node::Entries {
            about: about(schema),
            entry: level(table, order(name)),
        };
    }
    Node::Key(Key {
        about: about(schema),
        kind: Kind::of(schema),
        default: schema.get("default").and_then(value),
        example: schema.get("examples").and_then(|list| value(list.get(0)?)),
    })
}

fn about(schema: &Json) -> String {
    let text = schema.get("description").and_then(Json::as_str);
    text.unwrap_or_default().to_owned()
}

fn value(json: &Json) -> Option<Value> {
    Value::try_from(json).ok()
}
