//! A simulated AWS behind the SDK HTTP seam.
