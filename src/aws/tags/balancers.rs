//! Tags of load balancers and what belongs to them, by ARN, several in one call.
use super::{Tagger, Tags};
use crate::aws::{Aws, Error};
use aws_sdk_elasticloadbalancingv2::types::Tag;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

/// Load balancers, listeners, rules and target groups.
pub static BALANCERS: Balancers = Balancers(());

/// So many objects go into one call.
const MOST: usize = 20;

/// See [`BALANCERS`].
#[derive(Debug)]
pub struct Balancers(());

impl Tagger for Balancers {
    fn by_arn(&self) -> bool {
        true
    }

    fn read<'a>(&'a self, aws: &'a Aws, arns: &'a [String]) -> BoxFuture<'a, Result<BTreeMap<String, Tags>, Error>> {
        Box::pin(async move {
            let mut out = BTreeMap::new();
            for some in arns.chunks(MOST) {
                let found = aws.elb().describe_tags().set_resource_arns(Some(some.to_vec())).send().await?;
                for one in found.tag_descriptions.unwrap_or_default() {
                    let tags = one.tags.unwrap_or_default().into_iter();
                    let tags = tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect();
                    out.insert(one.resource_arn.unwrap_or_default(), tags);
                }
            }
            Ok(out)
        })
    }

    fn retag<'a>(
        &'a self,
        aws: &'a Aws,
        arns: &'a [String],
        set: &'a Tags,
        remove: &'a [String],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            for some in arns.chunks(MOST) {
                if !set.is_empty() {
                    let tags = set.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
                    let call = aws.elb().add_tags().set_resource_arns(Some(some.to_vec()));
                    call.set_tags(Some(tags)).send().await?;
                }
                if !remove.is_empty() {
                    let call = aws.elb().remove_tags().set_resource_arns(Some(some.to_vec()));
                    call.set_tag_keys(Some(remove.to_vec())).send().await?;
                }
            }
            Ok(())
        })
    }
}
