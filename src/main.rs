//! segue
fn main() {}
