//! A whole answer of the upstream: a result or an error.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use vitrine_model::Object;

use super::{Passing, Trouble};

/// What the upstream says to a call.
#[derive(Debug)]
pub(crate) enum Reply {
    /// A result, whole.
    Result(Bytes),
    /// An error, in the upstream's own words: an object with code, message and perhaps data.
    Error(Box<RawValue>),
    /// A result of which more is to come.
    Passing(Box<Passing>),
}

/// What has to be in an error.
#[derive(Deserialize)]
struct ErrorParts {
    #[serde(rename = "code")]
    _code: i64,
    #[serde(rename = "message")]
    _message: String,
}

/// Reads an answer. That it is JSON throughout is checked: it may become a part of a larger one.
pub(super) fn parse(body: &Bytes) -> Result<Reply, Trouble> {
    let text = std::str::from_utf8(body).map_err(|_| Trouble::NoAnswer)?;
    let mut answer = Object::parse(text).map_err(|_| Trouble::NoAnswer)?;
    // Some servers send both, one of them null.
    let error = answer.take("error").filter(|error| error.get() != "null");
    match (error, answer.take("result")) {
        (Some(error), _) => {
            serde_json::from_str::<ErrorParts>(error.get()).map_err(|_| Trouble::NoAnswer)?;
            Ok(Reply::Error(error.to_owned()))
        }
        (None, Some(result)) => Ok(Reply::Result(body.slice_ref(result.get().as_bytes()))),
        (None, None) => Err(Trouble::NoAnswer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Result<String, String>, String> {
        match parse(&Bytes::from(body.to_owned())) {
            Ok(Reply::Result(result)) => Ok(Ok(String::from_utf8_lossy(&result).into_owned())),
            Ok(Reply::Error(error)) => Ok(Err(error.get().to_owned())),
            Ok(Reply::Passing(_)) => Err("in pieces".to_owned()),
            Err(trouble) => Err(trouble.to_string()),
        }
    }

    #[test]
    fn results_and_errors_keep_their_text() {
        let result = |text: &str| Ok(Ok(text.to_owned()));
        let error = |text: &str| Ok(Err(text.to_owned()));
        assert_eq!(read(r#"{"jsonrpc":"2.0","result":{"a": 1.50},"id":1}"#), result(r#"{"a": 1.50}"#));
        assert_eq!(read(r#"{"result":null}"#), result("null"));
        assert_eq!(read(r#"{"result":1,"error":null}"#), result("1"));
        let object =
            r#"{"code":-32002,"message":"Transaction simulation failed","data":{"logs":[ ]},"more":1}"#;
        assert_eq!(read(&format!(r#"{{"error":{object},"id":1}}"#)), error(object));
        assert_eq!(read(&format!(r#"{{"result":null,"error":{object}}}"#)), error(object));
    }

    #[test]
    fn what_is_no_answer() {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            "<html>502</html>",
            r#"{"result":1"#,
            r#"{"result":tru}"#,
            r#"{"result":1,"result":2}"#,
            r#"{"error":"text"}"#,
            r#"{"error":{"code":"x","message":"m"}}"#,
            r#"{"error":{"code":1}}"#,
        ] {
            assert_eq!(read(body), Err(Trouble::NoAnswer.to_string()), "{body}");
        }
        assert!(matches!(parse(&Bytes::from_static(b"{\"result\":\"\xff\"}")), Err(Trouble::NoAnswer)));
    }
}
