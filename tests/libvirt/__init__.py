"""The Vagrant provider on real libvirt, with software emulation."""
