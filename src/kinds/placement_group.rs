//! placement-group: how the machines of several instance groups stand to each other in a zone.
mod read;

pub(super) use read::{all, owned, with_ids};

use crate::{
    aws::{Error, ErrorClass, gone},
    call::{Ctx, SweepCtx},
    diagnostic::codes,
    kinds::ec2,
    resource::{About, Call, Changes, Class, Durations, Gone, Id, Live, Lookup, NameRule, Output, Problem, Resource},
};
use aws_sdk_ec2::types::{PlacementStrategy, ResourceType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A placement group that several instance groups share. An instance group that shares with nobody needs none: it makes
/// one of its own (`placement: cluster`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacementGroup {
    /// Its name; without one, the stack's and its own, with ten more characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How machines are placed.
    #[serde(default)]
    pub strategy: Strategy,
    /// How many partitions a group of the strategy `partition` has in a zone, 1 to 7; two if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u32>,
}

/// How machines of a placement group are placed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Close together in one zone, for traffic between them.
    #[default]
    Cluster,
    /// In partitions that share no rack with each other.
    Partition,
    /// Each on a rack of its own: seven running machines in a zone at most.
    Spread,
}

const CREATE: Call = Call::new("ec2:CreatePlacementGroup", Class::Name);
const RULE: NameRule = NameRule { max: 255, extra: "-_", lower: false };
/// What AWS makes of the strategy `partition` alone: Terraform's documentation says so, AWS's does not (unverified).
const PARTITIONS: u32 = 2;

codes! {
    CODES:
    NAME = "DL2101", "Not a legal name of a placement group",
        "A placement group has a name of 1 to 255 ASCII characters, without spaces at its ends. Names are unique in an \
         account and region. Without `name` dlinfra gives one.";
    PARTITION_COUNT = "DL2102", "Partitions that a placement group cannot have",
        "A group of the strategy `partition` has 1 to 7 partitions in each zone; groups of other strategies have none, and \
         AWS refuses the number there.";
}

