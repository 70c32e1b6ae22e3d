//! The values of the stack's parameters, which a function receives as environment variables.

use std::collections::HashMap;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};
use crate::{EnvironmentName, Names, TenantId};

/// A function's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    environment: EnvironmentName,
    values: HashMap<String, String>,
}

impl Settings {
    /// Reads the process's environment variables.
    ///
    /// # Errors
    /// `EnvironmentNotReady` when `ENVIRONMENT` is not `dev`, `sit` or `prod`.
    pub fn from_process() -> Result<Self> {
        Self::new(
            std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Settings with these values.
    ///
    /// # Errors
    /// As [`Settings::from_process`].
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let values: HashMap<_, _> = values.into_iter().collect();
        let environment = values.get("ENVIRONMENT").cloned().unwrap_or_default();
        let environment = environment.try_into().map_err(|reason| {
            Error::new(ErrorKind::EnvironmentNotReady, format!("function setting ENVIRONMENT: {reason}"))
        })?;
        Ok(Self { environment, values })
    }

    /// The environment that the function is deployed to.
    pub fn environment(&self) -> EnvironmentName {
        self.environment
    }

    /// Refuses a request for another environment than this stack's.
    ///
    /// # Errors
    /// `WrongEnvironment` with the names of both.
    pub fn guard(&self, wanted: Option<EnvironmentName>) -> Result<()> {
        match wanted {
            Some(wanted) if wanted != self.environment => Err(Error::new(
                ErrorKind::WrongEnvironment,
                format!(
                    "environment: \"{wanted}\" was asked for, and this is the stack of \"{}\": start the execution there",
                    self.environment
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The names of a tenant's resources in this environment.
    pub fn names(&self, tenant: &TenantId) -> Names {
        Names::new(self.environment, tenant)
    }

    /// An optional setting. An empty value counts as absent, because a stack parameter cannot be unset.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The settings whose names begin with `prefix`, except empty ones.
    pub fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        let of_prefix = self.values.iter().filter(move |(name, value)| name.starts_with(prefix) && !value.is_empty());
        of_prefix.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A setting with several values, separated by commas.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let items = self.optional(name).unwrap_or_default().split(',');
        items.map(str::trim).filter(|item| !item.is_empty()).collect()
    }

    /// A required setting.
    ///
    /// # Errors
    /// `EnvironmentNotReady` with its name.
    pub fn required(&self, name: &str) -> Result<&str> {
        self.optional(name).ok_or_else(|| {
            Error::new(
                ErrorKind::EnvironmentNotReady,
                format!("function setting {name} is not set: deploy the stack again"),
            )
        })
    }

    /// A required setting of type `T`.
    ///
    /// # Errors
    /// `EnvironmentNotReady` with its name and its value.
    pub fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T> {
        let value = self.required(name)?;
        value.parse().map_err(|reason| {
            Error::new(ErrorKind::EnvironmentNotReady, format!("function setting {name} is {value:?}: {reason}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(values: &[(&str, &str)]) -> Result<Settings> {
        Settings::new(values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn an_unknown_environment_is_named() {
        let error = settings(&[("ENVIRONMENT", "staging")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady);
        assert!(error.chain().contains("\"staging\""), "{}", error.chain());
    }

    #[test]
    fn a_list_may_have_spaces_in_it() {
        let settings = settings(&[("ENVIRONMENT", "dev"), ("SUBNETS", "one, two,")]).unwrap();
        assert_eq!(settings.list("SUBNETS"), ["one", "two"]);
    }

    #[test]
    fn an_empty_setting_is_absent() {
        let settings = settings(&[("ENVIRONMENT", "dev"), ("VPC_ID", " "), ("DAYS", "30")]).unwrap();
        assert_eq!(settings.optional("VPC_ID"), None);
        assert!(settings.list("VPC_ID").is_empty());
        assert_eq!(settings.parsed::<u32>("DAYS").unwrap(), 30);
        assert!(settings.required("VPC_ID").unwrap_err().chain().contains("VPC_ID"));
    }
}
