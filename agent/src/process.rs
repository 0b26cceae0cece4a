//! Who the processes are: discovery, selection, runtime, service name, resource.