impl Resource for PlacementGroup {
    const KIND: &'static str = "placement-group";
    const ABOUT: About = About {
        outputs: &[
            Output { name: "id", ty: "string", doc: "pg-…" },
            Output { name: "name", ty: "string", doc: "its name, by which EC2 knows it" },
        ],
        // EC2 has no call that changes one.
        fixed: &["name", "strategy", "partitions"],
        id_prefix: "pg-",
        terraform: "aws_placement_group",
        calls: &[CREATE],
        name: Some(RULE),
        iam: &[
            "ec2:CreatePlacementGroup",
            "ec2:DescribePlacementGroups",
            "ec2:DeletePlacementGroup",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        codes: CODES,
        free: true,
        // It can go only when the last machine in it is terminated.
        durations: Some(Durations::quick(2, 2, 2)),
        gone: Gone::AtOnce,
        stand_in: "{}",
        ..About::new("How machines are placed: close together, in partitions, or each on a rack of its own")
    };

    fn summary(&self) -> String {
        let word = self.strategy.word();
        self.partitions.map_or(word.to_owned(), |count| format!("{word} of {count}"))
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        let legal = |name: &str| (1..=255).contains(&name.len()) && name.is_ascii() && name.trim() == name;
        if let Some(name) = self.name.as_deref().filter(|name| !legal(name)) {
            problems.push(Problem {
                code: &NAME,
                path: "name".to_owned(),
                summary: format!("`{name}` is not a legal name of a placement group"),
                help: "write 1 to 255 ASCII characters, such as `train`".to_owned(),
            });
        }
        let fits = |count: &u32| self.strategy == Strategy::Partition && (1..=7).contains(count);
        if let Some(count) = self.partitions.filter(|count| !fits(count)) {
            problems.push(Problem {
                code: &PARTITION_COUNT,
                path: "partitions".to_owned(),
                summary: format!(
                    "a placement group of the strategy {} has no {count} partitions",
                    self.strategy.word()
                ),
                help: "write 1 to 7 with `strategy: partition`, or leave `partitions` out".to_owned(),
            });
        }
    }

    fn normalize(&mut self) {
        if self.strategy == Strategy::Partition {
            self.partitions.get_or_insert(PARTITIONS);
        }
    }

    async fn sweep(ctx: &SweepCtx) -> Result<Vec<Live<Self>>, Error> {
        // A part belongs to an instance group, which makes one for its own use.
        owned(ctx).await?.iter().filter(|group| !read::is_part(group)).map(|group| read::read(ctx, group)).collect()
    }

    async fn create(&self, ctx: &Ctx, _: Option<&Live<Self>>) -> Result<Id, Error> {
        // What forces replacement stands in the name.
        let salt = format!("{} {}", self.strategy.word(), self.partitions.unwrap_or(0));
        let name = &self.name.clone().unwrap_or_else(|| ctx.name(&RULE, &salt));
        let partitions = self.partitions.and_then(|count| i32::try_from(count).ok());
        let ids = ctx
            .call_named(&CREATE, "", name, &json!({ "name": name, "spec": self }), |attempt| async move {
                let tags = ec2::tag_specification(ResourceType::PlacementGroup, &attempt.tags);
                let call = ctx.aws.ec2_once().create_placement_group().group_name(name).tag_specifications(tags);
                let call = call.strategy(PlacementStrategy::from(self.strategy.word())).set_partition_count(partitions);
                match call.send().await.map_err(Error::from) {
                    Ok(out) => {
                        let id = out.placement_group.and_then(|group| group.group_id);
                        Ok(vec![id.ok_or_else(|| Error::missing("the placement group's id"))?])
                    }
                    Err(e) if e.class == ErrorClass::Exists => Ok(vec![taken(ctx, name).await?]),
                    Err(e) => Err(e),
                }
            })
            .await?;
        ec2::only(ids, "the placement group's id")
    }

    async fn update(_: &Self, _: &Ctx, _: &Live<Self>, _: &Changes) -> Result<(), Error> {
        Ok(())
    }

    async fn delete(ctx: &Ctx, live: &Live<Self>) -> Result<(), Error> {
        let name = live.spec.name.as_deref().unwrap_or_default();
        gone(ctx.aws.ec2().delete_placement_group().group_name(name).send().await.map_err(Error::from))
    }

    async fn lookup(ctx: &SweepCtx, by: &Lookup) -> Result<Vec<Live<Self>>, Error> {
        let filters = match by {
            Lookup::Id(id) => return Self::lookup_ids(ctx, std::slice::from_ref(id)).await,
            Lookup::Name(name) => vec![ec2::filter("group-name", name)],
            Lookup::Tags(_) => ec2::lookup_filters("", by),
        };
        all(ctx, filters).await?.iter().map(|group| read::read(ctx, group)).collect()
    }

    async fn lookup_ids(ctx: &SweepCtx, ids: &[Id]) -> Result<Vec<Live<Self>>, Error> {
        with_ids(ctx, ids.iter().map(String::as_str)).await?.iter().map(|group| read::read(ctx, group)).collect()
    }
}

impl Strategy {
    const ALL: [Self; 3] = [Self::Cluster, Self::Partition, Self::Spread];

    fn word(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Partition => "partition",
            Self::Spread => "spread",
        }
    }
}

/// What has the name already, if it is ours.
async fn taken(ctx: &Ctx, name: &str) -> Result<Id, Error> {
    let found = all(&ctx.sweep(), vec![ec2::filter("group-name", name)]).await?.into_iter().next();
    let hidden = || Error::new(ErrorClass::NotVisibleYet, format!("the placement group {name} is not shown yet"));
    let found = found.ok_or_else(hidden)?;
    ctx.ours(&format!("the placement group {name}"), &ec2::tags(found.tags()))?;
    ctx.doubtful();
    found.group_id.ok_or_else(|| Error::missing("the placement group's id"))
}
