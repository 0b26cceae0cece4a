//! Black-box harness: starts unmodified services, real backends and the built agent.
