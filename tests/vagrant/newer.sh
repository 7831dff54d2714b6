# Run a command with a newer Vagrant than Debian's, from a checkout of
# https://github.com/hashicorp/vagrant, on the Ruby libraries of Debian's package.
# VBoxManage's test double then reports VirtualBox 7.2, or what VBOX_DOUBLE_VERSION says.
# Usage: sh tests/vagrant/newer.sh CHECKOUT COMMAND...
set -eu
checkout=$1
shift
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
cp -a "$checkout" "$home/source"
cd "$home/source"
rm -rf .git ./*.gem
git init --quiet
# Debian has other versions of the libraries. The ones left out are for other systems, part of Ruby,
# or for uploads.
sed -i -E -e '/wdm|rb-kqueue|winrm|extensions|required_ruby/d' \
  -e '/"(base64|csv|hashicorp-checkpoint|ipaddr|logger|net-ftp|ostruct|rubyzip)"/d' \
  -e 's/^( *s\.add_(development_)?dependency "[^"]+").*/\1/' vagrant.gemspec
gem build --silent vagrant.gemspec --output="$home/vagrant.gem"
cd "$OLDPWD"
export GEM_HOME="$home/gems"
GEM_PATH="$GEM_HOME:$(gem env gempath)"
export GEM_PATH
gem install --silent --no-document --local --ignore-dependencies "$home/vagrant.gem"
mkdir "$home/bin"
printf '#!/bin/sh\nexec ruby "%s" "$@"\n' "$(echo "$GEM_HOME"/gems/vagrant-*/bin/vagrant)" >"$home/bin/vagrant"
chmod 755 "$home/bin/vagrant"
export PATH="$home/bin:$PATH" VBOX_DOUBLE_VERSION="${VBOX_DOUBLE_VERSION:-7.2.4r170995}"
vagrant --version
"$@"
