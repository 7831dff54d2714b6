# Wait until systemd has finished booting. A failed unit is not an error here, and one that hangs is
# not waited for longer: checks find both.
until [ -S /run/dbus/system_bus_socket ]; do sleep 0.05; done
timeout 50 systemctl is-system-running --wait || :
