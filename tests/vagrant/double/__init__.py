"""A test double of VBoxManage: the one program that Vagrant's VirtualBox provider calls.

Its machines run in QEMU with software emulation, so real Vagrant starts real guests on machines
without VirtualBox. It knows the subcommands and options that Vagrant and labctl use, and refuses
all others, so that no test passes because the double ignored something.
"""
