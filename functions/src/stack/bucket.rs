//! Objects in the stack's bucket.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use serde::{Deserialize, Serialize};
use shared::{Error, ErrorKind, Result};

/// The location of an object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Location {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
}

impl std::fmt::Display for Location {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Reads an object of at most `limit` bytes.
///
/// # Errors
/// `wrong` when it is missing or longer; `AccessDenied`.
pub(crate) async fn read(s3: &Client, location: &Location, limit: i64, wrong: ErrorKind) -> Result<Vec<u8>> {
    let doing = format!("reading {location}");
    let object = match s3.get_object().bucket(&location.bucket).key(&location.key).send().await {
        Ok(object) => object,
        Err(error) if error.code() == Some("NoSuchKey") => {
            return Err(Error::new(wrong, format!("{doing}: there is no such object")));
        }
        Err(error) => return Err(Error::aws(doing, error)),
    };
    let length = object.content_length().unwrap_or_default();
    if length > limit {
        return Err(Error::new(wrong, format!("{doing}: it has {length} bytes: allowed are at most {limit}")));
    }
    let body = object.body.collect().await;
    Ok(body.map_err(|error| Error::new(ErrorKind::Transient, doing).with_source(error))?.to_vec())
}

/// Writes an object as JSON.
///
/// # Errors
/// When S3 refuses a call.
pub(crate) async fn write(s3: &Client, location: &Location, content: &impl Serialize) -> Result<()> {
    let doing = format!("writing {location}");
    let body = serde_json::to_vec(content).map_err(|error| Error::internal(&doing).with_source(error))?;
    let put = s3.put_object().bucket(&location.bucket).key(&location.key).content_type("application/json");
    put.body(body.into()).send().await.map_err(|error| Error::aws(doing, error))?;
    Ok(())
}
