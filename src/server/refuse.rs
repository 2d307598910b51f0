//! Answers to requests that are no reviews, or that there is no room for.

use super::{
    connection::{Handler, Reply},
    pace::Answering,
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};

/// Why a request is not answered as it wishes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0}")]
    BadRequest(String),
    #[error("this page is only for callers on the same machine, such as kubectl port-forward")]
    NotLocal,
    #[error("nothing is here; {0}")]
    NotFound(&'static str),
    #[error("this path takes {0} requests only")]
    Method(Method),
    #[error("the body did not arrive in time")]
    TooSlow,
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the body must be application/json")]
    MediaType,
    #[error("an internal error occurred")]
    Internal,
    #[error("too many requests at once, try again")]
    Overloaded,
}

impl Refused {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotLocal => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The answer: a sentence.
    pub(crate) fn reply(&self) -> Reply {
        let mut reply = text(self.status(), format!("{self}\n"));
        match self {
            Self::Method(method) => {
                if let Ok(value) = HeaderValue::from_str(method.as_str()) {
                    reply.headers_mut().insert(ALLOW, value);
                }
            }
            Self::Overloaded => {
                reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        reply
    }
}

/// A plain answer.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    typed(status, "text/plain; charset=utf-8", text)
}

/// An answer of the given media type.
pub(crate) fn typed(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    reply
}

/// Says that the connection ends with this answer.
pub(crate) fn closing(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// Tells every request of a connection beyond the limit to try again.
#[derive(Debug)]
pub(crate) struct Busy;

impl Handler for Busy {
    async fn handle(&self, _: Request<Incoming>, _: Answering) -> Reply {
        closing(Refused::Overloaded.reply())
    }
}
