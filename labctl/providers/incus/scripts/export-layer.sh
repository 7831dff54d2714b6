# Pack the files named in the list as the backup of a storage volume: index.yaml and volume/.
cd /run/labctl-export || exit
mkdir -p backup/volume
mv index.yaml backup/index.yaml
# In the format of POSIX: the other one has no room for file capabilities.
tar -cf packed.tar --format=posix --owner=0 --group=0 backup
tar -C / --format=posix --null -T list --no-recursion --numeric-owner --xattrs '--xattrs-include=*' --acls \
  '--transform=flags=rhS;s,^\.,backup/volume,' -rf packed.tar
