//! Scenarios across the whole mesh, and the rules of the house.

mod house;
