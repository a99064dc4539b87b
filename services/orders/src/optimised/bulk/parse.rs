//! From bytes to items. One bad item is one bad result; only a body that is not a list of a
//! reasonable length is refused whole.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;

use axum::http::StatusCode;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::outcome::Outcome;
use crate::error::ApiError;
use crate::settings::Settings;

/// An item that is well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// Its place in the request, from 0.
    pub(super) index: usize,
    pub(super) user_id: i64,
    pub(super) product_id: i64,
    pub(super) quantity: i64,
    /// The client's own name for it.
    pub(super) reference: Option<String>,
}

/// Characters of a client's reference.
const REFERENCE_CHARS_MAX: usize = 64;

/// Reads the items of a request.
///
/// # Errors
/// 400 for what is not JSON, with the item and the place; 422 for what is not a list or is empty;
/// 413 for too many items.
pub(super) fn items(
    bytes: &[u8],
    settings: &Settings,
) -> Result<Vec<Result<Item, Outcome>>, ApiError> {
    let values = values(bytes, settings.bulk_items_max)?;
    let mut earlier = HashMap::new();
    let check = |(index, value): (usize, &Value)| {
        let item = item(index, value, settings.quantity_max)?;
        let identity = (item.user_id, item.product_id, item.reference.clone());
        match earlier.insert(identity, index) {
            None => Ok(item),
            Some(first) => Err(duplicate(first)),
        }
    };
    Ok(values.iter().enumerate().map(check).collect())
}

/// A number for the body, to notice a key that is used for another one. Not against malice: a
/// client could only fool itself. FNV-1a, 64 bits, with the length.
pub(super) fn fingerprint(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}-{}", bytes.len())
}

fn duplicate(first: usize) -> Outcome {
    let error = format!(
        "the same user and product as item {first}; add the quantities up, or give each a `ref` of \
         its own"
    );
    Outcome::Duplicate { error }
}

fn item(index: usize, value: &Value, quantity_max: i64) -> Result<Item, Outcome> {
    let Value::Object(fields) = value else {
        return Err(invalid(&format!("must be an object, and is {}", kind(value))));
    };
    let id = |name: &str| match fields.get(name) {
        None => Err(invalid(&format!("{name} is missing"))),
        Some(value) => match value.as_i64() {
            Some(id) if id > 0 => Ok(id),
            _ => {
                Err(invalid(&format!("{name} must be a positive integer, and is {}", short(value))))
            }
        },
    };
    let (user_id, product_id) = (id("user_id")?, id("product_id")?);
    let quantity = quantity(fields.get("quantity"), quantity_max)?;
    let reference = reference(fields.get("ref"))?;
    Ok(Item { index, user_id, product_id, quantity, reference })
}

fn quantity(value: Option<&Value>, max: i64) -> Result<i64, Outcome> {
    let Some(value) = value else { return Ok(1) };
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(quantity) if (1..=max).contains(&quantity) => Ok(quantity),
            _ => Err(Outcome::BadQuantity {
                error: format!("quantity must be a whole number from 1 to {max}, and is {number}"),
            }),
        },
        other => Err(invalid(&format!("quantity must be a number, and is {}", short(other)))),
    }
}

fn reference(value: Option<&Value>) -> Result<Option<String>, Outcome> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text))
            if text.chars().count() <= REFERENCE_CHARS_MAX && !text.contains('\0') =>
        {
            Ok(Some(text.clone()))
        }
        Some(other) => Err(invalid(&format!(
            "ref must be a text of at most {REFERENCE_CHARS_MAX} characters, and is {}",
            short(other)
        ))),
    }
}

fn invalid(error: &str) -> Outcome {
    Outcome::Invalid { error: error.to_owned() }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value as it may be shown in a message: short ones as they are.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= 40 { text } else { kind(value).to_owned() }
}

fn values(bytes: &[u8], items_max: usize) -> Result<Vec<Value>, ApiError> {
    let at = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let values = List { at: &at }.deserialize(&mut deserializer);
    let values = values.and_then(|values| deserializer.end().map(|()| values));
    let values = values.map_err(|error| not_a_list(&error, at.get()))?;
    if values.is_empty() {
        let message = "the list has no item";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "empty_list", message));
    }
    if values.len() > items_max {
        let count = values.len();
        let message =
            format!("the list has {count} items, and a request may have {items_max}; send several");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_items", message));
    }
    Ok(values)
}

