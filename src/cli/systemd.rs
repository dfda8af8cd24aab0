//! Tells systemd how a service is, if it has asked: `sd_notify`, in the form
//! that `NOTIFY_SOCKET` names.

use std::os::unix::net::UnixDatagram;

/// `READY=1` or `STOPPING=1` for the system's service manager; nothing where
/// none has started us with `Type=notify`. One that cannot be told is no
/// reason to fail.
pub(super) fn notify(socket: Option<&String>, state: &str) {
    let Some(place) = socket.filter(|place| !place.is_empty()) else {
        return;
    };
    if let Err(error) = send(place, state) {
        tracing::warn!(%error, state, "the service manager could not be told");
    }
}

fn send(place: &str, state: &str) -> std::io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = place.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt as _;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        socket.send_to_addr(state.as_bytes(), &address)?;
        return Ok(());
    }
    socket.send_to(state.as_bytes(), place)?;
    Ok(())
}
