//! The engine's own codes.
use crate::diagnostic::codes;

codes! {
    /// What `dlinfra explain` says about the engine's own codes.
    pub CODES:
    IMAGES_NOT_READ = "DL0537", "Names of images could not be looked up",
        "The ids behind the names of machine images are public parameters of Systems Manager, and they could not be read (`ssm:GetParameters`). Groups that run keep their image. A new group asks again when it is made; a plan for one cannot be saved.";
    ANOTHER_RUN = "DL0538", "Another run is changing the stack",
        "The journal has a run that began and did not end, and the holder of the lock has shown a sign of life in the last 90 s. What is live changes under this plan, so it is only a glimpse; an apply would be refused (DL0510). `dlinfra lock status` tells who it is, and when it has ended.";
    ALL_MISSING = "DL0531", "Everything that the journal knows is missing",
        "The journal records objects that were made, and AWS shows none of them. That nearly always means another account, region or endpoint, so dlinfra does not take it as a proof that nothing is left.";
    STACK_NAME_TWICE = "DL0532", "Two stacks have the same name",
        "Objects in this account and region carry this stack's name and another stack-id than the journal. Somebody else runs a stack of the same name, it was made with another journal, or somebody copied the tags. Only what carries the journal's stack-id is this stack's; the others are named and never changed. Where none of this stack's own objects is there, or no journal says which stack-id is its own, nothing is planned at all.";
    TWO_AT_ONE_ADDRESS = "DL0560", "Two objects at one address",
        "Two objects carry this stack's id and the same address: a journal was lost, tags were copied, or AWS hid one for long. The one that the journal knows stands for the address; without it, the older one does. The other stays as it is, whatever the blueprint says, and goes with `dlinfra destroy`.";
    WITHOUT_ADDRESS = "DL0561", "An object of the stack without an address",
        "The object carries this stack's name and id, its tag `dlinfra:address` is missing or not an address, and the journal does not know its id. No resource of the blueprint can be told to be it, so it stays as it is; `dlinfra destroy` removes it. With the tag set again it has its place back.";
    TAGS_LOST = "DL0562", "An object has lost its tags",
        "The journal knows the object by its id, it is there, and it does not carry this stack's tags any more. dlinfra never changes what does not carry its tags: the object is neither changed nor removed, nothing is made in its place, and the proof of `dlinfra destroy` names it. Take it back with `dlinfra import`, or delete it by hand.";
    DETAIL_NOT_READ = "DL0563", "A detail could not be read",
        "AWS did not show a detail of an existing object, or shows a value that this version of dlinfra does not know. The detail is not compared with the blueprint; everything else is, and the object goes with its stack.";
    KIND_NOT_READ = "DL0564", "A kind of object could not be looked for",
        "The caller may not list objects of this kind, or the region does not have the service. The blueprint wants none of these and the journal remembers none, so plans continue; a proof says what it could not see. Allow the action that the message names if the stack may have such an object after all.";
    UNPROVEN = "DL0565", "Nothing proves that the object is the stack's",
        "The object carries this stack's name, but not its `dlinfra:stack-id`, and the journal does not know its id. Somebody may have written the tag by hand, so the object is never changed or removed.";
    DEGRADED = "DL0566", "Something works, but not as it should",
        "AWS shows the object, and part of what it is for does not happen: a mail address that nobody has confirmed, a link to a bucket that is broken, a machine that does not run. The message says what. dlinfra changes nothing about it by itself where only a person can; plans and `status` say it until it is over.";
    NO_TTL = "DL0567", "The stack has no end",
        "`dlinfra extend` moves the end of a stack that has one. Write `ttl:` into the blueprint and apply it.";
    NOT_LATER = "DL0568", "Not a later end",
        "`dlinfra extend` moves the end of a stack to a later time. To end it sooner, destroy it, or write a shorter `ttl` and apply.";
    NO_PURCHASE = "DL0549", "Nothing to decide about a purchase",
        "`--not-bought ADDRESS` tells dlinfra that a purchase whose answer never came was not executed. At this address no purchase is in doubt.";
    EXISTING_AMBIGUOUS = "DL0533", "`existing:` does not match exactly one object",
        "An `existing:` resource is read and never changed. It must match exactly one object by id, name or tags, so that nobody else's object is used by accident. The message names those that match, or those that there are.";
    IMAGINED = "DL0539", "The sandbox invented an existing object",
        "`existing:` names an object of the real account, and the sandbox has its own account, in which it is not. So that a plan can be rehearsed, something with that id or name stands for it. An apply cannot make anything in what is not there: for that, serve the sandbox (`dlinfra sandbox serve`) and make the object with the AWS CLI first. A plan in the real account looks for the object, and finds exactly one or ends with DL0533.";
    IMPORT_INTERRUPTED = "DL0540", "An import was interrupted",
        "A run was stopped while it was taking up an object that exists: some of it may carry this stack's tags already. Run the same import again; it continues. Until then nothing is planned, because the plan would make a second object or remove a part of the first.";
    NOTHING_TO_IMPORT = "DL0541", "Nothing to import",
        "There is no object with this id, name or these tags in the account and region of the stack. dlinfra reads only there; an action that is not allowed is reported as such and never as this.";
    SEVERAL_MATCH = "DL0542", "Several objects match",
        "An import takes exactly one object for an address (or the instances of one group), so that nobody else's object is taken by accident. Name it by its id.";
    NOT_ONE_TO_ONE = "DL0543", "An address and an object do not fit one to one",
        "The address has an object already, or one object was given to two addresses. Each object has one address, each address one object (an instance group: its instances).";
    OTHER_KIND = "DL0544", "An id of another kind",
        "The id belongs to another kind of object than the resource at the address. AWS's ids say what they are of by what they start with: `vpc-`, `subnet-`, `sg-`, `i-`, `fs-`.";
    NO_STAND_IN = "DL0545", "No stand-in for an existing object",
        "A rehearsal makes a stand-in of the same kind in its simulated AWS for each `existing:` object. For this kind it does not know how, or the simulated AWS has refused it.";
    NOT_FORESEEN = "DL0305", "AWS was not asked beforehand",
        "A plan asks AWS whether it has the zones, instance types, reservations and images that are new in it. The caller may not ask, or the endpoint does not know the question. The plan is right, but what AWS refuses is then found during apply. Allow the action named in the message.";
}
