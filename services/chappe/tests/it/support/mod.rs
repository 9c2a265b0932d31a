mod binary;
mod installation;
mod mesh;
mod rest;

pub(crate) use binary::{Ran, chappe, run};
pub(crate) use installation::Installation;
pub(crate) use mesh::Mesh;
pub(crate) use rest::Rest;
