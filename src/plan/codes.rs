//! What a plan refuses, with its explanations.
use crate::diagnostic::codes;

codes! {
    /// All of them.
    pub(crate) CODES:
    RING = "DL0530", "Resources form a dependency cycle",
        "Each resource in the ring waits for the next one, so none can be made first. References in late fields (rules of security groups) do not count. Let one of them use a value that is known beforehand.";
    DESTROYS_DATA = "DL0534", "The plan would destroy data",
        "A resource that holds data (a bucket, a persistent file system) would be deleted or replaced. `--yes` never covers that. Undo the change, or name the resource with `--allow-destroy ADDRESS` when its data may be lost. If it is not empty, `--delete-data` is needed as well; both are asked for before anything changes.";
    NEWER_IMAGE = "DL0536", "A newer build of an image is there",
        "AWS publishes new builds of its images under the same name. A group stays on the build that its first member was started from, so that a larger group is a uniform one. `--replace ADDRESS` makes the group anew from the newest build; an `ami-` id as `image` replaces the members one after the other.";
    ENDLESS_MOVE = "DL0550", "A move that would never end",
        "Something new needs what only one object may have at a time (the range of a subnet, the name of a bucket, the room of a reservation), and whoever has it can go only when the new one is there. Where something that stays can let go in place, as a route table lets go of a subnet, dlinfra does that first; here nothing can. Give the new one another range or name, or do it in two applies: first without it, then with it. Nothing was changed.";
    NO_ALTERNATIVE = "DL0551", "None of the alternatives is free",
        "A field with alternatives takes the first that nothing else of the blueprint has, and here others have all of them. Add alternatives, or make the others smaller. What something live has is kept as long as it is one of its alternatives.";
    PROTECTED = "DL0552", "Something protected would end",
        "`protect: never` holds for the resource and for its members: it is not deleted, replaced, made smaller or replaced member by member. Undo the change, or set `protect: off`, apply that, and then make the change. Nothing was changed.";
}
