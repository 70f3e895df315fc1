//! JSON whose numbers lose nothing. The reader of JSON in use rounds the last bit of some numbers; the standard library
//! reads what it prints exactly. So a number with a fraction becomes `{"f64": "0.1"}`.

use serde_json::{Map, Value};

/// The key of a number in a text. No document of ours has such a key.
const KEY: &str = "f64";

/// Puts numbers with a fraction into texts.
pub(super) fn encode(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let text = number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string());
            Value::Object(Map::from_iter([(KEY.to_owned(), Value::String(text))]))
        }
        Value::Array(items) => Value::Array(items.into_iter().map(encode).collect()),
        Value::Object(items) => Value::Object(items.into_iter().map(|(key, item)| (key, encode(item))).collect()),
        other => other,
    }
}

/// Takes numbers out of their texts.
///
/// # Errors
/// If a text is not a number.
pub(super) fn decode(value: Value) -> Result<Value, String> {
    Ok(match value {
        Value::Object(items) if items.len() == 1 && items.contains_key(KEY) => {
            let text = items[KEY].as_str().unwrap_or_default();
            let number = text.parse::<f64>().map_err(|_| format!("'{text}' is not a number"))?;
            Value::from(number)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(decode).collect::<Result<_, _>>()?),
        Value::Object(items) => {
            let item = |(key, item): (String, Value)| Ok((key, decode(item)?));
            Value::Object(items.into_iter().map(item).collect::<Result<_, String>>()?)
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost() {
        let value = serde_json::json!({"a": [1, 0.1, -2.5e-300, "0.1", null], "b": {"c": true, "d": {"e": 1e22}}});
        let text = serde_json::to_string(&encode(value.clone())).expect("text");
        assert!(text.contains(r#"{"f64":"0.1"}"#), "{text}");
        assert_eq!(decode(serde_json::from_str(&text).expect("JSON")), Ok(value));
        assert!(decode(serde_json::json!({"f64": "x"})).is_err());
    }
}
