//! Puts the migrations into the program.

fn main() {
    segue_build::embed("migrations");
}
