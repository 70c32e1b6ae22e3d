//! The tags of target groups and listener rules.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::SdkError;
use aws_sdk_elasticloadbalancingv2::operation::describe_tags::DescribeTagsError;
use aws_sdk_elasticloadbalancingv2::types::Tag;
use shared::{Names, Owner, owner};

/// The owner of a target group or listener rule.
pub(crate) async fn owner_of(elb: &Client, arn: &str) -> Result<Option<Owner>, SdkError<DescribeTagsError>> {
    let described = elb.describe_tags().resource_arns(arn).send().await?;
    let tags = described.tag_descriptions().iter().flat_map(|description| description.tags());
    Ok(owner::owner_in(tags.filter_map(|tag| Some((tag.key()?, tag.value()?)))))
}

/// The tags of a target group or listener rule.
pub(crate) fn of(names: &Names, owner: &Owner) -> Vec<Tag> {
    let tags = owner::tags(names.environment(), names.tenant(), owner).into_iter();
    tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}
