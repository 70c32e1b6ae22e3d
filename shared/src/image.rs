//! A container image, as `docker pull` takes it.

use std::fmt;

use oci_spec::distribution::Reference;
use serde::{Deserialize, Serialize};

/// Source: the API reference of ECS, ContainerDefinition, `image`.
const LONGEST: usize = 255;

/// A well-formed image reference: `[registry/]repository[:tag][@digest]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageReference(String);

impl ImageReference {
    /// The reference as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ImageReference {
    type Error = String;

    fn try_from(image: String) -> Result<Self, String> {
        if image.len() > LONGEST {
            return Err(format!(
                "{image:?} is not an image reference that ECS takes: allowed are {LONGEST} characters"
            ));
        }
        match image.parse::<Reference>() {
            Ok(_) => Ok(Self(image)),
            Err(reason) => Err(format!(
                "{image:?} is not an image reference ({reason}): allowed is [registry/]repository[:tag][@digest], as in \"wordpress:6.8-apache\""
            )),
        }
    }
}

impl From<ImageReference> for String {
    fn from(image: ImageReference) -> Self {
        image.0
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_docker_hub_and_ecr_are_accepted() {
        let digest = "a".repeat(64);
        for good in [
            "wordpress".to_owned(),
            "wordpress:6.8-php8.3-apache".to_owned(),
            "536580886816.dkr.ecr.eu-west-1.amazonaws.com/wordpress:latest".to_owned(),
            "public.ecr.aws/docker/library/wordpress:latest".to_owned(),
            "localhost:5000/wordpress:1".to_owned(),
            format!("wordpress@sha256:{digest}"),
        ] {
            assert!(ImageReference::try_from(good.clone()).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_image_that_is_too_long_for_ecs_is_refused() {
        assert!(ImageReference::try_from(format!("wordpress:{}", "1".repeat(128))).is_ok());
        let long = format!("{}/wordpress:{}", "a".repeat(150), "1".repeat(100));
        assert!(ImageReference::try_from(long).unwrap_err().contains("255 characters"));
    }

    #[test]
    fn anything_else_is_refused_with_the_form_that_is_allowed() {
        for bad in [
            "",
            " ",
            "Word Press",
            "wordpress:",
            "http://example.com/wordpress",
            "library/WordPress",
            "a@sha256:12",
            "$(id)",
        ] {
            let message = ImageReference::try_from(bad.to_owned()).unwrap_err();
            assert!(message.contains("repository[:tag]"), "{message}");
        }
    }
}
