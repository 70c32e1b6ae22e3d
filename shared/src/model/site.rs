//! What a customer may ask of a new site: its title, its administrator, its language.

use serde::{Deserialize, Serialize};

use crate::checked_text;

checked_text! {
    /// The title of a site: 1 to 200 characters, none of them a control character.
    SiteTitle, |title| {
        let length = title.chars().count();
        if title.trim().is_empty() || length > 200 || title.chars().any(char::is_control) {
            return Err(format!("{title:?} is not a title: allowed are 1 to 200 characters on one line"));
        }
        Ok(())
    }
}

checked_text! {
    /// The name by which the administrator logs in. WordPress allows more characters than these; these need no quoting
    /// anywhere.
    AdminUser, |user| {
        let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
        if (1..=60).contains(&user.len()) && user.bytes().all(is_inside) {
            return Ok(());
        }
        Err(format!("{user:?} is not a user name: allowed are 1 to 60 letters, digits and any of . _ - @"))
    }
}

checked_text! {
    /// An e-mail address that WordPress accepts. Source: WordPress's function `is_email`, which is stricter than the
    /// standard.
    EmailAddress, |address| {
        if is_email(address) {
            return Ok(());
        }
        Err(format!("{address:?} is not an e-mail address: allowed is name@domain, as in \"owner@example.com\", of 100 characters at most"))
    }
}

checked_text! {
    /// A language that WordPress has translations for, by its name: `de_DE`, `de_DE_formal`, `ja`.
    Locale, |locale| {
        let mut parts = locale.split('_');
        let is_right = parts.next().is_some_and(|language| has_letters(language, 2..=3, u8::is_ascii_lowercase))
            && parts.next().is_none_or(|country| has_letters(country, 2..=2, u8::is_ascii_uppercase))
            && parts.next().is_none_or(|variant| has_letters(variant, 2..=12, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
            && parts.next().is_none();
        if is_right {
            return Ok(());
        }
        Err(format!("{locale:?} is not a language of WordPress: allowed is language[_COUNTRY[_variant]], as in \"de_DE\""))
    }
}

checked_text! {
    /// The beginning of the names of a site's tables, `wp_` unless somebody has chosen another one. Source: WordPress's
    /// `wp-config-sample.php`, "Only numbers, letters, and underscores please!"
    TablePrefix, |prefix| {
        let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if (1..=32).contains(&prefix.len()) && prefix.bytes().all(is_inside) {
            return Ok(());
        }
        Err(format!("{prefix:?} is not a table prefix: allowed are 1 to 32 letters, digits and underscores, as in \"wp_\""))
    }
}

/// What is asked for a new site. What is absent has a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Title; the tenant's host when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<SiteTitle>,
    /// The administrator's user name; `admin` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_user: Option<AdminUser>,
    /// The administrator's e-mail address; `admin@` the domain of the tenants when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_email: Option<EmailAddress>,
    /// Language; `en_US` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
}

fn is_email(address: &str) -> bool {
    let Some((name, domain)) = address.split_once('@') else { return false };
    let is_in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~.-".contains(&byte);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (6..=100).contains(&address.len())
        && !name.is_empty()
        && name.bytes().all(is_in_name)
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

fn has_letters(text: &str, count: std::ops::RangeInclusive<usize>, is_right: impl Fn(&u8) -> bool) -> bool {
    count.contains(&text.len()) && text.as_bytes().iter().all(is_right)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(site: Value) -> Result<Site, String> {
        serde_json::from_value(site).map_err(|error| error.to_string())
    }

    #[test]
    fn what_wordpress_accepts_is_accepted() {
        for good in [
            json!({}),
            json!({"title": "Käse & Söhne \"1922\" 🧀", "admin_user": "jo.doe-1@x", "admin_email": "jo+x@example.co.uk"}),
            json!({"locale": "de_DE_formal"}),
            json!({"locale": "ja"}),
            json!({"locale": "pt_PT_ao90"}),
        ] {
            assert_eq!(serde_json::to_value(parse(good.clone()).unwrap()).unwrap(), good);
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_value_and_what_is_allowed() {
        for (bad, allowed) in [
            (json!({"title": " "}), "200 characters"),
            (json!({"title": "a\nb"}), "one line"),
            (json!({"title": "x".repeat(201)}), "200 characters"),
            (json!({"admin_user": "jo doe"}), "60 letters"),
            (json!({"admin_user": ""}), "60 letters"),
            (json!({"admin_user": "$(id)"}), "60 letters"),
            (json!({"admin_email": "jo@localhost"}), "name@domain"),
            (json!({"admin_email": "@example.com"}), "name@domain"),
            (json!({"admin_email": "jo@-example.com"}), "name@domain"),
            (json!({"admin_email": "j o@example.com"}), "name@domain"),
            (json!({"locale": "german"}), "de_DE"),
            (json!({"locale": "de_de"}), "de_DE"),
            (json!({"locale": "../x"}), "de_DE"),
            (json!({"password": "secret"}), "unknown field"),
        ] {
            let error = parse(bad.clone()).unwrap_err();
            assert!(error.contains(allowed), "{bad}: {error}");
        }
    }
}
