# Pack the whole root as Incus's unified image: metadata.yaml and rootfs/.
cd /run/labctl-export || exit
mv index.yaml metadata.yaml
# In the format of POSIX: the other one has no room for file capabilities.
tar -cf packed.tar --format=posix --owner=0 --group=0 metadata.yaml
tar -C / --format=posix --one-file-system --numeric-owner --xattrs '--xattrs-include=*' --acls \
  '--transform=flags=rhS;s,^\.,rootfs,' -rf packed.tar .
