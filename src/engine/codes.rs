//! The engine's own codes.
use crate::diagnostic::Code;

/// What `dlinfra explain` says about the engine's own codes.
pub static CODES: &[Code] = &[
    Code {
        code: "DL0530",
        title: "Resources need each other in a ring",
        explain: "Each resource in the ring waits for the next one, so none can be made first. References in late fields (rules of security groups) do not count. Let one of them use a value that is known beforehand.",
    },
    Code {
        code: "DL0550",
        title: "A move that would never end",
        explain: "Something new needs what only one object may have at a time (the range of a subnet, the name of a bucket, the room of a reservation), and whoever has it can go only when the new one is there. Where something that stays can let go in place, as a route table lets go of a subnet, dlinfra does that first; here nothing can. Give the new one another range or name, or do it in two applies: first without it, then with it. Nothing was changed.",
    },
    Code {
        code: "DL0551",
        title: "None of the alternatives is free",
        explain: "A field with alternatives takes the first that nothing else of the blueprint has, and here others have all of them. Add alternatives, or make the others smaller. What something live has is kept as long as it is one of its alternatives.",
    },
    Code {
        code: "DL0552",
        title: "Something protected would end",
        explain: "`protect: never` holds for the resource and for its members: it is not deleted, replaced, made smaller or replaced member by member. Undo the change, or set `protect: off`, apply that, and then make the change. Nothing was changed.",
    },
    Code {
        code: "DL0536",
        title: "A newer build of an image is there",
        explain: "AWS publishes new builds of its images under the same name. A group stays on the build that its first member was started from, so that a larger group is a uniform one. `--replace ADDRESS` makes the group anew from the newest build; an `ami-` id as `image` replaces the members one after the other.",
    },
    Code {
        code: "DL0537",
        title: "Names of images could not be looked up",
        explain: "The ids behind the names of machine images are public parameters of Systems Manager, and they could not be read (`ssm:GetParameters`). Groups that run keep their image. A new group asks again when it is made; a plan for one cannot be saved.",
    },
    Code {
        code: "DL0538",
        title: "Another run is changing the stack",
        explain: "The journal has a run that began and did not end, and the holder of the lock has shown a sign of life in the last 90 s. What is live changes under this plan, so it is only a glimpse; an apply would be refused (DL0510). `dlinfra lock status` tells who it is, and when it has ended.",
    },
    Code {
        code: "DL0531",
        title: "Everything that the journal knows is missing",
        explain: "The journal records objects that were made, and AWS shows none of them. That nearly always means another account, region or endpoint, so dlinfra does not take it as a proof that nothing is left.",
    },
    Code {
        code: "DL0532",
        title: "Two stacks have the same name",
        explain: "Objects in this account and region carry this stack's name and another stack-id than the journal. Somebody else runs a stack of the same name, it was made with another journal, or somebody copied the tags. Only what carries the journal's stack-id is this stack's; the others are named and never changed. Where none of this stack's own objects is there, or no journal says which stack-id is its own, nothing is planned at all.",
    },
    Code {
        code: "DL0560",
        title: "Two objects at one address",
        explain: "Two objects carry this stack's id and the same address: a journal was lost, tags were copied, or AWS hid one for long. The one that the journal knows stands for the address; without it, the older one does. The other stays as it is, whatever the blueprint says, and goes with `dlinfra destroy`.",
    },
    Code {
        code: "DL0561",
        title: "An object of the stack without an address",
        explain: "The object carries this stack's name and id, its tag `dlinfra:address` is missing or not an address, and the journal does not know its id. No resource of the blueprint can be told to be it, so it stays as it is; `dlinfra destroy` removes it. With the tag set again it has its place back.",
    },
    Code {
        code: "DL0562",
        title: "An object has lost its tags",
        explain: "The journal knows the object by its id, it is there, and it does not carry this stack's tags any more. dlinfra never changes what does not carry its tags: the object is neither changed nor removed, nothing is made in its place, and the proof of `dlinfra destroy` names it. Take it back with `dlinfra import`, or delete it by hand.",
    },
    Code {
        code: "DL0563",
        title: "A detail could not be read",
        explain: "AWS did not show a detail of an object that is there, or shows a value that this version of dlinfra does not know. The detail is not compared with the blueprint; everything else is, and the object goes with its stack.",
    },
    Code {
        code: "DL0564",
        title: "A kind of object could not be looked for",
        explain: "The caller may not list objects of this kind, or the region does not have the service. The blueprint wants nothing of it and the journal remembers nothing of it, so plans go on; a proof says what it could not see. Allow the action that the message names if the stack may have such an object after all.",
    },
    Code {
        code: "DL0565",
        title: "Nothing proves that the object is the stack's",
        explain: "The object carries this stack's name, but not its `dlinfra:stack-id`, and the journal does not know its id. Somebody may have written the tag by hand, so the object is never changed or removed.",
    },
    Code {
        code: "DL0549",
        title: "Nothing to decide about a purchase",
        explain: "`--not-bought ADDRESS` tells dlinfra that a purchase whose answer never came was not executed. At this address no purchase is in doubt.",
    },
    Code {
        code: "DL0533",
        title: "`existing:` does not match exactly one object",
        explain: "An `existing:` resource is read and never changed. It must match exactly one object by id, name or tags, so that nobody else's object is used by accident. The message names those that match, or those that there are.",
    },
    Code {
        code: "DL0539",
        title: "An existing object is imagined",
        explain: "`existing:` names an object of the real account, and the sandbox has its own account, in which it is not. So that a plan can be rehearsed, something with that id or name stands for it. An apply cannot make anything in what is not there: for that, serve the sandbox (`dlinfra sandbox serve`) and make the object with the AWS CLI first. A plan in the real account looks for the object, and finds exactly one or ends with DL0533.",
    },
    Code {
        code: "DL0540",
        title: "An import was interrupted",
        explain: "A run was stopped while it was taking up an object that exists: some of it may carry this stack's tags already. Run the same import again; it continues. Until then nothing is planned, because the plan would make a second object or remove a part of the first.",
    },
    Code {
        code: "DL0541",
        title: "Nothing to import",
        explain: "There is no object with this id, name or these tags in the account and region of the stack. dlinfra reads only there; an action that is not allowed is reported as such and never as this.",
    },
    Code {
        code: "DL0542",
        title: "Several objects match",
        explain: "An import takes exactly one object for an address (or the instances of one group), so that nobody else's object is taken by accident. Name it by its id.",
    },
    Code {
        code: "DL0543",
        title: "An address and an object do not fit one to one",
        explain: "The address has an object already, or one object was given to two addresses. Each object has one address, each address one object (an instance group: its instances).",
    },
    Code {
        code: "DL0544",
        title: "An id of another kind",
        explain: "The id belongs to another kind of object than the resource at the address. AWS's ids say what they are of by what they start with: `vpc-`, `subnet-`, `sg-`, `i-`, `fs-`.",
    },
];
