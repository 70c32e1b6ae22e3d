//! Deletes the DNS records of a tenant's host.

use functions::resources::dns_record;

functions::lambda! {
    route53 = aws_sdk_route53::Client::new;
    |settings, request| dns_record::delete(route53, &settings, request).await
}
