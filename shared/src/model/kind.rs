//! The kinds of resource that a tenant is made of, in one list.
//!
//! The list gives [`Kind`], its names, and [`PerKind`], a struct with one field per kind. Code that handles every kind
//! builds a `PerKind` with all fields named, so that it does not compile when a kind is forgotten.

use serde::{Deserialize, Serialize, Serializer};

/// Declares [`Kind`] and [`PerKind`] from the variant, the field, and the JSON name of each kind.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $field:ident, $name:literal;)+) => {
        /// The kinds of resource that make up a tenant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $name)] $kind,)+
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The name in inputs, results and state machines.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }

        /// One value for each kind of resource.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct PerKind<T> {
            $($(#[$doc])* pub $field: T,)+
        }

        impl<T> PerKind<T> {
            /// Makes the value of each kind.
            pub fn from_fn(mut value: impl FnMut(Kind) -> T) -> Self {
                Self { $($field: value(Kind::$kind),)+ }
            }

            /// The value of a kind.
            pub fn get(&self, kind: Kind) -> &T {
                match kind {
                    $(Kind::$kind => &self.$field,)+
                }
            }
        }
    };
}

kinds! {
    /// ECS service.
    Service, service, "service";
    /// Route 53 record.
    DnsRecord, dns_record, "dns-record";
    /// ALB listener rule.
    ListenerRule, listener_rule, "listener-rule";
    /// ALB target group.
    TargetGroup, target_group, "target-group";
    /// ECS task definition: every revision of the family.
    TaskDefinition, task_definition, "task-definition";
    /// IAM role of the tenant's tasks.
    TaskRole, task_role, "task-role";
    /// EFS access point.
    AccessPoint, access_point, "access-point";
    /// MySQL database and user.
    Database, database, "database";
    /// CloudWatch log group.
    LogGroup, log_group, "log-group";
    /// Secrets Manager secret of the site's administrator.
    SiteCredentials, site_credentials, "site-credentials";
    /// The directory of the tenant's files, which stays when a person removes the tenant.
    Files, files, "files";
    /// Secrets Manager secret of the database user.
    Secret, secret, "secret";
}

impl<T> PerKind<T> {
    /// Every kind with its value.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &T)> {
        Kind::ALL.iter().map(|&kind| (kind, self.get(kind)))
    }

    /// Maps each value.
    pub fn map<U>(&self, mut change: impl FnMut(&T) -> U) -> PerKind<U> {
        PerKind::from_fn(|kind| change(self.get(kind)))
    }
}

/// A JSON object with a field for each kind that has a value.
impl<T: Serialize> Serialize for PerKind<Option<T>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().filter_map(|(kind, value)| Some((kind, value.as_ref()?))))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_is_written_and_read_by_its_name() {
        for &kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(serde_json::from_value::<Kind>(json!(kind.name())).unwrap(), kind);
        }
    }

    #[test]
    fn each_kind_has_a_value_of_its_own() {
        let names = PerKind::from_fn(Kind::name);
        for (kind, name) in names.iter() {
            assert_eq!((*name, *names.get(kind)), (kind.name(), kind.name()));
        }
        assert_eq!(names.iter().map(|(kind, _)| kind).collect::<Vec<_>>(), Kind::ALL);
        assert_eq!(names.map(|name| name.len()).access_point, "access-point".len());
    }

    #[test]
    fn kinds_without_a_value_are_left_out_of_the_json() {
        let values = PerKind { secret: Some(1), listener_rule: Some(2), ..PerKind::default() };
        assert_eq!(serde_json::to_string(&values).unwrap(), r#"{"listener-rule":2,"secret":1}"#);
    }
}
