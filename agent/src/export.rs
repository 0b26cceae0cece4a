//! Where spans go: OTLP over gRPC or HTTP, trees or OTLP JSON on stdout.
