"""A test double of VBoxManage: the one program that Vagrant's VirtualBox provider calls.

Its machines are QEMU's, under software emulation, so real Vagrant brings up real guests where
VirtualBox cannot run. It knows the subcommands and options that Vagrant and labctl use, and
refuses every other, so that a test cannot pass on something the double merely swallowed.
"""
