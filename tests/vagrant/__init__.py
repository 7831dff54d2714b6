"""The VirtualBox path, run with real Vagrant and a test double of VBoxManage."""
