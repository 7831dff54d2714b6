# Pack the whole root as Incus's unified image: metadata.yaml and rootfs/.
cd /run/labctl-export || exit
mv index.yaml metadata.yaml
tar -cf packed.tar --owner=0 --group=0 metadata.yaml
tar -C / --one-file-system --numeric-owner --xattrs '--xattrs-include=*' --acls \
  '--transform=flags=rhS;s,^\.,rootfs,' -rf packed.tar .
