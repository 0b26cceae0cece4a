//! What the agent counts about itself, in Prometheus form, and its health endpoints.
