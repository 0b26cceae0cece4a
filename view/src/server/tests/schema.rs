//! Checks a value against a JSON schema, as far as the document uses the language.

use serde_json::Value;

#[track_caller]
pub(super) fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointed = document.pointer(reference.trim_start_matches('#'));
        let schema = pointed.unwrap_or_else(|| panic!("{place}: no {reference}"));
        return check(document, schema, value, place);
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let fits = types.is_empty() || types.iter().any(|kind| is(kind, value));
    assert!(fits, "{place}: {value} is no {types:?}");
    if let Some(words) = schema["enum"].as_array() {
        assert!(
            words.contains(value),
            "{place}: {value} is none of {words:?}"
        );
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_f64(), value.as_f64()) {
        assert!(number >= least, "{place}: {number} is below {least}");
    }
    if let (Some(most), Some(number)) = (schema["maximum"].as_f64(), value.as_f64()) {
        assert!(number <= most, "{place}: {number} is above {most}");
    }
    if let (Some(items), true) = (schema.get("items"), value.is_array()) {
        for (number, item) in value.as_array().into_iter().flatten().enumerate() {
            check(document, items, item, &format!("{place}/{number}"));
        }
    }
    if let Some(fields) = value.as_object() {
        check_fields(document, schema, fields, place);
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => panic!("unknown type {kind}"),
    }
}

fn check_fields(
    document: &Value,
    schema: &Value,
    fields: &serde_json::Map<String, Value>,
    place: &str,
) {
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        assert!(fields.contains_key(name), "{place}: no {name}");
    }
    for (name, value) in fields {
        let place = format!("{place}/{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (known @ Value::Object(_), _) | (_, known @ Value::Object(_)) => {
                check(document, known, value, &place);
            }
            (_, Value::Bool(false)) => panic!("{place} is not in the document"),
            _ => {}
        }
    }
}
