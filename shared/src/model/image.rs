//! A container image, in the form that `docker pull` accepts.
//!
//! Source: the grammar of the Distribution project's package `reference`. Crates for this use regular expressions,
//! which would be a tenth of a function's size, and they accept letters of any script in a tag.

use crate::checked_text;

/// Maximum length. Source: the API reference of ECS, ContainerDefinition, `image`.
const LONGEST: usize = 255;

checked_text! {
    /// A well-formed image reference: `[registry/]repository[:tag][@digest]`.
    ImageReference, check
}

fn check(image: &str) -> Result<(), String> {
    if image.len() > LONGEST {
        return Err(format!("{image:?} is not an image reference that ECS takes: allowed are {LONGEST} characters"));
    }
    match fault(image) {
        None => Ok(()),
        Some(part) => Err(format!(
            "{image:?} is not an image reference (its {part} is malformed): allowed is [registry/]repository[:tag][@digest], as in \"wordpress:6.8-apache\""
        )),
    }
}

/// The name of the part of a reference that is wrong, if any.
fn fault(image: &str) -> Option<&'static str> {
    let (rest, digest) = image.split_once('@').map_or((image, None), |(rest, digest)| (rest, Some(digest)));
    let slash = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[slash..].split_once(':') {
        Some((last, tag)) => (&rest[..slash + last.len()], Some(tag)),
        None => (rest, None),
    };
    let (registry, repository) = match name.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), path),
        _ => (None, name),
    };
    [
        ("registry", registry.is_none_or(is_registry)),
        ("repository", repository.split('/').all(is_component)),
        ("tag", tag.is_none_or(is_tag)),
        ("digest", digest.is_none_or(is_digest)),
    ]
    .into_iter()
    .find_map(|(part, is_right)| (!is_right).then_some(part))
}

/// Whether the tag of an image names an older release of WordPress than the tag of another. `false` when either tag
/// names none: only images whose repository is called `wordpress` are known to be tagged with their release.
pub fn is_downgrade(from: &str, to: &str) -> bool {
    let (Some(from), Some(to)) = (release(from), release(to)) else { return false };
    to.iter().zip(&from).find(|(to, from)| to != from).is_some_and(|(to, from)| to < from)
}

/// `[6, 8]` of `registry.example.com/wordpress:6.8-php8.3-apache`.
fn release(image: &str) -> Option<Vec<u32>> {
    let name = image.split('@').next()?;
    let (repository, tag) = name.rsplit('/').next()?.split_once(':')?;
    let version = tag.split('-').next().filter(|_| repository == "wordpress")?;
    version.split('.').map(|number| number.parse().ok()).collect()
}

fn is_registry(registry: &str) -> bool {
    let (host, port) = registry.split_once(':').unwrap_or((registry, "443"));
    let is_label = |label: &str| {
        let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(is_inside) && !label.starts_with('-') && !label.ends_with('-')
    };
    host.split('.').all(is_label) && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Lower-case letters and digits, with single separators between them: `.`, `_`, `__` or any number of `-`.
fn is_component(component: &str) -> bool {
    let is_inside = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    let is_separator = |between: &str| [".", "_", "__"].contains(&between) || between.chars().all(|dash| dash == '-');
    component.starts_with(is_inside) && component.ends_with(is_inside) && component.split(is_inside).all(is_separator)
}

fn is_tag(tag: &str) -> bool {
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || [b'_', b'.', b'-'].contains(&byte);
    (1..=128).contains(&tag.len()) && tag.bytes().all(is_inside) && !tag.starts_with(['.', '-'])
}

fn is_digest(digest: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let length = |algorithm| match algorithm {
        "sha256" => Some(64),
        "sha384" => Some(96),
        "sha512" => Some(128),
        _ => None,
    };
    digest
        .split_once(':')
        .is_some_and(|(algorithm, hex)| length(algorithm) == Some(hex.len()) && hex.bytes().all(is_hex))
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
            "test.com:5000".to_owned(),
            "foo/foo_bar.com/a__b/c--d.e:Upper_Case.1-x".to_owned(),
            "xn--n3h.com/myimage:xn--n3h.com".to_owned(),
            format!("wordpress:{}", "1".repeat(128)),
            format!("wordpress@sha256:{digest}"),
            format!("test:5000/wordpress:6@sha512:{digest}{digest}"),
        ] {
            assert!(ImageReference::try_from(good.clone()).is_ok(), "{good}");
        }
    }

    #[test]
    fn an_older_release_is_recognised_by_its_tag() {
        for (from, to) in [
            ("wordpress:6.8-apache", "wordpress:6.7.2"),
            ("wordpress:7", "registry.example.com:5000/wordpress:6.9-php8.3"),
            ("wordpress:6.10", "wordpress:6.9"),
        ] {
            assert!(is_downgrade(from, to) && !is_downgrade(to, from), "{from} {to}");
        }
        for (from, to) in [
            ("wordpress:6.8-apache", "wordpress:6-apache"),
            ("wordpress:6.8", "wordpress:6.8-fpm"),
            ("wordpress:6.8", "wordpress:latest"),
            ("wordpress:6.8", "acme/site:1"),
            ("acme/site:12", "acme/site:11"),
            ("wordpress", "wordpress@sha256:0"),
        ] {
            assert!(!is_downgrade(from, to) && !is_downgrade(to, from), "{from} {to}");
        }
    }

    #[test]
    fn an_image_that_is_too_long_for_ecs_is_refused() {
        let long = format!("{}/wordpress:{}", "a".repeat(150), "1".repeat(100));
        assert!(ImageReference::try_from(long).unwrap_err().contains("255 characters"));
    }

    #[test]
    fn anything_else_is_refused_with_the_form_that_is_allowed() {
        let digest = "a".repeat(64);
        let upper = digest.to_uppercase();
        for (bad, part) in [
            ("", "repository"),
            (" ", "repository"),
            ("Word Press", "repository"),
            ("library/WordPress", "repository"),
            ("/wordpress", "repository"),
            ("a//b", "repository"),
            ("wordpress/", "repository"),
            ("a..b", "repository"),
            ("a___b", "repository"),
            ("a._b", "repository"),
            ("-a", "repository"),
            ("$(id)", "repository"),
            ("münchen", "repository"),
            ("http://example.com/wordpress", "registry"),
            ("-example.com/wordpress", "registry"),
            ("example..com/wordpress", "registry"),
            ("example.com:/wordpress", "registry"),
            ("example.com:x/wordpress", "registry"),
            ("wordpress:", "tag"),
            ("wordpress:.6", "tag"),
            ("wordpress:6:7", "tag"),
            ("wordpress:münchen", "tag"),
            (&format!("wordpress:{}", "1".repeat(129)), "tag"),
            ("a@sha256:12", "digest"),
            ("a@", "digest"),
            (&format!("a@sha256:{upper}"), "digest"),
            (&format!("a@md5:{digest}"), "digest"),
            (&format!("a@sha256:{digest}@sha256:{digest}"), "digest"),
        ] {
            let message = ImageReference::try_from(bad.to_owned()).unwrap_err();
            assert!(message.contains("repository[:tag]"), "{message}");
            assert!(message.contains(&format!("its {part} is malformed")), "{message}");
        }
    }
}
