//! What is wrong with a Terraform state, with its explanation.
use crate::diagnostic::codes;

codes! {
    /// All of them.
    pub(crate) CODES:
    TERRAFORM_STATE = "DL0780", "The Terraform state cannot be read",
        "`import --from-terraform` reads a state of version 4, as every Terraform since 0.12 writes it. States in a remote backend are fetched with `terraform state pull > terraform.tfstate`. A state may hold secrets: dlinfra takes addresses, ids, ARNs and Name tags out of it and shows nothing else.";
}
