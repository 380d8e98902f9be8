//! Fetch and push: the client half of the protocol.
