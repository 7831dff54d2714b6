# Prints each IPv4 address as `interface|address/prefix`.
Get-NetIPAddress -AddressFamily IPv4 |
  ForEach-Object { "$($_.InterfaceAlias)|$($_.IPAddress)/$($_.PrefixLength)" }
