# Asks the test double everything through Vagrant's own VirtualBox driver, and prints as JSON what
# Vagrant's parsers made of the answers. Usage: parsers.rb BOX.OVF
require "json"
gem "vagrant"
require "vagrant"
require "vagrant/util/subprocess"
providers = Gem.loaded_specs["vagrant"].full_gem_path + "/plugins/providers/virtualbox"
require providers + "/plugin"

Meta = VagrantPlugins::ProviderVirtualBox::Driver::Meta
driver = Meta.new
seen = { "version" => driver.version, "empty" => [driver.read_vms, driver.read_bridged_interfaces] }

master = driver.import(ARGV[0])
seen["no_snapshots"] = driver.list_snapshots(master)
driver.create_snapshot(master, "base")
clone = driver.clonevm(master, "base")
seen["vms"] = driver.read_vms.length
seen["machine_folder"] = driver.read_machine_folder

machine = Meta.new(clone)
machine.set_name("labctl-parsers-host1")
machine.set_mac_address("080027AABBCC")
network = driver.create_host_only_network(adapter_ip: "192.168.56.1", netmask: "255.255.255.0")
seen["created_network"] = network
seen["host_only"] = driver.read_host_only_interfaces
machine.enable_adapters(
  [{ adapter: 1, type: :nat }, { adapter: 2, type: :hostonly, hostonly: network[:name] }]
)
machine.forward_ports(
  [{ name: "ssh", hostip: "127.0.0.1", hostport: 2222, guestport: 22, adapter: 1 }]
)
seen["state"] = machine.read_state
seen["mac"] = machine.read_mac_address
seen["macs"] = machine.read_mac_addresses.length
seen["interfaces"] = machine.read_network_interfaces.select { |_, nic| nic[:type] != :none }
seen["forwarded"] = machine.read_forwarded_ports
seen["ssh_port"] = machine.ssh_port(22)
seen["guest_additions"] = machine.read_guest_additions_version

machine.create_snapshot(clone, "one")
machine.create_snapshot(clone, "two")
seen["snapshots"] = machine.list_snapshots(clone)
machine.restore_snapshot(clone, "one")
machine.create_snapshot(clone, "three")
# "one" now has two children: VirtualBox refuses to delete it.
seen["refused"] =
  begin
    machine.delete_snapshot(clone, "one")
    false
  rescue Vagrant::Errors::VBoxManageError
    true
  end
machine.delete_snapshot(clone, "two")
# The rules of NAT come back with a snapshot.
machine.clear_forwarded_ports
machine.forward_ports(
  [{ name: "ssh", hostip: "127.0.0.1", hostport: 2299, guestport: 22, adapter: 1 }]
)
machine.restore_snapshot(clone, "one")
seen["forwarded_again"] = machine.read_forwarded_ports
machine.enable_adapters([{ adapter: 2, type: :intnet, intnet: "labctl-parsers" }])
seen["internal"] = machine.read_network_interfaces[2]
seen["snapshots_left"] = machine.list_snapshots(clone)
seen["exists"] = [driver.vm_exists?(clone), driver.vm_exists?("no-such-machine")]
machine.delete
Meta.new(master).delete
driver.delete_unused_host_only_networks
seen["left"] = [driver.read_vms, driver.read_host_only_interfaces]

# The host-only networks of VirtualBox 7 on macOS.
RbConfig::CONFIG["host_os"] = "darwin24.0.0"
Vagrant::Util::Platform.reset!
mac = Meta.new
mac_master = mac.import(ARGV[0])
network = mac.create_host_only_network(adapter_ip: "192.168.56.1", netmask: "255.255.255.0")
seen["mac_network"] = network
seen["mac_host_only"] = mac.read_host_only_interfaces
machine = Meta.new(mac_master)
machine.enable_adapters([{ adapter: 2, type: :hostonly, hostonly: network[:name] }])
seen["mac_interface"] = machine.read_network_interfaces[2]
machine.delete
mac.delete_unused_host_only_networks
seen["mac_left"] = mac.read_host_only_interfaces
puts JSON.generate(seen)
