//! dlinfra
