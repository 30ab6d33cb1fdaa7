//! The shapes that an interface describes, as its tests hold replies against them. Shared with the tests of the
//! product.

use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// JSON Schema's draft 7.
pub(crate) const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

/// The description of an interface, and its shapes without room for members that they do not declare.
pub(crate) struct Described {
    pub(crate) document: Value,
    strict: Value,
}

impl Described {
    pub(crate) fn new(document: Value) -> Self {
        let mut strict = document["components"]["schemas"].clone();
        let mut open = BTreeSet::new();
        parts_of_others(&strict, &mut open);
        for (name, shape) in strict.as_object_mut().unwrap() {
            if !open.contains(name) {
                close(shape);
            }
        }
        Self { document, strict }
    }

    pub(crate) fn methods(&self) -> &[Value] {
        self.document["methods"].as_array().unwrap()
    }

    pub(crate) fn method(&self, name: &str) -> &Value {
        self.methods().iter().find(|m| m["name"] == name).unwrap()
    }

    /// Checks values against a shape of this document. Members that are not declared are errors.
    pub(crate) fn validator(&self, shape: &Value) -> Validator {
        let schema = json!({ "$schema": DRAFT, "components": { "schemas": self.strict }, "allOf": [shape] });
        jsonschema::draft7::new(&schema).unwrap()
    }

    /// Checks `value` against a shape of this document. Members that are not declared are errors.
    pub(crate) fn check(&self, value: &Value, shape: &Value, at: &str) {
        let validator = self.validator(shape);
        let errors: Vec<String> =
            validator.iter_errors(value).map(|e| format!("{at}{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}\nin {value}");
    }
}

/// Names of shapes that are only part of the objects they describe.
fn parts_of_others(shape: &Value, names: &mut BTreeSet<String>) {
    match shape {
        Value::Object(members) => {
            let parts =
                ["allOf", "oneOf", "anyOf"].into_iter().filter_map(|key| members.get(key)?.as_array());
            if members.contains_key("properties") {
                let referred = parts.flatten().filter_map(|part| part["$ref"].as_str()?.rsplit('/').next());
                names.extend(referred.map(str::to_owned));
            }
            members.values().for_each(|member| parts_of_others(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| parts_of_others(item, names)),
        _ => {}
    }
}

/// Leaves no room for members that an object's shape does not declare.
fn close(shape: &mut Value) {
    match shape {
        Value::Object(members) => {
            let whole = ["allOf", "oneOf", "anyOf", "additionalProperties"]
                .iter()
                .all(|key| !members.contains_key(*key));
            if members.contains_key("properties") && whole {
                members.insert("additionalProperties".to_owned(), false.into());
            }
            if members.contains_key("properties") && !whole {
                return; // each of its parts describes a part of the object
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
