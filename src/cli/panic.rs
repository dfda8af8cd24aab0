//! What is said when an invariant of ours does not hold.

use std::io::Write as _;

/// Asks for a report, beside the place of the panic. Arguments and environment
/// are left out: they may hold a password.
pub fn install() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        usual(info);
        // Nothing can be done where even this cannot be written.
        let _ = writeln!(
            std::io::stderr(),
            "\nThis is a bug in segue {}. What was committed stands, and `segue up` goes on from \
             there.\nPlease report it with the lines above and what you ran.",
            env!("CARGO_PKG_VERSION"),
        );
    }));
}