fn not_a_list(error: &serde_json::Error, item: Option<usize>) -> ApiError {
    if error.is_data() {
        let message = format!("the body must be a list of items: {error}");
        return ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "not_a_list", message);
    }
    let place = item.map(|index| format!(" in item {index}")).unwrap_or_default();
    let message = format!("the body is not JSON{place}: {error}");
    ApiError::new(StatusCode::BAD_REQUEST, "not_json", message)
}

/// Reads a list and remembers which item it is at, for the message when it breaks.
struct List<'a> {
    at: &'a Cell<Option<usize>>,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Vec<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Value>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Value>, A::Error> {
        let mut values = Vec::new();
        self.at.set(Some(0));
        while let Some(value) = list.next_element()? {
            values.push(value);
            self.at.set(Some(values.len()));
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(body: &str) -> Result<Vec<Result<Item, Outcome>>, ApiError> {
        items(body.as_bytes(), &Settings::default())
    }

    /// The message of a request with this one item.
    fn refused(item: &Value) -> String {
        let outcome = read(&json!([item]).to_string()).unwrap().remove(0).unwrap_err();
        outcome.shown(0)["error"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_body_that_is_no_list_is_refused_whole_and_says_where() {
        let many = json!(vec![json!({"user_id": 1, "product_id": 1}); 10_000]).to_string();
        for (body, status, message) in [
            ("[]", 422, "no item"),
            ("{}", 422, "expected a list of items"),
            ("7", 422, "expected a list of items"),
            ("", 400, "not JSON: EOF"),
            (
                "[{\"user_id\":1},{\"user_id\":]",
                400,
                "in item 1: expected value at line 1 column 27",
            ),
            ("[1] 2", 400, "trailing characters"),
            (many.as_str(), 413, "has 10000 items, and a request may have 2000"),
        ] {
            let error = read(body).unwrap_err();
            assert_eq!(error.status().as_u16(), status, "{error:?}");
            assert!(error.message().contains(message), "{error:?}");
        }
    }

    #[test]
    fn a_bad_item_says_what_is_wrong_with_it() {
        for (item, message) in [
            (json!(7), "must be an object, and is a number"),
            (json!({"product_id": 1}), "user_id is missing"),
            (
                json!({"user_id": "1", "product_id": 1}),
                "user_id must be a positive integer, and is \"1\"",
            ),
            (
                json!({"user_id": 1.5, "product_id": 1}),
                "user_id must be a positive integer, and is 1.5",
            ),
            (
                json!({"user_id": 1, "product_id": -1}),
                "product_id must be a positive integer, and is -1",
            ),
            (json!({"user_id": 1, "product_id": 1, "quantity": 0}), "from 1 to 10000, and is 0"),
            (json!({"user_id": 1, "product_id": 1, "quantity": -3}), "from 1 to 10000, and is -3"),
            (
                json!({"user_id": 1, "product_id": 1, "quantity": 1e30}),
                "from 1 to 10000, and is 1e+30",
            ),
            (
                json!({"user_id": 1, "product_id": 1, "quantity": []}),
                "quantity must be a number, and is []",
            ),
            (json!({"user_id": 1, "product_id": 1, "ref": 5}), "ref must be a text"),
            (json!({"user_id": 1, "product_id": 1, "ref": "a\0"}), "ref must be a text"),
        ] {
            let error = refused(&item);
            assert!(error.contains(message), "{item}: {error}");
        }
    }

    #[test]
    fn a_repeat_is_a_duplicate_unless_it_has_a_name_of_its_own() {
        let one = json!({"user_id": 1, "product_id": 2});
        let named = json!({"user_id": 1, "product_id": 2, "ref": "b"});
        let read = read(&json!([one, named, one]).to_string()).unwrap();
        assert!(read[0].is_ok() && read[1].is_ok());
        assert!(matches!(&read[2], Err(Outcome::Duplicate { error }) if error.contains("item 0")));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in "\\PC*") {
            let _ = read(&body);
        }

        #[test]
        fn one_result_for_each_item(quantities in prop::collection::vec(any::<i64>(), 1..50)) {
            let list: Vec<_> = quantities.iter().enumerate()
                .map(|(n, q)| json!({"user_id": n + 1, "product_id": 1, "quantity": q})).collect();
            let read = read(&json!(list).to_string()).unwrap();
            prop_assert_eq!(read.len(), quantities.len());
            for (result, quantity) in read.iter().zip(&quantities) {
                prop_assert_eq!(result.is_ok(), (1..=10_000).contains(quantity));
            }
        }
    }
}
